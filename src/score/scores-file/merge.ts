// Joins the files of all parts of a list: into the very file that the whole list would have been scored to, or not at all.
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { UserError, commandLine, shellWord } from '../../core/index.ts';
import { beginningOf, claimFile } from './claim.ts';
import { differencesInWords } from './go-on.ts';
import { shapeOfMeta } from './line.ts';
import { startListHash } from './list-hash.ts';
import type { ScoresMeta } from './meta.ts';
import { requireScoresMeta, writeScoresMeta } from './meta.ts';
import type { ScoresPart } from './part.ts';
import { partName, rowsOfPart } from './part.ts';
import type { StoredLine } from './read.ts';
import { readStoredLines } from './read.ts';
import { replaceRows } from './replace.ts';

/** What a merge tells while it goes on. */
export interface MergeListener {
  /** Is told how many rows of the list are done, and how many it has. */
  onRow?: (done: number, total: number) => void;
  /** Is told what a user should know. */
  onNote?: (text: string) => void;
}

/** What was merged. */
export interface MergedScores {
  /** Parts. */
  numParts: number;
  /** Rows of the list, which the file has. */
  numRows: number;
  /** Rows that have an error. */
  numFailed: number;
}

/** A file with its part. */
interface PartFile {
  path: string;
  meta: ScoresMeta;
  part: ScoresPart;
}

/** Bytes that are read of a file at a time; all parts are open at once. */
const CHUNK = 1 << 16;

/**
 * Joins the scores of all parts of a list.
 * @param paths - the file of each part, in any order, with their descriptions beside them
 * @param out - a new file of the same form; with its description, it is byte for byte what the whole list would have been scored to
 * @param listener - is told how it goes
 * @throws UserError `bad-input` when a part is missing, given twice or not whole, when parts are of different lists or made by
 *   different models or settings, and for rows that are not those of the list. Nothing is written then
 */
export async function mergeScores(
  paths: readonly string[],
  out: string,
  listener: MergeListener = {},
): Promise<MergedScores> {
  const { onRow, onNote } = listener;
  const files = await openParts(paths, out);
  const [first] = files;
  for (const file of files.slice(1)) for (const note of requireAlike(first!, file)) onNote?.(note);
  requireAll(files);
  const machines = new Map(files.map(({ meta: { machine } }) => [machine.hash, machine.cpu]));
  if (machines.size > 1) {
    const cpus = [...new Set(machines.values())].join(', ');
    onNote?.(
      `the parts were made on ${machines.size} kinds of machines (${cpus}): rows may differ in their last digits`,
    );
  }
  const { meta, part } = first!;
  const { part: _part, ...whole } = meta;
  let numFailed = 0;
  const { place, lock } = await claimFile(out);
  try {
    await beginningOf(out, false);
    await replaceRows(out, place, shapeOfMeta(meta), async (put) => {
      for await (const { bytes, row, hasFailed } of rowsInOrder(files)) {
        if (hasFailed) numFailed++;
        await put(bytes);
        onRow?.(row, part.numRows);
      }
      await writeScoresMeta(out, whole);
    });
  } finally {
    await lock.release();
  }
  return { numParts: files.length, numRows: part.numRows, numFailed };
}

/** The parts, by their numbers. */
async function openParts(paths: readonly string[], out: string): Promise<PartFile[]> {
  if (paths.length === 0) throw new UserError('bad-input', 'scores merge: expected the file of each part, got none');
  const files: PartFile[] = [];
  for (const path of paths) {
    const isThere = await stat(path).then(
      () => true,
      () => false,
    );
    if (!isThere) throw new UserError('bad-input', `${path}: expected a scores file, got none`);
    if (extname(path) !== extname(out)) {
      throw new UserError('bad-input', `--out: expected a file of the form of ${path}, got ${out}`);
    }
    const meta = await requireScoresMeta(path);
    if (meta.part === undefined) {
      throw new UserError('bad-input', `${path}: expected scores of a part of a list, got those of a whole one`, {
        hint: `${commandLine('score LIST --part I/N --out FILE')} scores a part.`,
      });
    }
    files.push({ path, meta, part: meta.part });
  }
  return files.sort((a, b) => a.part.number - b.part.number);
}

/**
 * Refuses a part that does not belong to the first.
 * @returns what to know of differences that are let through
 */
