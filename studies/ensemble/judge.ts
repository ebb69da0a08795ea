// What ensembles gain: metrics of every way to combine, and contrasts with a single member and with the best one, paired by clip, group
// and ensemble.
import type { ArmResult, Contrast, Numbers, PlannedContrast } from '../../src/metrics/index.ts';
import { challenge, compare, differenceOf, holm } from '../../src/metrics/index.ts';
import type { Readout } from '../../src/study/index.ts';
import type { Way } from './combine.ts';
import { combineMembers, scoresOf, ways, weightsOf } from './combine.ts';
import type { Clips, EnsembleSet, Member, MemberPart } from './members.ts';
import { onCommonClips } from './members.ts';

/** A way to combine, and what it is worth. */
export interface JudgedWay extends Way {
  /** Metrics on the report part: means over ensembles. */
  metrics: ArmResult['metrics'];
  /** Its difference from the mean of its members' metrics. */
  overMember: Contrast;
  /** Its difference from the member that is best on the selection part. */
  overBest: Contrast;
}

/** What is chosen for an ensemble on the selection part. */
export interface ChosenOnSelect {
  /** Names of its members. */
  members: string[];
  /** Fitted weights of scores and distributions. */
  scores: number[];
  /** Fitted weights of ranks. */
  ranks: number[];
  /** The best member by each readout. */
  best: Record<Readout, string>;
}

/** Ensembles of one kind. */
export interface JudgedSet {
  /** By what members differ. */
  name: string;
  /** Every way. */
  ways: JudgedWay[];
  /** A single member, by readout: means over all members, whose differences count as chance. */
  member: Record<Readout, ArmResult['metrics']>;
  /** The best member on the selection part, by readout. */
  best: Record<Readout, ArmResult['metrics']>;
  /** What was chosen, for each ensemble. */
  chosen: ChosenOnSelect[];
}

/** What was found. */
export interface EnsembleTable {
  /** Clips of each part that all members have scores of. */
  numClips: Record<MemberPart, number>;
  /** Clips that were left out. */
  numLeftOut: Record<MemberPart, number>;
  /** Groups of the report part. */
  numGroups: number;
  /** The kinds. */
  sets: JudgedSet[];
  /** Contrasts that were planned, in (SRCC+PLCC)/2, with p-values adjusted after Holm for all of them. */
  planned: { name: string; contrast: Contrast; holm: number | null }[];
}

const readouts: readonly Readout[] = ['expectation', 'greedy'];

const wayName = ({ combination, readout, weighting }: Way): string =>
  `${weighting} of ${combination}${readout === 'greedy' ? ', greedy' : ''}`;
const armOf = (set: string, way: Way): string => `${set}: ${wayName(way)}`;
const memberOf = (set: string, readout: Readout, m: number): string => `${set}: member ${m + 1}, ${readout}`;
const bestOf = (set: string, readout: Readout): string => `${set}: best member, ${readout}`;

/**
 * Judges ensembles.
 * @param given - ensembles, as many of each kind
 * @param on - the clips of both parts
 */
