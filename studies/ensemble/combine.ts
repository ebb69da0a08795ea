// Scores of an ensemble: of its members' scores, of the mixture of their distributions, or of their ranks among the selection scores.
import { UserError, show } from '../../src/core/index.ts';
import type { Readout, ResultScore } from '../../src/study/index.ts';
import { fitWeights, paperWeights, rankAmong } from '../../src/study/index.ts';
import type { Member, MemberPart, PartClips } from './members.ts';

/** What is averaged. */
export const combinations = ['scores', 'distributions', 'ranks'] as const;

/** One of them. */
export type Combination = (typeof combinations)[number];

/** How much members count. */
export const weightings = ['equal', 'paper', 'fitted'] as const;

/** One of them. */
export type Weighting = (typeof weightings)[number];

/** A way to combine. */
export interface Way {
  /** What is averaged. */
  combination: Combination;
  /** What a clip's scores are read as. */
  readout: Readout;
  /** How much members count. */
  weighting: Weighting;
}

/** All ways. Ranks of greedy answers are left out: most of them are ties. */
export const ways: readonly Way[] = (['expectation', 'greedy'] as const).flatMap((readout) =>
  combinations
    .filter((combination) => readout === 'expectation' || combination !== 'ranks')
    .flatMap((combination) => weightings.map((weighting) => ({ combination, readout, weighting }))),
);

/**
 * Scores of one member, on a scale of their own: correlations do not mind.
 * @param member - a run
 * @param part - of which clips
 * @param readout - the mean of its distribution, or its greedy integer
 */
export function scoresOf(member: Member, part: MemberPart, readout: Readout): number[] {
  return member[part].rows.map(({ score, integer }) => (readout === 'expectation' ? score! : integer!));
}

/**
 * Scores of an ensemble. What a clip gets does not depend on the other clips of its part.
 * @param members - its members
 * @param weights - one a member, together 1
 * @param part - of which clips
 * @param way - what is averaged, and read as what
 */
export function combineMembers(
  members: readonly Member[],
  weights: readonly number[],
  part: MemberPart,
  { combination, readout }: Pick<Way, 'combination' | 'readout'>,
): number[] {
  const mean = (of: readonly (readonly number[])[]): number[] =>
    of[0]!.map((_, i) => of.reduce((sum, values, m) => sum + weights[m]! * values[i]!, 0));
  if (combination === 'ranks') return mean(members.map((member) => ranksOf(member, part)));
  if (combination === 'scores') {
    const scores = mean(members.map((member) => scoresOf(member, part, readout)));
    return readout === 'expectation' ? scores : scores.map(Math.round); // as `integer` of an ensemble
  }
  const answers = commonAnswers(members, part);
  const shares = members.map((member) => member[part].rows.map(sharesOf));
  return shares[0]!.map((_, i) => {
    const mixture = mean(shares.map((of) => of[i]!));
    if (readout === 'greedy') return answers[mixture.indexOf(Math.max(...mixture))]!;
    return mixture.reduce((sum, share, k) => sum + share * answers[k]!, 0);
  });
}

/** Ranks of a member's scores among its scores of the selection part. */
function ranksOf(member: Member, part: MemberPart): number[] {
  return scoresOf(member, part, 'expectation').map(rankAmong(scoresOf(member, 'select', 'expectation')));
}

/** Shares of the legal answers: results keep thousandths, which do not add up to one. */
function sharesOf({ thousandths }: ResultScore): number[] {
  const total = thousandths!.reduce((a, b) => a + b, 0);
  return thousandths!.map((share) => share / total);
}

/** What the answers stand for, which must be the same for all members of a mixture. */
function commonAnswers(members: readonly Member[], part: MemberPart): readonly number[] {
  const [first, ...others] = members.map((member) => member[part].answers);
  const other = others.findIndex((answers) => JSON.stringify(answers) !== JSON.stringify(first));
  if (first !== null && first !== undefined && other < 0) return first;
  const name = members[first === null ? 0 : other + 1]!.name;
  throw new UserError('bad-input', `mixture: expected members with the same answers, got others from ${show(name)}`);
}

/**
 * The weights of an ensemble.
 * @param members - its members
 * @param clips - the selection part, which weights are fitted on: scores to opinion scores, ranks to the ranks of opinion scores.
 *   Distributions have the weights of scores, since their mean is the same
 * @param way - what is averaged, and how
 */
export function weightsOf(
  members: readonly Member[],
  { mos }: PartClips,
  { combination, weighting }: Pick<Way, 'combination' | 'weighting'>,
): number[] {
  if (weighting === 'equal') return members.map(() => 1 / members.length);
  if (weighting === 'fitted') {
    if (combination !== 'ranks')
      return fitWeights(
        members.map((one) => scoresOf(one, 'select', 'expectation')),
        mos,
      );
    return fitWeights(
      members.map((one) => ranksOf(one, 'select')),
      mos.map(rankAmong(mos)),
    );
  }
  if (members.length === paperWeights.length) return [...paperWeights];
  throw new UserError('bad-input', `weights: expected ${paperWeights.length} members, got ${members.length}`);
}
