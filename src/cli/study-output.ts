// The tables of a study, as rows for people: in columns or as Markdown.
import type { ArmContrast, ComparedMetric, Estimate, Stat } from '../metrics/index.ts';
import { comparedMetrics } from '../metrics/index.ts';
import type { StudyTable, StudyTableArm } from '../study/index.ts';
import { metricTitles, probability } from './metric-words.ts';
import type { Cell } from './output.ts';
import { range } from './output.ts';

/** Rows under their header. */
export interface ShownTable {
  /** Names of the columns. */
  header: string[];
  /** Cells, as many as there are columns. */
  rows: Cell[][];
}

/** Below it, a Holm-adjusted p is called a difference. */
const LEVEL = 0.05;

/**
 * The tables of a study: its arms, what their answers are like, and its contrasts.
 * @param table - from `tabulate`
 */
export function showStudyTable(table: StudyTable): ShownTable[] {
  const { arms, contrasts, metric, readout, trials } = table;
  const isOne = table.clips.length === 1;
  const inOrder = [metric, ...comparedMetrics.filter((name) => name !== metric)];
  const other = readout === 'greedy' ? 'expectation' : 'greedy';
  return [
    {
      header: [
        'arm',
        ...(isOne ? [] : ['clips']),
        'learning rate',
        'seeds',
        metricTitles[metric],
        '95 % interval',
        ...inOrder.slice(1).map((name) => metricTitles[name]),
        `${metricTitles[metric]}, ${other}`,
        'deviation over seeds',
      ],
      rows: arms.map((arm) => {
        const [name, ...rest] = figures(arm, inOrder, readout, other);
        return [name!, ...(isOne ? [] : [arm.clips]), ...rest];
      }),
    },
    {
      header: ['arm', 'spread', 'entropy, bits', 'legal mass', 'loss', 'obeys', 'without a score', 'epoch', 'seconds'],
      rows: arms.map((arm) => [
        arm.name,
        fixed(arm.spread, 3),
        fixed(arm.entropy, 2),
        fixed(arm.legalMass, 4),
        fixed(arm.loss, 3),
        percent(arm.obeys),
        percent(arm.unscored),
        fixed(arm.epoch, 1),
        fixed(arm.seconds, 0),
      ]),
    },
    {
      header: ['contrast', 'difference', '95 % interval', 'p', 'Holm p', 'verdict'],
      rows: contrasts.map(contrastRow),
    },
    ...(trials.length === 0
      ? []
      : [
          {
            header: ['arm', 'learning rate', 'on the selection part'],
            rows: trials.map(({ arm, learningRate, validation }): Cell[] => [arm, learningRate, fixed(validation, 4)]),
          },
        ]),
  ];
}

/**
 * A table in Markdown.
 * @param header - names of the columns
 * @param rows - cells
 */
export function formatMarkdown(header: readonly string[], rows: readonly (readonly Cell[])[]): string[] {
  const line = (cells: readonly Cell[]): string =>
    `| ${cells.map((cell) => String(cell ?? '–').replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)];
}

function figures(
  { name, learningRate, numSeeds, metrics, deviation, failed }: StudyTableArm,
  inOrder: readonly ComparedMetric[],
  readout: 'expectation' | 'greedy',
  other: 'expectation' | 'greedy',
): Cell[] {
  if (metrics === null) {
    const [failure] = Object.values(failed);
    const why = failure === undefined ? 'no result' : `failed: ${failure.message}`;
    return [name, learningRate, numSeeds, why, ...inOrder.map(() => null), null, null];
  }
  const of = metrics[readout];
  const main = of[inOrder[0]!];
  return [
    name,
    learningRate,
    numSeeds,
    number(main.value),
    between(main),
    ...inOrder.slice(1).map((metric) => number(of[metric].value)),
    number(metrics[other][inOrder[0]!].value),
    fixed(deviation, 4),
  ];
}

function contrastRow({ name, primary, holm }: ArmContrast): Cell[] {
  const { difference, p, detectable } = primary;
  if (!difference.defined) return [name, null, null, null, null, `undefined: ${difference.reason}`];
  const smallest = detectable === null || detectable === 0 ? '' : ` (2.8 standard errors: ${detectable.toFixed(4)})`;
  const verdict = holm === null ? 'no interval' : holm < LEVEL ? 'a difference' : `within noise${smallest}`;
  return [name, number(difference), between(primary), probability(p), probability(holm), verdict];
}

const number = (stat: Stat): Cell => (stat.defined ? stat.value.toFixed(4) : null);
const between = ({ interval }: Pick<Estimate, 'interval'>): Cell => (interval === null ? null : range(interval));
const fixed = (value: number | null, digits: number): Cell => (value === null ? null : value.toFixed(digits));
const percent = (share: number | null): Cell => (share === null ? null : `${(100 * share).toFixed(1)} %`);
