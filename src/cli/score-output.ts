// Scores on stdout, one row at a time: as a table, CSV or JSON.
import { oneLine } from '../core/index.ts';
import type { ScoreLine, ScoreLineShape } from '../score/index.ts';
import { scoreColumns, scoreCsvLine } from '../score/index.ts';
import { decimals } from './output.ts';
import type { Terminal } from './terminal.ts';

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
 * @param terminal - whose stdout it is
 * @param flags - the form
 * @param shape - the columns of CSV
 */
export function printScores(terminal: Terminal, { csv, json }: ScoreOutputFlags, shape: ScoreLineShape): ScoreOutput {
  if (json === true) return arrayToStdout(terminal);
  if (csv === true) {
    const columns = scoreColumns(shape);
    return toStdout(terminal, `${columns.join()}\n`, (line) => scoreCsvLine(line, columns));
  }
  return toStdout(terminal, tableRow(['score', 'std', 'integer', 'legalMass', 'clip']), (line) =>
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

/** A field a line: the probabilities of all answers take one, not one each. */
const indented = (line: ScoreLine): string => {
  const fields = Object.entries(line).map(([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  return `  {\n${fields.join(',\n')}\n  }`;
};

const put = async (terminal: Terminal, text: string): Promise<void> => {
  if (text !== '' && !terminal.out(text)) await terminal.hasRoom();
};

function toStdout(terminal: Terminal, start: string, row: (line: ScoreLine) => string): ScoreOutput {
  let isBegun = false;
  const begin = (): string => {
    const text = isBegun ? '' : start;
    isBegun = true;
    return text;
  };
  return { write: (line) => put(terminal, `${begin()}${row(line)}`), end: () => put(terminal, begin()) };
}

/** Each row ends its line, also before the comma of the next: a line without an end has no place for the status below it. */
function arrayToStdout(terminal: Terminal): ScoreOutput {
  let isBegun = false;
  return {
    write: (line) => {
      const before = isBegun ? ',\n' : '[\n';
      isBegun = true;
      return put(terminal, `${before}${indented(line)}\n`);
    },
    end: () => put(terminal, isBegun ? ']\n' : '[]\n'),
  };
}
