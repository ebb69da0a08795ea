// Results on stdout: aligned tables for people, JSON and CSV for programs.
import { printable } from '../core/index.ts';
import { formatCsv } from '../dataset/index.ts';
import type { Terminal } from './terminal.ts';

/** What a cell may hold. */
export type Cell = string | number | null;

/**
 * Prints one JSON value and a line end.
 * @param terminal - where it is printed
 */
export function printJson(terminal: Terminal, value: unknown): void {
  terminal.out(`${JSON.stringify(value, null, 2)}\n`);
}

/**
 * Prints lines.
 * @param terminal - where they are printed
 * @param lines - without line ends
 */
export function printLines(terminal: Terminal, lines: readonly string[]): void {
  for (const line of lines) terminal.out(`${printable(line)}\n`);
}

/**
 * A table in columns: text to the left, numbers to the right.
 * @param header - names of the columns
 * @param rows - cells, as many as there are columns
 * @returns lines without line ends
 */
export function formatTable(header: readonly string[], rows: readonly (readonly Cell[])[]): string[] {
  const isNumber = header.map((_, c) => rows.length > 0 && rows.every((row) => typeof row[c] !== 'string'));
  const text = [header, ...rows].map((row) => row.map((cell) => (cell === null ? '–' : String(cell))));
  const widths = header.map((_, c) => Math.max(...text.map((row) => row[c]!.length)));
  return text.map((row) =>
    row
      .map((cell, c) => (isNumber[c] === true ? cell.padStart(widths[c]!) : cell.padEnd(widths[c]!)))
      .join('  ')
      .trimEnd(),
  );
}

/**
 * Prints a table as CSV.
 * @param terminal - where it is printed
 * @param header - names of the columns
 * @param rows - cells; null is an empty one
 */
export function printCsv(terminal: Terminal, header: readonly string[], rows: readonly (readonly Cell[])[]): void {
  terminal.out(
    formatCsv(
      [...header],
      rows.map((row) => row.map((cell) => (cell === null ? '' : String(cell)))),
    ),
  );
}

/**
 * A number with a fixed count of decimals.
 * @param value - the number, or null where it is undefined
 * @param digits - decimals; default 4
 */
export function decimals(value: number | null, digits = 4): string {
  return value === null ? '–' : value.toFixed(digits);
}

/**
 * An interval with four decimals.
 * @param interval - its ends
 */
export function range({ low, high }: Readonly<Record<'low' | 'high', number>>): string {
  return `${low.toFixed(4)} … ${high.toFixed(4)}`;
}

/**
 * The note on intervals from few groups.
 * @param numGroups - how many there are
 */
export function approximate(numGroups: number): string {
  return `the intervals are approximate: they rest on ${numGroups} independent groups of clips, fewer than 30`;
}
