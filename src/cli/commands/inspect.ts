// `iovqa inspect mask|frames|model`: what the model gets, in words.
import type { InspectedFrames } from '../../checks/index.ts';
import { inspectFrames, inspectMask, inspectModel } from '../../checks/index.ts';
import { oneLine, show } from '../../core/index.ts';
import { formatMaskReport } from '../../inputs/index.ts';
import { formatTable, printJson, printLines } from '../output.ts';
import type { RecipeFlags } from '../recipe-options.ts';
import { recipeOf } from '../recipe-options.ts';
import type { Terminal } from '../terminal.ts';

/** Flags of `inspect mask`. */
export interface InspectMaskFlags extends RecipeFlags {
  /** Name of a clip. */
  clip?: string;
  /** Write a JSON value. */
  json?: boolean;
}

/** Flags of `inspect frames`. */
export interface InspectFramesFlags extends RecipeFlags {
  /** Where the PNG files go. */
  to: string;
  /** Names of clips. */
  clip?: string[];
  /** Write a JSON value. */
  json?: boolean;
}

/** Flags of `inspect model`. */
export interface InspectModelFlags {
  /** Write a JSON value. */
  json?: boolean;
}

/** Commands that write no run still need a recipe with an `out`. */
const noRun = { out: 'runs/inspect' };

/**
 * Runs `iovqa inspect mask`.
 * @param terminal - where it is shown
 * @param path - recipe file
 */
export async function inspectMaskCommand(
  terminal: Terminal,
  path: string | undefined,
  flags: InspectMaskFlags,
): Promise<void> {
  const found = await inspectMask(await recipeOf(path, flags, noRun), flags.clip);
  const { clip, mos, answer, tokens } = found;
  if (flags.json === true) printJson(terminal, found);
  else printLines(terminal, [`${clip}: ${mos} is answered ${show(answer)}`, formatMaskReport(tokens)]);
}

/**
 * Runs `iovqa inspect frames`. The exit status is 1 when a clip cannot be read.
 * @param terminal - where it is shown
 * @param path - recipe file
 */
export async function inspectFramesCommand(
  terminal: Terminal,
  path: string | undefined,
  flags: InspectFramesFlags,
): Promise<void> {
  const { to, clip: clips } = flags;
  const written: InspectedFrames[] = [];
  const options = { to, ...(clips === undefined ? {} : { clips }) };
  for await (const found of inspectFrames(await recipeOf(path, flags, noRun), options)) {
    if ('error' in found) {
      terminal.tell(found.error.message);
      terminal.exitStatus = 1;
      continue;
    }
    written.push(found);
    if (flags.json !== true) printLines(terminal, found.files);
    for (const note of found.plan.notes) terminal.tell(`note: ${oneLine(found.clip)}: ${note}`);
  }
  if (flags.json === true) printJson(terminal, written);
}

/**
 * Runs `iovqa inspect model`.
 * @param terminal - where it is shown
 * @param folder - model folder
 */
export async function inspectModelCommand(terminal: Terminal, folder: string, flags: InspectModelFlags): Promise<void> {
  const found = await inspectModel(folder);
  if (flags.json === true) {
    printJson(terminal, found);
    return;
  }
  const { hash, parameters, dtypes, text, vision, processor } = found;
  const rows = Object.entries({ text, vision, processor }).flatMap(([part, values]) =>
    Object.entries(values).map(([key, value]) => [part, key, JSON.stringify(value)] as const),
  );
  printLines(terminal, [
    `${parameters.text.toLocaleString('en')} parameters in the text model, ${parameters.vision.toLocaleString('en')} in the vision tower, ${dtypes.join(' and ')}`,
    `hash ${hash}`,
    '',
    ...formatTable(['part', 'key', 'value'], rows),
  ]);
}