function requireAlike(first: PartFile, { path, meta, part }: PartFile): string[] {
  const { path: other, part: its } = first;
  if (part.of !== its.of) {
    throw new UserError('bad-input', `${path}: expected a part of ${its.of}, as ${other} is, got ${partName(part)}`);
  }
  const { major, minor } = differencesInWords(first.meta, meta);
  if (major.length > 0) {
    throw new UserError('bad-input', `${path}: expected what made ${other}, got ${major.join('; ')}`, {
      hint: 'FILE.meta.json says what made the rows of a file. Score the part again as the others, to a new file.',
    });
  }
  if (part.numRows !== its.numRows || part.listHash !== its.listHash) {
    const got = part.numRows === its.numRows ? 'of other clips or prompts' : `of ${part.numRows}`;
    throw new UserError(
      'bad-input',
      `${path}: expected a part of the list of ${other}, of ${its.numRows} rows, got one ${got}`,
      { hint: 'Where the list has grown since, score each part with it once more, with --resume.' },
    );
  }
  return minor.map((one) => `${path} was made with other values than ${other} ${one}`);
}

/** Refuses parts that are given twice, and those that are not given. */
function requireAll(files: readonly PartFile[]): void {
  const { of } = files[0]!.part;
  const given = new Map<number, string>();
  for (const { path, part } of files) {
    const twin = given.get(part.number);
    if (twin !== undefined) {
      throw new UserError(
        'bad-input',
        `${path}: expected each part once, got ${partName(part)}, which ${twin} is, too`,
      );
    }
    given.set(part.number, path);
  }
  if (given.size === of) return;
  const missing = Array.from({ length: of }, (_, i) => i + 1).filter((number) => !given.has(number));
  throw new UserError(
    'bad-input',
    `scores merge: expected all of ${of} parts, got none of ${ranges(missing).join(', ')}`,
    { hint: `${commandLine(`score LIST --part ${missing[0]}/${of} --out FILE`)} scores one that is missing.` },
  );
}

/** Numbers as ranges, such as `2, 5–7`. */
function ranges(numbers: readonly number[]): string[] {
  const found: [from: number, to: number][] = [];
  for (const number of numbers) {
    const last = found.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else found.push([number, number]);
  }
  return found.map(([from, to]) => (from === to ? String(from) : `${from}–${to}`));
}

/** The rows of the list in order, each from the file of its part; at the end, it is seen whether they are all, and those of the list. */
async function* rowsInOrder(files: readonly PartFile[]): AsyncGenerator<StoredLine, void> {
  const { part, meta } = files[0]!;
  const hash = startListHash();
  const sources = files.map((file) => ({
    ...file,
    own: rowsOfPart(file.part, meta.runtime.batchSize),
    rows: readStoredLines(file.path, file.meta, CHUNK),
    numRead: 0,
    isWhole: true,
  }));
  try {
    let from = 0;
    for (let row = 1; row <= part.numRows; row++) {
      if (!sources[from]!.own.has(row)) from = (from + 1) % sources.length;
      const source = sources[from]!;
      if (!source.isWhole) continue;
      const next = await source.rows.next();
      if (next.done === true) source.isWhole = false;
      else {
        source.numRead++;
        hash.add(next.value.clip, next.value.key);
        yield next.value;
      }
    }
    const torn = sources.filter(({ isWhole }) => !isWhole);
    if (torn.length > 0) {
      const gaps = torn.map(
        (one) =>
          `${one.path}: expected ${one.own.count(part.numRows)} rows of ${partName(one.part)}, got ${one.numRead}`,
      );
      const words = `score LIST --part ${torn[0]!.part.number}/${part.of} --out ${shellWord(torn[0]!.path)} --resume`;
      throw new UserError('bad-input', gaps.join('; '), { hint: `${commandLine(words)} scores the rest of a part.` });
    }
    for (const { path, rows } of sources) {
      const next = await rows.next();
      if (next.done !== true) {
        const got = `got row ${next.value.row}`;
        throw new UserError('bad-input', `${path}: expected the end of a list of ${part.numRows} rows, ${got}`);
      }
    }
    if (hash.digest() !== part.listHash) {
      throw new UserError('bad-input', 'scores merge: expected the clips and keys of the list, got others', {
        hint: 'Rows were changed after they were scored. Score the list to other files.',
      });
    }
  } finally {
    for (const { rows } of sources) await rows.return();
  }
}
