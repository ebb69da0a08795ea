// From votes to opinion scores, by one of three methods, with what each rater did and what to know of the result.
import { invariant } from '../../core/index.ts';
import { FEWEST_BT500_VOTES, screenBt500 } from './bt500.ts';
import { FEWEST_P910_VOTES, fitP910, numParts } from './p910.ts';
import { studentT975 } from '../student-t.ts';
import type { Votes } from './votes.ts';
import { countsBy, distinctVotes, meansBy, squaresBy } from './votes.ts';

/**
 * How votes become opinion scores.
 * - `mean`: the plain mean of all votes;
 * - `bt500`: the mean of the votes of those raters whom the screening of ITU-R BT.500-14 keeps;
 * - `p910`: the model of ITU-T P.910 Annex E, which takes the raters' biases off and weights them by their consistency.
 */
export type VoteMethod = 'mean' | 'bt500' | 'p910';

/** Every {@link VoteMethod}. */
export const voteMethods: readonly VoteMethod[] = ['mean', 'bt500', 'p910'];

/** The interval's formula by method, for reports. */
export const intervalFormulas: Readonly<Record<VoteMethod, string>> = {
  mean: 'mean ± t(0.975, n − 1) · s / √n, Student, s with n − 1',
  bt500: 'mean ± t(0.975, n − 1) · s / √n, Student, s with n − 1, of the votes kept',
  p910: 'quality ± 1.96 / √(Σ 1/υ²), υ the inconsistencies of the clip’s raters (Li et al. 2020, eq. 6)',
};

/** Opinion of a clip. */
export interface ClipOpinion {
  /** The clip. */
  clip: string;
  /** Mean opinion score, or quality by the model; null where every rater of the clip was rejected. */
  mos: number | null;
  /** Standard deviation of the votes behind it (n − 1; `p910`: of the votes less their raters' biases); null for fewer than two. */
  std: number | null;
  /** Votes behind it. */
  votes: number;
  /** Lower end of the 95 % interval; null where there is none. */
  low: number | null;
  /** Upper end of the 95 % interval; null where there is none. */
  high: number | null;
}

/** What one rater did. */
export interface RaterReport {
  /** The rater. */
  rater: string;
  /** Clips that the rater voted on. */
  votes: number;
  /** Mean of the rater's votes. */
  mean: number;
  /** How much more the rater gives than others do to the same clips; null where that cannot be told. */
  bias: number | null;
  /** Standard deviation of what the clips' scores and the bias leave of the rater's votes; null where that cannot be told. */
  inconsistency: number | null;
  /** Votes far above the mean of their clip (BT.500's P); null with other methods. */
  above: number | null;
  /** Votes far below the mean of their clip (BT.500's Q); null with other methods. */
  below: number | null;
  /** Whether the rater's votes were left out. */
  rejected: boolean;
  /** Why the rater was rejected, or treated otherwise than most; null for most. */
  reason: string | null;
}

/** Opinion scores of votes. */
export interface Opinions {
  /** The method. */
  method: VoteMethod;
  /** The interval's formula, in words. */
  interval: string;
  /** The clips, in the order of the votes' names. */
  clips: ClipOpinion[];
  /** The raters, in the order of the votes' names. */
  raters: RaterReport[];
  /** What to know of the result, a sentence each. */
  notes: string[];
}

/**
 * Makes opinion scores of votes. Several votes of one rater on one clip count as one, their mean.
 * @param raw - votes; each clip and rater with at least one
 * @param method - how
 * @returns scores, raters and notes
 */
