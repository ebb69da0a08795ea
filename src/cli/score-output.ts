// Where scores go, one row at a time: a file of JSON lines or CSV, or stdout as a table, CSV or JSON.
import { once } from 'node:events';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { oneLine } from '../core/index.ts';
import { formatCsvLine } from '../dataset/index.ts';
import { asWriteError, openJsonLines, openOutput, temporaryFor } from '../files/index.ts';
import type { ScoreLine } from '../score/index.ts';
import { scoreColumns, scoreCsvLine } from '../score/index.ts';
import { decimals } from './output.ts';
import { out as writeOut } from './terminal.ts';

/** Takes rows. */
export interface ScoreOutput {
  /** Writes a row; resolves when more can be taken. */
  write: (line: ScoreLine) => Promise<void>;
  /** Completes what was written. */
  end: () => Promise<void>;
  /** Gives up: a file that only makes sense whole is not there afterwards. Does nothing after `end`. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/** Where rows go. */
export interface ScoreOutputFlags {
  /** File that gets the scores. */
  out?: string;
  /** Write CSV to stdout. */
  csv?: boolean;
  /** Write a JSON array to stdout. */
  json?: boolean;
}

/**
 * Opens an output.
 * @param flags - file, or form
 * @param numMembers - members of the ensemble that scores; 0 for a single model
 * @param hasBasis - whether rows have a `basis`
 */
export async function openScoreOutput(
  { out, csv, json }: ScoreOutputFlags,
  numMembers: number,
  hasBasis: boolean,
): Promise<ScoreOutput> {
  const columns = scoreColumns({ numMembers, hasBasis });
  const csvLine = (line: ScoreLine): string => scoreCsvLine(line, columns);
  if (out !== undefined) {
    const telling = async <T>(work: Promise<T>): Promise<T> =>
      work.catch((error: unknown) => {
        throw asWriteError(error, out);
      });
    await telling(mkdir(dirname(out), { recursive: true }));
    const file = await telling(
      out.endsWith('.jsonl') ? jsonLinesFile(out) : csvFile(out, formatCsvLine(columns), csvLine),
    );
    return { ...file, write: (line) => telling(file.write(line)), end: () => telling(file.end()) };
  }
  if (json === true) return toStdout('[', (line, i) => `${i === 0 ? '' : ','}\n${indented(line)}`, ['\n]\n', ']\n']);
  if (csv === true) return toStdout(formatCsvLine(columns), csvLine);
  return toStdout(tableRow(['score', 'std', 'integer', 'legalMass', 'clip']), (line) =>
    tableRow([
      decimals(line.score),
      line.std === null ? '–' : decimals(line.std, 3),
      line.integer === null ? '–' : String(line.integer),
      line.legalMass === null ? '–' : decimals(line.legalMass, 3),
      oneLine(line.clip),
    ]),
  );
}

/** Wide enough for scores up to 100, so that rows need not wait for each other. */
const widths = [8, 7, 7, 9];

const tableRow = (cells: readonly string[]): string =>
  `${cells.map((cell, i) => (i < widths.length ? cell.padStart(widths[i]!) : cell)).join('  ')}\n`;

const indented = (line: ScoreLine): string => JSON.stringify(line, null, 2).replace(/^/gm, '  ');

function toStdout(
  start: string,
  row: (line: ScoreLine, index: number) => string,
  [end, emptyEnd]: readonly [string, string] = ['', ''],
): ScoreOutput {
  let count = 0;
  const put = async (text: string): Promise<void> => {
    if (text !== '' && !writeOut(text)) await once(process.stdout, 'drain');
  };
  return {
    write: async (line) => put(`${count === 0 ? start : ''}${row(line, count++)}`),
    end: () => put(count === 0 ? `${start}${emptyEnd}` : end),
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Each line is there at once, and stays. */
async function jsonLinesFile(path: string): Promise<ScoreOutput> {
  const file = await openJsonLines(path);
  const close = async (): Promise<void> => file.close();
  return { write: (line) => file.append(line), end: close, [Symbol.asyncDispose]: close };
}

/** Under a temporary name until it is whole. */
async function csvFile(path: string, header: string, csvLine: (line: ScoreLine) => string): Promise<ScoreOutput> {
  const temporary = temporaryFor(path);
  const file = await openOutput(temporary, 'new');
  let isOpen = true;
  const dispose = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    await file.close();
    await rm(temporary, { force: true });
  };
  try {
    await file.write(header);
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    write: (line) => file.write(csvLine(line)),
    end: async () => {
      await file.sync();
      await file.close();
      isOpen = false;
      await rename(temporary, path);
    },
    [Symbol.asyncDispose]: dispose,
  };
}
