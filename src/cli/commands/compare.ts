// `iovqa compare`: scores files of several arms on the same clips, with what is noise and what is not.
import type { Comparison, ComparedMetric, Contrast, Estimate, Stat } from '../../metrics/index.ts';
import { compare, comparedMetrics } from '../../metrics/index.ts';
import type { ArmScores } from '../arms.ts';
import { readArms } from '../arms.ts';
import { metricTitles, probability } from '../metric-words.ts';
import type { Cell } from '../output.ts';
import { approximate, formatTable, printJson, printLines, range } from '../output.ts';
import type { ScoreTableFlags } from '../score-table.ts';
import type { Terminal } from '../terminal.ts';

/** Flags of `compare`. */
export interface CompareFlags extends ScoreTableFlags {
  /** What p-values are of. */
  metric?: ComparedMetric;
  /** Write a JSON value. */
  json?: boolean;
}

/** Below it, a Holm-adjusted p is called a difference. */
const LEVEL = 0.05;

/**
 * Runs `iovqa compare`.
 * @param terminal - where it is shown
 * @param given - the arms: FILE, or NAME=FILE,FILE,… with one file a seed
 */
export async function compareCommand(terminal: Terminal, given: readonly string[], flags: CompareFlags): Promise<void> {
  const { arms, mos, groups, notes } = await readArms(given, flags);
  const result = compare({ arms, mos, groups, ...(flags.metric === undefined ? {} : { metric: flags.metric }) });
  if (result.isApproximate) notes.push(approximate(result.numGroups));
  const oneSeed = result.arms[0]!.numSeeds === 1;
  if (oneSeed) notes.push('one seed each: what another seed would change is not in this interval');
  for (const note of notes) terminal.tell(`note: ${note}`);
  if (flags.json === true) {
    printJson(terminal, { ...result, files: filesOf(arms), notes });
    return;
  }
  const inOrder = [result.metric, ...comparedMetrics.filter((name) => name !== result.metric)];
  const { numGroups, n } = result;
  printLines(terminal, [
    ...formatTable(
      ['arm', 'seeds', 'statistic', 'value', '95 % interval'],
      result.arms.flatMap(({ name, numSeeds, metrics }) =>
        inOrder.map((metric): Cell[] => [name, numSeeds, metricTitles[metric], ...shown(metrics[metric])]),
      ),
    ),
    '',
    ...formatTable(
      ['contrast', 'statistic', 'difference', '95 % interval', 'p', 'Holm p'],
      result.contrasts.flatMap(({ name, primary, holm, others }) =>
        inOrder.map((metric): Cell[] => [
          name,
          metricTitles[metric],
          ...(metric === result.metric
            ? [...shown({ ...primary, value: primary.difference }), probability(primary.p), probability(holm)]
            : [...shown({ ...others[metric]!, value: others[metric]!.difference }), '', '']),
        ]),
      ),
    ),
    '',
    ...verdicts(result),
    `n = ${n}${numGroups === n ? '' : ` in ${numGroups} groups`}`,
  ]);
}

const filesOf = (arms: readonly ArmScores[]): Record<string, readonly string[]> =>
  Object.fromEntries(arms.map(({ name, files }) => [name, files]));

const number = (stat: Stat): string | null => (stat.defined ? stat.value.toFixed(4) : null);

const shown = ({ value, interval }: Pick<Estimate, 'value' | 'interval'>): [Cell, Cell] => [
  number(value),
  interval === null ? '' : range(interval),
];

/** A line for each contrast. */
function verdicts({ contrasts, metric }: Comparison): string[] {
  return contrasts.map(({ name, primary, holm }) => {
    const head = `${name}, ${metricTitles[metric]}:`;
    const { detectable } = primary;
    if (holm === null || detectable === null) return `${head} ${why(primary)}`;
    const least = `the smallest difference that would have been found is ${detectable.toFixed(4)} (2.8 standard errors)`;
    return holm < LEVEL
      ? `${head} a difference (Holm p ${probability(holm)}); ${least}`
      : `${head} within noise; ${least}`;
  });
}

function why({ difference }: Contrast): string {
  if (!difference.defined) return `undefined: ${difference.reason}`;
  return 'no interval: fewer than two groups, or undefined without one of them';
}