export function opinionScores(raw: Votes, method: VoteMethod): Opinions {
  invariant(raw.scores.length > 0, 'opinion scores of no votes');
  const { votes, numRepeated } = distinctVotes(raw);
  const notes: string[] = [];
  if (numRepeated > 0)
    notes.push(
      `${counted(numRepeated, 'time')} a rater voted on one clip more than once: such votes count as one, their mean`,
    );
  const single = Array.from(countsBy(votes.clipOf, votes.clips.length)).filter((count) => count === 1).length;
  if (single > 0 && method !== 'p910')
    notes.push(`${counted(single, 'clip')} with a single vote: no standard deviation and no interval`);
  const made = method === 'p910' ? byModel(votes, notes) : byMeans(votes, method, notes);
  return { method, interval: intervalFormulas[method], ...made, notes };
}

type Made = Pick<Opinions, 'clips' | 'raters'>;

function byMeans(votes: Votes, method: 'mean' | 'bt500', notes: string[]): Made {
  const raters = ratersOf(votes);
  if (method === 'bt500') reject(votes, raters, notes);
  const kept = keepVotes(votes, raters);
  const counts = countsBy(kept.clipOf, votes.clips.length);
  const means = meansBy(kept.clipOf, votes.clips.length, kept.scores);
  const squares = squaresBy(kept.clipOf, votes.clips.length, kept.scores);
  const quantiles = new Map<number, number>();
  const t = (df: number): number => {
    const known = quantiles.get(df) ?? studentT975(df);
    quantiles.set(df, known);
    return known;
  };
  const clips = votes.clips.map((clip, j): ClipOpinion => {
    const n = counts[j]!;
    if (n === 0) return { clip, mos: null, std: null, votes: 0, low: null, high: null };
    const mos = means[j]!;
    if (n === 1) return { clip, mos, std: null, votes: 1, low: null, high: null };
    const std = Math.sqrt(squares[j]! / (n - 1));
    const half = (t(n - 1) * std) / Math.sqrt(n);
    return { clip, mos, std, votes: n, low: mos - half, high: mos + half };
  });
  const numLost = clips.filter(({ mos }) => mos === null).length;
  if (numLost > 0) notes.push(`${counted(numLost, 'clip')} without a score: all their raters were rejected`);
  return { clips, raters };
}

/** What raters did, seen from the plain means: bias is the mean of votes less the clips' means, as in ITU-T P.913 12.4. */
function ratersOf({ clipOf, raterOf, scores, clips, raters }: Votes): RaterReport[] {
  const clipMeans = meansBy(clipOf, clips.length, scores);
  const left = scores.map((score, v) => score - clipMeans[clipOf[v]!]!);
  const counts = countsBy(raterOf, raters.length);
  const means = meansBy(raterOf, raters.length, scores);
  const bias = meansBy(raterOf, raters.length, left);
  const squares = squaresBy(raterOf, raters.length, left);
  return raters.map((rater, i) => ({
    rater,
    votes: counts[i]!,
    mean: means[i]!,
    bias: bias[i]!,
    inconsistency: counts[i]! > 1 ? Math.sqrt(squares[i]! / counts[i]!) : null,
    above: null,
    below: null,
    rejected: false,
    reason: null,
  }));
}

/** Screens by BT.500 and says where that cannot work. */
function reject(votes: Votes, raters: RaterReport[], notes: string[]): void {
  const found = screenBt500(votes);
  const all = found.every(({ rejected }) => rejected);
  if (all) notes.push('BT.500 would reject every rater: none was');
  for (const [i, { above, below, share, imbalance, rejected }] of found.entries()) {
    Object.assign(raters[i]!, { above, below });
    if (!rejected || all) continue;
    raters[i]!.rejected = true;
    raters[i]!.reason =
      `${above} votes far above and ${below} far below their clip's mean: ${percent(share)} of the votes (more than 5 %), ` +
      `to both sides (|P−Q|/(P+Q) = ${imbalance.toFixed(2)}, below 0.3)`;
  }
  const numClips = votes.clips.length;
  const seen = votes.scores.length / (numClips * votes.raters.length);
  if (seen < 0.5)
    notes.push(
      `BT.500 is made for tests in which every rater sees every clip; here a rater saw ${percent(seen)} of the clips on average: ` +
        'its screening does not apply, use the plain mean, or p910 where each rater has many votes',
    );
  const few = Array.from(countsBy(votes.clipOf, numClips)).filter((count) => count < FEWEST_BT500_VOTES).length;
  if (few > 0)
    notes.push(
      `${few} of ${counted(numClips, 'clip')} with fewer than ${FEWEST_BT500_VOTES} votes, among which BT.500 can find none far off`,
    );
  if (votes.raters.length >= 20 && seen >= 0.5)
    notes.push(
      `BT.500 means its screening for fewer than 20 raters, none of them experts; there are ${votes.raters.length}`,
    );
}

