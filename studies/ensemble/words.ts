// The tables of the study, as Markdown.
import { metricTitles, probability } from '../../src/cli/metric-words.ts';
import { range } from '../../src/cli/output.ts';
import { formatMarkdown } from '../../src/cli/study-output.ts';
import type { ComparedMetric, Contrast, Estimate } from '../../src/metrics/index.ts';
import type { Readout } from '../../src/study/index.ts';
import type { EnsembleTable, JudgedSet, JudgedWay } from './judge.ts';

const metrics = ['srcc', 'plcc', 'challenge'] as const satisfies readonly ComparedMetric[];

/** Below it, a Holm-adjusted p is called a difference. */
const LEVEL = 0.05;

/**
 * All that was found, in Markdown.
 * @param table - from `judgeEnsembles`
 */
export function showEnsembleTable(table: EnsembleTable): string {
  const { numClips, numLeftOut, numGroups, sets, planned } = table;
  const left = (['select', 'report'] as const).flatMap((part) =>
    numLeftOut[part] === 0 ? [] : [`${numLeftOut[part]} clips of ${part} are left out: a member has no score of them.`],
  );
  return [
    `${numClips.report} clips to report in ${numGroups} groups, ${numClips.select} to select by. Intervals are of 95 %, over clips and ensembles.`,
    ...left,
    ...sets.flatMap((set) => ['', `## Members that differ by ${set.name}`, '', ...setTables(set)]),
    '',
    '## Planned contrasts',
    '',
    ...formatMarkdown(
      ['contrast', `difference in ${metricTitles.challenge}`, '95 % interval', 'p', 'Holm p', 'verdict'],
      planned.map(({ name, contrast, holm: adjusted }) => [
        name,
        contrast.difference.defined ? contrast.difference.value.toFixed(4) : contrast.difference.reason,
        contrast.interval === null ? null : range(contrast.interval),
        probability(contrast.p),
        probability(adjusted),
        verdict(contrast, adjusted),
      ]),
    ),
    '',
  ].join('\n');
}

function setTables({ ways, member, best, chosen }: JudgedSet): string[] {
  const alone = (readout: Readout): string[][] => [
    ['a single member', readout, '', ...metrics.map((metric) => estimate(member[readout][metric])), '', ''],
    ['the best on select', readout, '', ...metrics.map((metric) => estimate(best[readout][metric])), '', ''],
  ];
  const rowOf = ({ combination, readout, weighting, metrics: own, overMember, overBest }: JudgedWay): string[] => [
    combination,
    readout,
    weighting,
    ...metrics.map((metric) => estimate(own[metric])),
    difference(overMember),
    difference(overBest),
  ];
  return [
    ...formatMarkdown(
      ['of', 'readout', 'weights', ...metrics.map((metric) => metricTitles[metric]), '− a member', '− the best'],
      (['expectation', 'greedy'] as const).flatMap((readout) => [
        ...alone(readout),
        ...ways.filter((way) => way.readout === readout).map(rowOf),
      ]),
    ),
    '',
    ...formatMarkdown(
      ['ensemble', 'members', 'fitted to scores', 'fitted to ranks', 'best on select', 'best by greedy answers'],
      chosen.map((one, e) => [
        e + 1,
        one.members.join(', '),
        one.scores.map((weight) => weight.toFixed(2)).join(', '),
        one.ranks.map((weight) => weight.toFixed(2)).join(', '),
        one.best.expectation,
        one.best.greedy,
      ]),
    ),
  ];
}

function estimate({ value, interval }: Estimate): string {
  if (!value.defined) return value.reason;
  return `${value.value.toFixed(4)}${interval === null ? '' : ` (${range(interval)})`}`;
}

function difference({ difference: stat, interval }: Contrast): string {
  if (!stat.defined) return stat.reason;
  return `${stat.value.toFixed(4)}${interval === null ? '' : ` (${range(interval)})`}`;
}

function verdict({ detectable }: Contrast, adjusted: number | null): string {
  if (adjusted === null) return 'no interval';
  if (adjusted < LEVEL) return 'a difference';
  return `within noise${detectable === null ? '' : ` (2.8 standard errors: ${detectable.toFixed(4)})`}`;
}
