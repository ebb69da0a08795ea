// Scores on stdout, one row at a time: as a table, CSV or JSON.
import { once } from 'node:events';
import { oneLine } from '../core/index.ts';
import type { ScoreLine, ScoreLineShape } from '../score/index.ts';
import { scoreColumns, scoreCsvLine } from '../score/index.ts';
import { decimals } from './output.ts';
import { out as writeOut } from './terminal.ts';

/** Takes rows. */
export interface ScoreOutput {
  /** Writes a row; resolves when more can be taken. */
  write: (line: ScoreLine) => Promise<void>;
  /** Completes what was written. */
  end: () => Promise<void>;
}

/** In which form rows are written. */
export interface ScoreOutputFlags {
  /** Write CSV. */
  csv?: boolean;
  /** Write a JSON array. */
  json?: boolean;
}

/**
 * Rows to stdout.
 * @param flags - the form
 * @param shape - the columns of CSV
 */
export function printScores({ csv, json }: ScoreOutputFlags, shape: ScoreLineShape): ScoreOutput {
  if (json === true) return toStdout('[', (line, i) => `${i === 0 ? '' : ','}\n${indented(line)}`, ['\n]\n', ']\n']);
  if (csv === true) {
    const columns = scoreColumns(shape);
    return toStdout(`${columns.join()}\n`, (line) => scoreCsvLine(line, columns));
  }
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
  };
}