export function judgeEnsembles(given: readonly EnsembleSet[], on: Clips): EnsembleTable {
  const { sets, clips, numLeftOut } = onCommonClips(given, on);
  const chosen = sets.map(({ ensembles }) => ensembles.map((members) => choose(members, clips)));
  const arms = sets.flatMap(({ name, ensembles }, s) => {
    const seedsOf = (of: (members: readonly Member[], e: number) => Numbers): Numbers[] => ensembles.map(of);
    return [
      ...ways.map((way) => ({
        name: armOf(name, way),
        seeds: seedsOf((members) => combineMembers(members, weightsOf(members, clips.select, way), 'report', way)),
      })),
      ...readouts.flatMap((readout) => [
        ...ensembles[0]!.map((_, m) => ({
          name: memberOf(name, readout, m),
          seeds: seedsOf((members) => scoresOf(members[m]!, 'report', readout)),
        })),
        {
          name: bestOf(name, readout),
          seeds: seedsOf((members, e) => {
            const best = chosen[s]![e]!.best[readout];
            return scoresOf(
              members.find((member) => member.name === best)!,
              'report',
              readout,
            );
          }),
        },
      ]),
    ];
  });
  const planned = plannedContrasts(sets);
  const others = sets.flatMap((set) => ways.flatMap((way) => [overMember(set, way), overBest(set, way)]));
  const { mos, groups } = clips.report;
  const found = compare({ mos, groups, arms, contrasts: [...planned, ...others] });
  const metricsOf = (name: string): ArmResult['metrics'] => found.arms.find((arm) => arm.name === name)!.metrics;
  const contrastOf = ({ name }: PlannedContrast): Contrast =>
    found.contrasts.find((contrast) => contrast.name === name)!.primary;
  const family = planned.map(contrastOf);
  const adjusted = holm(family.map(({ p }) => p)); // of the planned ones alone: nothing is claimed of the others
  return {
    numClips: { select: clips.select.mos.length, report: mos.length },
    numLeftOut,
    numGroups: found.numGroups,
    sets: sets.map((set, s) => ({
      name: set.name,
      ways: ways.map((way) => ({
        ...way,
        metrics: metricsOf(armOf(set.name, way)),
        overMember: contrastOf(overMember(set, way)),
        overBest: contrastOf(overBest(set, way)),
      })),
      member: byReadout((readout) => {
        const seeds = set.ensembles.flat().map((member) => scoresOf(member, 'report', readout));
        return compare({ mos, groups, arms: [{ name: set.name, seeds }] }).arms[0]!.metrics;
      }),
      best: byReadout((readout) => metricsOf(bestOf(set.name, readout))),
      chosen: chosen[s]!,
    })),
    planned: planned.map(({ name }, k) => ({ name, contrast: family[k]!, holm: adjusted[k]! })),
  };
}

/** What the selection part says of an ensemble. */
function choose(members: readonly Member[], { select }: Clips): ChosenOnSelect {
  const worth = (member: Member, readout: Readout): number => {
    const stat = challenge(scoresOf(member, 'select', readout), select.mos);
    return stat.defined ? stat.value : -Infinity;
  };
  const fitted = (combination: 'scores' | 'ranks'): number[] =>
    weightsOf(members, select, { combination, weighting: 'fitted' });
  return {
    members: members.map(({ name }) => name),
    scores: fitted('scores'),
    ranks: fitted('ranks'),
    best: byReadout(
      (readout) => members.reduce((best, one) => (worth(one, readout) > worth(best, readout) ? one : best)).name,
    ),
  };
}

/** A way less the mean of its members. */
function overMember({ name, ensembles: [members] }: EnsembleSet, way: Way): PlannedContrast {
  const share = -1 / members!.length;
  const each = members!.map((_, m) => [memberOf(name, way.readout, m), share] as const);
  return { name: `${armOf(name, way)} − a member`, weights: new Map([[armOf(name, way), 1], ...each]) };
}

const overBest = ({ name }: EnsembleSet, way: Way): PlannedContrast => ({
  ...differenceOf(armOf(name, way), bestOf(name, way.readout)),
  name: `${armOf(name, way)} − the best`,
});

/** What was asked before anything was run. */
function plannedContrasts(sets: readonly EnsembleSet[]): PlannedContrast[] {
  const plain: Way = { combination: 'scores', readout: 'expectation', weighting: 'equal' };
  const greedy: Way = { ...plain, readout: 'greedy' };
  const each = sets.flatMap((set) => {
    const against = (way: Way, other: Way): PlannedContrast => ({
      ...differenceOf(armOf(set.name, way), armOf(set.name, other)),
      name: `${armOf(set.name, way)} − ${wayName(other)}`,
    });
    return [
      overMember(set, plain),
      overBest(set, plain),
      against({ ...plain, weighting: 'paper' }, plain),
      against({ ...plain, weighting: 'fitted' }, plain),
      against({ ...plain, combination: 'ranks' }, plain),
      against({ ...greedy, combination: 'distributions' }, greedy),
    ];
  });
  const [first, ...rest] = sets;
  const gains = rest.map((other): PlannedContrast => {
    const less = [...overMember(first!, plain).weights].map(([arm, weight]) => [arm, -weight] as const);
    return {
      name: `gain over a member: ${other.name} − ${first!.name}`,
      weights: new Map([...overMember(other, plain).weights, ...less]),
    };
  });
  return [...each, ...gains];
}

const byReadout = <T>(of: (readout: Readout) => T): Record<Readout, T> => ({
  expectation: of('expectation'),
  greedy: of('greedy'),
});
