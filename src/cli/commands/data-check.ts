// `iovqa data check`: what checks of a data set found, in words: first whether it is fit for use, then what matters most.
import type { DataCheck } from '../../checks/index.ts';
import { checkData } from '../../checks/index.ts';
import { commandLine, oneLine, shellWord } from '../../core/index.ts';
import { sidecarPath, storeTableOptions } from '../../dataset/index.ts';
import type { DecoderName } from '../../video/index.ts';
import { printJson, printLines } from '../output.ts';
import { startProgress } from '../progress.ts';
import type { TableFlags } from '../table-options.ts';
import { tableArguments, tableOptionsOf } from '../table-options.ts';
import type { Terminal } from '../terminal.ts';

/** Flags of `data check`. */
export interface DataCheckFlags extends TableFlags {
  /** Whether clips are opened. */
  decode: boolean;
  /** Processes that decode clips. */
  workers?: number;
  /** What decodes videos. */
  decoder?: DecoderName;
  /** Write the flags that say how the table is read into the file beside it. */
  writeOptions?: boolean;
  /** Write a JSON value. */
  json?: boolean;
}

/**
 * Runs `iovqa data check`. The exit status is 1 when rows or clips are wrong.
 * @param terminal - where it is shown
 * @param path - manifest
 */
export async function dataCheck(terminal: Terminal, path: string, flags: DataCheckFlags): Promise<void> {
  let progress: ReturnType<typeof startProgress> | undefined;
  let check: DataCheck;
  try {
    check = await checkData(path, {
      ...tableOptionsOf(flags),
      decode: flags.decode,
      ...(flags.decoder === undefined ? {} : { decoder: flags.decoder }),
      ...(flags.workers === undefined ? {} : { workers: flags.workers }),
      onProgress: (done, of) => (progress ??= startProgress(terminal, 'opening clips', of)).update(done),
    });
  } finally {
    progress?.stop();
  }
  for (const note of check.tableNotes) terminal.tell(`note: ${note}`);
  if (flags.json === true) {
    const { isReadable: _, tableNotes: __, ...found } = check;
    printJson(terminal, found);
  } else printLines(terminal, told(path, check, flags));
  if (flags.writeOptions === true) await writeOptions(terminal, path, check.isReadable, flags);
  if (check.problems.length > 0) terminal.exitStatus = 1;
}

/** Only what the table could be read with is written down. */
async function writeOptions(
  terminal: Terminal,
  path: string,
  isReadable: boolean,
  flags: DataCheckFlags,
): Promise<void> {
  if (!isReadable) {
    terminal.tell(`note: ${oneLine(sidecarPath(path))} is not written, since the table could not be read`);
    return;
  }
  const written = await storeTableOptions(path, tableOptionsOf(flags));
  terminal.tell(`note: ${oneLine(written)} holds these options now; every command reads it`);
}

function told(path: string, check: DataCheck, flags: DataCheckFlags): string[] {
  const { problems, hints, traps, leaks, duplicates, notes } = check;
  return [
    `${oneLine(path)}: ${verdict(check, flags.decode)}`,
    ...facts(check),
    ...section('problems', problems, problems.length),
    ...hints.map((hint) => `hint: ${hint}`),
    ...section('probably not meant, or easily overlooked', traps),
    ...section('groups and prompts torn apart by splits', leaks),
    ...section('near-duplicate pictures across splits', duplicates.acrossSplits),
    ...section('near-duplicate pictures within a split', duplicates.withinSplits),
    ...section('what to know of the clips', notes),
    '',
    ...next(path, check, flags),
  ];
}

/** Whether it can be used, in half a sentence. */
function verdict({ rows, good, problems }: DataCheck, decoded: boolean): string {
  const clips = counted(rows, 'clip');
  if (problems.length === 0)
    return `${clips}, ${decoded ? 'all of them can be used' : 'no row is wrong (clips were not opened)'}`;
  return good === 0 ? `none of ${clips} can be used` : `${good} of ${clips} can be used`;
}

function facts({ scale, scores, groups, groupBy, splits }: DataCheck): string[] {
  const { min, max, mean, std, distinct } = scores;
  const names = Object.entries(splits).map(([name, count]) => `${oneLine(name)} ${count}`);
  const what = groupBy === 'prompt' ? 'none; clips of one prompt stay together' : 'none; each clip stands for itself';
  return [
    min === null
      ? `scores: none, on the scale ${scale}`
      : `scores: ${min} to ${max} on the scale ${scale}, mean ${mean}, deviation ${std}, ${counted(distinct, 'value')}`,
    `groups: ${groups === 0 ? what : groups}`,
    `splits: ${names.length === 0 ? 'none' : names.join(', ')}`,
  ];
}

/** The command that comes next. */
function next(path: string, { problems, good }: DataCheck, flags: DataCheckFlags): string[] {
  const table = tableArguments(flags);
  const words = (...parts: string[]): string => commandLine([...parts, ...table].map(shellWord).join(' '));
  if (problems.length > 0) {
    const again = `next: mend what is listed, then ${words('data', 'check', path)}`;
    return good === 0 ? [again] : [again, 'or train without these clips: --set data.maxBadFraction=SHARE'];
  }
  return [`next: ${words('train', '--manifest', path, '--model', 'models/nano', '--out', 'runs/first')}`];
}

function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

/** A list below its title, cut after `limit` lines. */
function section(title: string, lines: readonly string[], limit = 20): string[] {
  if (lines.length === 0) return [];
  const shown = lines.slice(0, limit).map((line) => `  ${line}`);
  return [
    '',
    `${title}: ${lines.length}`,
    ...shown,
    ...(lines.length > limit ? [`  … and ${lines.length - limit} more; --json lists them all`] : []),
  ];
}
