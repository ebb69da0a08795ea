// `iovqa evaluate`: how well scores agree with opinion scores.
import type { Evaluation, EvaluationIntervals, Stat } from '../../metrics/index.ts';
import { evaluate } from '../../metrics/index.ts';
import { UserError, show } from '../../core/index.ts';
import { calibrationLines, calibrationOf } from '../calibration-output.ts';
import type { Cell } from '../output.ts';
import { approximate, formatTable, printCsv, printJson, printLines, range } from '../output.ts';
import type { ScoreTableFlags, ScoredRow } from '../score-table.ts';
import { groupsOf, readScoreTable } from '../score-table.ts';
import type { Terminal } from '../terminal.ts';

/** Flags of `evaluate`. */
export interface EvaluateFlags extends ScoreTableFlags {
  /** Columns to break results down by. */
  by?: string[];
  /** Once the resamples of a bootstrap; an error now. */
  resamples?: string;
  /** Once the seed of a bootstrap; an error now. */
  seed?: string;
  /** Write CSV. */
  csv?: boolean;
  /** Write a JSON value. */
  json?: boolean;
}

/** Statistics in the order in which they are shown. */
const statistics = [
  ['SRCC', 'srcc'],
  ['PLCC', 'plcc'],
  ['PLCC logistic-4', 'plccLogistic4'],
  ['PLCC logistic-5', 'plccLogistic5'],
  ['KRCC', 'krcc'],
  ['RMSE', 'rmse'],
  ['RMSE of the mean', 'rmseOfMean'],
  ['RMSE logistic-4', 'rmseLogistic4'],
  ['(SRCC+PLCC)/2', 'challenge'],
] as const;

/** Intervals by statistic. */
type Intervals = Omit<EvaluationIntervals, 'numGroups' | 'isApproximate'>;

/** A part of the rows and its result. */
interface Part {
  by: string;
  value: string;
  evaluation: Evaluation;
}

/**
 * Runs `iovqa evaluate`.
 * @param terminal - where it is shown
 * @param path - scores file or table
 */
export async function evaluateCommand(terminal: Terminal, path: string, flags: EvaluateFlags): Promise<void> {
  for (const name of ['resamples', 'seed'] as const) {
    if (flags[name] === undefined) continue;
    throw new UserError(
      'bad-input',
      `--${name}: expected no such option, since intervals draw nothing at random, got ${show(flags[name])}`,
      {
        hint: 'A jackknife over groups has taken the place of the bootstrap, and has nothing to set. Leave the option out.',
      },
    );
  }
  const { rows, notes } = await readScoreTable(path, flags);
  const overall = evaluateRows(rows);
  const { intervals } = overall;
  if (intervals?.isApproximate === true) notes.push(approximate(intervals.numGroups));
  const parts = (flags.by ?? []).flatMap((column) => partsBy(rows, column));
  const calibration = calibrationOf(rows);
  const numWithout = rows.filter(({ distribution }) => distribution === null).length;
  if (calibration !== null && numWithout > 0)
    notes.push(`${numWithout} clips have no distribution: calibration is without them`);
  for (const note of notes) terminal.tell(`note: ${note}`);
  if (flags.json === true) {
    printJson(terminal, { overall, by: parts, calibration, notes });
    return;
  }
  if (flags.csv === true || parts.length > 0) {
    const all: Part[] = [{ by: '', value: 'all', evaluation: overall }, ...parts];
    const header = ['by', 'value', 'n', ...statistics.map(([name]) => name)];
    const digits = flags.csv === true ? null : 4;
    const cells = all.map(({ by, value, evaluation }): Cell[] => [
      by,
      value,
      evaluation.n,
      ...statistics.map(([, key]) => cell(evaluation[key], digits)),
    ]);
    if (flags.csv === true) printCsv(terminal, header, cells);
    else printLines(terminal, formatTable(header, cells));
    if (flags.csv !== true) printLines(terminal, reasons(all));
    return;
  }
  const table = statistics.map(([name, key]): Cell[] => {
    const interval = intervals !== null && key in intervals ? intervals[key as keyof Intervals] : null;
    return [name, cell(overall[key], 4), interval === null ? '' : range(interval)];
  });
  printLines(terminal, [
    ...formatTable(['statistic', 'value', '95 % interval'], table),
    `n = ${overall.n}${intervals === null || intervals.numGroups === overall.n ? '' : ` in ${intervals.numGroups} groups`}`,
    ...reasons([{ by: '', value: 'all', evaluation: overall }]),
    ...(calibration === null ? [] : ['', ...calibrationLines(calibration)]),
  ]);
}

function evaluateRows(rows: readonly ScoredRow[]): Evaluation {
  return evaluate({
    predictions: rows.map(({ prediction }) => prediction),
    mos: rows.map(({ mos }) => mos),
    groups: groupsOf(rows),
  });
}

function partsBy(rows: readonly ScoredRow[], column: string): Part[] {
  const parts = new Map<string, ScoredRow[]>();
  for (const row of rows) {
    const value = row.column(column);
    if (value === undefined) {
      throw new UserError('bad-input', `--by: expected a column of manifest or table, got ${JSON.stringify(column)}`);
    }
    const part = parts.get(value);
    if (part === undefined) parts.set(value, [row]);
    else part.push(row);
  }
  return [...parts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([value, part]) => ({ by: column, value, evaluation: evaluateRows(part) }));
}

const cell = (stat: Stat, digits: number | null): Cell => {
  if (!stat.defined) return null;
  return digits === null ? stat.value : stat.value.toFixed(digits);
};

/** A line for each undefined number: which, of what, why. */
function reasons(parts: readonly Part[]): string[] {
  return parts.flatMap(({ by, value, evaluation }) =>
    statistics.flatMap(([name, key]) => {
      const stat = evaluation[key];
      return stat.defined ? [] : [`${name}${by === '' ? '' : ` of ${by} ${value}`} is undefined: ${stat.reason}`];
    }),
  );
}
