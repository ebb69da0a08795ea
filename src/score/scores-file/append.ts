// Appends rows to a file of scores, each whole: what a kill or a full disk tears is cut off by who opens the file next.
import { dirname } from 'node:path';
import { asWriteError, makeFolder, openOutput } from '../../files/index.ts';
import type { ScoreLine, ScoreLineShape } from './line.ts';
import { scoreColumns, scoreCsvLine } from './line.ts';
import { scoresForm } from './read.ts';

/** A file of scores that is open for appending. */
export interface ScoresAppender {
  /**
   * Appends a row.
   * @param line - the row
   * @throws UserError `bad-input` when the disk is full, or the file was moved or deleted meanwhile
   */
  write: (line: ScoreLine) => Promise<void>;
  /** Forces the rows to disk. */
  end: () => Promise<void>;
  /** Closes the file. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/** Rows after which it is seen whether the file is still where it was. */
const LOOK_AFTER = 64;

/**
 * The text of a row, with its end.
 * @param path - the file of scores, whose ending says its form
 * @param shape - its columns
 */
export function lineFormat(path: string, shape: ScoreLineShape): (line: ScoreLine) => string {
  if (scoresForm(path) === 'jsonl') return (line) => `${JSON.stringify(line)}\n`;
  const columns = scoreColumns(shape);
  return (line) => scoreCsvLine(line, columns);
}

/**
 * Opens a file of scores for appending.
 * @param path - the file; made when missing, with the folders above it
 * @param shape - its columns
 * @param length - bytes of its whole rows; what is behind them is cut off
 */
export async function appendScores(path: string, shape: ScoreLineShape, length: number): Promise<ScoresAppender> {
  const telling = async <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw asWriteError(error, path);
    });
  const format = lineFormat(path, shape);
  await telling(makeFolder(dirname(path)));
  const file = await telling(openOutput(path, 'append'));
  let count = 0;
  try {
    if (file.size > length) await telling(file.truncate(length));
    if (length === 0 && scoresForm(path) === 'csv') await telling(file.write(`${scoreColumns(shape).join()}\n`));
  } catch (error) {
    await file.close();
    throw error;
  }
  return {
    write: async (line) => {
      if (count++ % LOOK_AFTER === 0) await file.requireInPlace();
      await telling(file.write(format(line)));
    },
    end: async () => {
      await file.requireInPlace();
      await telling(file.sync());
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}