function keepVotes(votes: Votes, raters: readonly RaterReport[]): Pick<Votes, 'clipOf' | 'scores'> {
  if (!raters.some(({ rejected }) => rejected)) return votes;
  const keep = (_: number, v: number): boolean => !raters[votes.raterOf[v]!]!.rejected;
  return { clipOf: votes.clipOf.filter(keep), scores: votes.scores.filter(keep) };
}

function byModel(votes: Votes, notes: string[]): Made {
  const fit = fitP910(votes);
  const alone = votes.raters.length === 1;
  if (alone) notes.push('a single rater: the model cannot tell quality from inconsistency, so there are no intervals');
  const counts = countsBy(votes.clipOf, votes.clips.length);
  const clips = votes.clips.map((clip, j): ClipOpinion => {
    const mos = fit.quality[j]!;
    const half = 1.959963984540054 * fit.standardError[j]!;
    const std = Number.isNaN(fit.std[j]!) ? null : fit.std[j]!;
    const ends = alone ? { low: null, high: null } : { low: mos - half, high: mos + half };
    return { clip, mos, std, votes: counts[j]!, ...ends };
  });
  const raters = ratersOf(votes).map((rater, i): RaterReport => {
    if (fit.isKnown[i] !== true)
      return {
        ...rater,
        bias: null,
        inconsistency: null,
        reason: `fewer than ${FEWEST_P910_VOTES} votes: no bias taken off, weighted as all raters together`,
      };
    const reason =
      fit.isHeld[i] === true ? 'nearly in line with the model: weighted as ten typical raters, no more' : null;
    return { ...rater, bias: fit.bias[i]!, inconsistency: fit.inconsistency[i]!, reason };
  });
  addModelNotes(votes, fit, notes);
  return { clips, raters };
}

/** Below these the model does worse than the plain mean on simulated votes (docs/data.md). */
const fewVotes = { perRater: 20, perClip: 8 };

function addModelNotes(votes: Votes, fit: ReturnType<typeof fitP910>, notes: string[]): void {
  const perRater = votes.scores.length / votes.raters.length;
  const perClip = votes.scores.length / votes.clips.length;
  if (perRater < fewVotes.perRater || perClip < fewVotes.perClip)
    notes.push(
      `the model has little to go by: ${perRater.toFixed(1)} votes a rater and ${perClip.toFixed(1)} a clip on average; ` +
        `below ${fewVotes.perRater} and ${fewVotes.perClip} the plain mean is the safer choice`,
    );
  const numUnknown = fit.isKnown.filter((known) => !known).length;
  if (numUnknown > 0)
    notes.push(
      `${counted(numUnknown, 'rater')} with fewer than ${FEWEST_P910_VOTES} votes: no bias could be taken off`,
    );
  const numHeld = fit.isHeld.filter(Boolean).length;
  if (numHeld > 0)
    notes.push(`${counted(numHeld, 'rater')} nearly in line with the model: weighted as ten typical raters, no more`);
  const parts = numParts(votes);
  if (parts > 1)
    notes.push(
      `the votes fall into ${parts} parts with no rater in common: scores of different parts are not on one footing`,
    );
  if (!fit.converged) notes.push(`the model did not come to rest in ${fit.numIterations} passes`);
}

const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

/** `1 clip`, `2 clips`. */
function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
