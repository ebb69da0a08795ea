// A file of scores from its first row to its last, in one go or in many: begun, gone on with, failed rows scored again. One process
// writes it at a time. However often the work is stopped, the file ends with the same bytes.
import { asWriteError } from '../../files/index.ts';
import { rowsOfGroup } from '../score-stream.ts';
import { appendScores, lineFormat } from './append.ts';
import { beginningOf, claimFile } from './claim.ts';
import type { BegunRows } from './go-on.ts';
import { compareWithList, requireSameMeta, requireSamePart } from './go-on.ts';
import { shapeOfMeta } from './line.ts';
import { describeList } from './list-hash.ts';
import type { ScoresMeta } from './meta.ts';
import { hashOfMeta, writeScoresMeta } from './meta.ts';
import type { ListPart } from './part.ts';
import { partName, requirePart, rowsOfPart } from './part.ts';
import { readStoredLines, scoresForm } from './read.ts';
import { replaceRows } from './replace.ts';
import type { ClipList, ListScorer, ScoredRow } from './score-list.ts';
import { scoreList } from './score-list.ts';

/** How a file of scores is opened. */
export interface ScoresFileOptions {
  /** Go on with a file that was begun; rows in it stay, those with an error too. Default: the file must be new. */
  resume?: boolean;
  /** As `resume`, and rows with an error are scored again first, into a new file that replaces the old one when it is whole. */
  retryFailed?: boolean;
  /** Score only this part of the list; `mergeScores` joins the files of all parts. Default: the whole list. */
  part?: ListPart;
}

/** What a list's scoring tells while it goes on. */
export interface ScoringListener {
  /**
   * Is told what the file holds already, before the first row is scored.
   * @param numKept - rows that stay as they are
   * @param numFailed - those of them that have an error
   */
  onKept?: (numKept: number, numFailed: number) => void;
  /** Is told each row that was written. */
  onRow?: (row: ScoredRow) => void;
  /** Is told what a user should know. */
  onNote?: (text: string) => void;
  /** Stops the work with its reason. */
  signal?: AbortSignal;
}

/** A file of scores that this process writes. Dispose of it to let others. */
export interface ScoresFile extends AsyncDisposable {
  /**
   * Scores the rows of a list that the file lacks, in the order of the list.
   * @param scorer - a `Scorer` or an `Ensemble`, opened with the default batch size
   * @param list - the list; rows of a file that was begun must be its first ones
   * @param listener - is told how it goes
   * @throws UserError `bad-input` when the file was made by something else, or of another list
   */
  score: (scorer: ListScorer, list: ClipList, listener?: ScoringListener) => Promise<void>;
}

/**
 * Opens a file of scores, and locks it.
 * @param path - the file, `.jsonl` or `.csv`, or a link to one; folders above it are made
 * @param options - whether it may have been begun
 * @throws UserError `bad-input` when it may not be gone on with, or another process writes it
 */
export async function openScoresFile(path: string, options: ScoresFileOptions = {}): Promise<ScoresFile> {
  const { resume = false, retryFailed = false, part } = options;
  if (part !== undefined) requirePart(part);
  const { place, lock } = await claimFile(path);
  let before: ScoresMeta | null;
  try {
    before = await beginningOf(path, resume || retryFailed);
    if (before !== null) requireSamePart(path, before.part, part);
  } catch (error) {
    await lock.release();
    throw error;
  }
  const telling = async <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw asWriteError(error, path);
    });
  return {
    score: async (scorer, list, listener = {}) => {
      const { onKept, onRow, onNote, signal } = listener;
      const described = await scorer.describe();
      const meta: ScoresMeta = {
        ...described,
        // A file keeps the format that it was begun in.
        format: before?.format ?? described.format,
        ...(part === undefined ? {} : { part: { ...part, ...(await describeList(list, hashOfMeta(described))) } }),
      };
      let begun: BegunRows = { numRows: 0, lastRow: 0, length: 0, failed: new Set(), hasMore: true };
      if (before === null) await telling(writeScoresMeta(path, meta));
      else {
        for (const text of requireSameMeta(path, before, meta)) onNote?.(text);
        if (meta.format === 1 && scoresForm(path) === 'jsonl') {
          onNote?.(
            `${path} was begun by a version that kept no distributions: its rows go on without; another file would have them`,
          );
        }
        if (before.machine.hash !== meta.machine.hash) {
          const change = `${before.machine.cpu} -> ${meta.machine.cpu}`;
          onNote?.(`${path} was begun on another machine (${change}): rows may differ from its in their last digits`);
        }
        begun = await compareWithList(path, meta, list, retryFailed);
      }
      const { numRows, lastRow } = begun;
      const size = rowsOfGroup(meta.runtime.batchSize);
      if (retryFailed && begun.failed.size > 0) {
        onKept?.(numRows - begun.failed.size, 0);
        begun = await telling(retry(path, begun, { place, scorer, meta, list, size, listener }));
      } else {
        onKept?.(numRows, begun.failed.size);
      }
      if (before?.part !== undefined && before.part.listHash !== meta.part!.listHash) {
        // Its rows are those of the list as it is now.
        await telling(writeScoresMeta(path, { ...before, part: meta.part }));
        onNote?.(`the list has changed since ${partName(meta.part!)} was begun: --resume the other parts with it, too`);
      }
      await using file = await appendScores(path, shapeOfMeta(meta), begun.length);
      if (begun.hasMore) {
        // The group in which the work stopped is read again as a whole: who stands in a group moves the last bits of its rows.
        const start = lastRow - (lastRow % size);
        const own = rowsOfPart(part, meta.runtime.batchSize);
        const isMeant = (row: number): boolean => row > start && own.has(row);
        for await (const row of scoreList(scorer, meta, list, { isMeant, signal })) {
          if (row.line.row <= lastRow) continue;
          await file.write(row.line);
          onRow?.(row);
        }
      }
      await file.end();
    },
    [Symbol.asyncDispose]: () => lock.release(),
  };
}

/** What failed rows are scored again with. */
interface Retry {
  /** The file itself, where `path` is a link. */
  place: string;
  scorer: ListScorer;
  meta: ScoresMeta;
  list: ClipList;
  size: number;
  listener: ScoringListener;
}

/** Writes the file anew, with failed rows as they come out now and the others as they were; the old one stays until it is whole. */
async function retry(path: string, begun: BegunRows, options: Retry): Promise<BegunRows> {
  const { place, scorer, meta, list, size, listener } = options;
  const groups = new Set([...begun.failed].map((row) => Math.ceil(row / size)));
  const isMeant = (row: number): boolean => groups.has(Math.ceil(row / size));
  const shape = shapeOfMeta(meta);
  const format = lineFormat(path, shape);
  const after: BegunRows = { ...begun, failed: new Set() };
  after.length = await replaceRows(path, place, shape, async (put) => {
    const scored = scoreList(scorer, meta, list, { isMeant, signal: listener.signal });
    try {
      for await (const stored of readStoredLines(path, meta)) {
        if (!stored.hasFailed) {
          await put(stored.bytes);
          continue;
        }
        const row = await rowOf(scored, stored.row);
        if (row.line.error !== undefined) after.failed.add(stored.row);
        await put(Buffer.from(format(row.line)));
        listener.onRow?.(row);
      }
    } finally {
      await scored.return();
    }
  });
  return after;
}

async function rowOf(scored: AsyncGenerator<ScoredRow, void>, row: number): Promise<ScoredRow> {
  for (;;) {
    const next = await scored.next();
    if (next.done === true) throw new Error(`expected the score of row ${row}, got the end of the list`);
    if (next.value.line.row === row) return next.value;
  }
}
