// `iovqa inspect mask|frames|model`: what the model gets, before any compute is spent.
import { join } from 'node:path';
import { UserError, nearest, oneLine, show } from '../../core/index.ts';
import { makeFolder } from '../../files/index.ts';
import { buildExample, formatMaskReport, maskReport } from '../../example/index.ts';
import { openCheckpoint } from '../../model/index.ts';
import { askAbout, frameOptions, loadQuestioner, positionOptions } from '../../score/index.ts';
import type { TrainRow } from '../../train/index.ts';
import { adoptTable, chooseRecipe, readRunRows, scorerSettings } from '../../train/index.ts';
import type { FramePlan } from '../../video/index.ts';
import { openFrameReader, writePng } from '../../video/index.ts';
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

/** Commands that write no run still need a recipe with an `out`. */
const noRun = { out: 'runs/inspect' };

function findRow(rows: readonly TrainRow[], name: string | undefined): TrainRow {
  if (name === undefined) return rows[0]!;
  const row = rows.find(({ id }) => id === name);
  if (row !== undefined) return row;
  const guess = nearest(
    name,
    rows.map(({ id }) => id),
  );
  const hint = guess === undefined ? {} : { hint: `did you mean ${show(guess)}?` };
  throw new UserError('bad-input', `--clip: expected a clip of the manifest, got ${show(name)}`, hint);
}

/**
 * Runs `iovqa inspect mask`.
 * @param terminal - where it is shown
 * @param path - recipe file
 * @param flags - flags
 */
export async function inspectMask(
  terminal: Terminal,
  path: string | undefined,
  flags: InspectMaskFlags,
): Promise<void> {
  const { recipe } = await chooseRecipe(await adoptTable(await recipeOf(path, flags, noRun)));
  const data = await readRunRows(recipe);
  const row = findRow(data.rows, flags.clip);
  const checkpoint = await openCheckpoint(recipe.model);
  const settings = scorerSettings(recipe, data);
  const questioner = await loadQuestioner(checkpoint, settings, recipe.prompt);
  const { tokenizer, codec, endTokenId } = questioner;
  await using reader = openFrameReader({ workers: 1 });
  const { plan, visions } = await reader.read(row, frameOptions(checkpoint, settings.frames));
  const prompt = askAbout({ as: plan.as, shapes: visions }, checkpoint, questioner, row.prompt);
  const example = buildExample({
    ...positionOptions(checkpoint, settings.positions),
    prompt,
    answer: codec.encode(row.unit5),
    tokenizer,
    endTokenId,
    targets: recipe.loss === 'response' ? 'response' : 'integer-only',
  });
  const report = maskReport(example, tokenizer);
  if (flags.json === true) printJson(terminal, { clip: row.id, mos: row.mos, answer: example.answer, tokens: report });
  else printLines(terminal, [`${row.id}: ${row.mos} is answered ${show(example.answer)}`, formatMaskReport(report)]);
}

/**
 * Runs `iovqa inspect frames`.
 * @param terminal - where it is shown
 * @param path - recipe file
 * @param flags - flags
 */
export async function inspectFrames(
  terminal: Terminal,
  path: string | undefined,
  flags: InspectFramesFlags,
): Promise<void> {
  const { recipe } = await chooseRecipe(await adoptTable(await recipeOf(path, flags, noRun)));
  const data = await readRunRows(recipe);
  const all = data.rows;
  const rows = flags.clip === undefined ? all : flags.clip.map((name) => findRow(all, name));
  const checkpoint = await openCheckpoint(recipe.model);
  const options = frameOptions(checkpoint, scorerSettings(recipe, data).frames);
  await using reader = openFrameReader({ workers: recipe.run.workers });
  await makeFolder(flags.to);
  const written: { clip: string; files: string[]; plan: FramePlan }[] = [];
  const stems = new Set<string>();
  for (const row of rows) {
    try {
      const { plan, rgb } = await reader.read(row, options);
      const stem = freshStem(row.id, stems);
      const files = rgb.map((_, i) => join(flags.to, `${stem}-${plan.frames[i]?.index ?? i}.png`));
      for (const [i, frame] of rgb.entries()) await writePng(files[i]!, frame);
      written.push({ clip: row.id, files, plan });
      if (flags.json !== true) printLines(terminal, files);
      for (const note of plan.notes) terminal.tell(`note: ${oneLine(row.id)}: ${note}`);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      terminal.tell(error.message);
      terminal.exitStatus = 1;
    }
  }
  if (flags.json === true) printJson(terminal, written);
}

/** A clip's name as part of a file's name, another one for each clip. */
function freshStem(id: string, taken: Set<string>): string {
  const plain = id.replaceAll(/[^\w.-]/g, '_');
  let stem = plain;
  for (let i = 2; taken.has(stem); i++) stem = `${plain}-${i}`;
  taken.add(stem);
  return stem;
}

/** Flags of `inspect model`. */
export interface InspectModelFlags {
  /** Write a JSON value. */
  json?: boolean;
}

/**
 * Runs `iovqa inspect model`.
 * @param terminal - where it is shown
 * @param folder - model folder
 * @param flags - flags
 */
export async function inspectModel(terminal: Terminal, folder: string, flags: InspectModelFlags): Promise<void> {
  const checkpoint = await openCheckpoint(folder);
  const { text, vision, processor, names, stored } = checkpoint;
  const count = (filter: (name: string) => boolean): number =>
    names.filter(filter).reduce((total, name) => total + stored(name).shape.reduce((a, b) => a * b, 1), 0);
  const parameters = {
    vision: count((name) => name.startsWith('visual.')),
    text: count((name) => !name.startsWith('visual.')),
  };
  const dtypes = [...new Set(names.map((name) => stored(name).dtype))];
  const hash = await checkpoint.hash();
  if (flags.json === true) {
    printJson(terminal, { folder, hash, parameters, dtypes, text, vision, processor });
    return;
  }
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
