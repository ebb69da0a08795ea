// How well predicted spreads tell errors, of rows whose file has distributions: computed, and shown as tables.
import type { Calibration, CalibrationBin } from '../metrics/index.ts';
import { calibrate } from '../metrics/index.ts';
import type { Cell } from './output.ts';
import { decimals, formatTable, range } from './output.ts';
import type { ScoredRow } from './score-table.ts';
import { groupsOf } from './score-table.ts';

/**
 * The calibration of rows.
 * @param rows - those without a distribution are left out
 * @returns null where none has one
 */
export function calibrationOf(rows: readonly ScoredRow[]): Calibration | null {
  const known = rows.flatMap(({ distribution, ...row }) => (distribution === null ? [] : [{ ...row, distribution }]));
  if (known.length === 0) return null;
  return calibrate({
    distributions: known.map(({ distribution }) => distribution),
    mos: known.map(({ mos }) => mos),
    groups: groupsOf(known),
  });
}

/**
 * A calibration in two tables: errors by predicted spread, and coverage.
 * @param calibration - of at least one row
 * @returns lines without line ends
 */
export function calibrationLines({ overall, bins, coverage }: Calibration): string[] {
  const row = (name: string, { n, predicted, rmse, interval }: CalibrationBin): Cell[] => [
    name,
    n,
    decimals(predicted),
    rmse.defined ? decimals(rmse.value) : null,
    interval === null ? '' : range(interval),
  ];
  return [
    ...formatTable(
      ['predicted spread', 'n', 'RMSE predicted', 'RMSE', '95 % interval'],
      [...bins.map((bin, i) => row(`part ${i + 1} of ${bins.length}`, bin)), row('all', overall)],
    ),
    '',
    ...formatTable(
      ['central interval', 'coverage', '95 % interval'],
      coverage.map(({ central, share, interval }): Cell[] => [
        `${Math.round(100 * central)} %`,
        decimals(share),
        interval === null ? '' : range(interval),
      ]),
    ),
  ];
}
