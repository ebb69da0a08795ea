// The table of a study: its arms and planned contrasts, from the results that are there.
import { fromMos5 } from '../../dataset/index.ts';
import type { Arm, ArmContrast, ComparedMetric, Comparison, Estimate, JudgedClips, Stat } from '../../metrics/index.ts';
import { compare } from '../../metrics/index.ts';
import type { Judged } from './judged.ts';
import type { StudyPlan } from './plan.ts';
import type { ResultScore, RunResult } from './result.ts';
import type { RunFailure } from './study.ts';
import type { Readout } from './study-file.ts';
import type { Trial, Trials } from './trials.ts';

/** An arm of a table. */
export interface StudyTableArm {
  /** Its name. */
  name: string;
  /** Its learning rate: the recipe's, or the chosen one; null where it is not chosen yet. */
  learningRate: number | null;
  /** Seeds that the figures are of: those that all arms with a result have. */
  numSeeds: number;
  /** What its reported clips are called. */
  clips: string;
  /** How many of them the figures are of. */
  n: number;
  /** Metrics of both readouts; null where the arm has no result. */
  metrics: Readonly<Record<Readout, Record<ComparedMetric, Estimate>>> | null;
  /** Standard deviation over seeds of the study's metric and readout; null with fewer than two seeds. */
  deviation: number | null;
  /** Mean standard deviation of a clip's distribution; null where answers are generated. */
  spread: number | null;
  /** Mean entropy of a clip's distribution, in bits; null where answers are generated. */
  entropy: number | null;
  /** Mean probability of all legal answers together; null where answers are generated. */
  legalMass: number | null;
  /** Share of freely generated answers that are one legal answer and nothing else, 0 to 1; null where none were generated. */
  obeys: number | null;
  /** Share of the clips without a score, 0 to 1; null without a result. */
  unscored: number | null;
  /**
   * Mean −ln of the probability of the answer that is nearest to the opinion score, over clips with a distribution; probabilities are
   * kept to three decimals and count 0.0005 at least. null where answers are generated.
   */
  loss: number | null;
  /** Mean of the epochs after which the checkpoints were chosen. */
  epoch: number | null;
  /** Mean seconds of a run. */
  seconds: number | null;
  /** Its runs that have failed, by name. */
  failed: Readonly<Record<string, RunFailure>>;
}

/** Clips that arms are judged by. */
export interface JudgedCount {
  /** What they are called. */
  name: string;
  /** How many the figures are of. */
  n: number;
  /** How many groups they are in. */
  numGroups: number;
}

/** What a study has found. */
export interface StudyTable {
  /** Name of the study. */
  study: string;
  /** What it asks. */
  about: string;
  /** What p-values are of. */
  metric: ComparedMetric;
  /** Which scores they are of. */
  readout: Readout;
  /** The clips that arms are judged by: one for each table. */
  clips: JudgedCount[];
  /** Whether a table has fewer than 30 groups, so that intervals are approximate. */
  isApproximate: boolean;
  /** The arms, in the order of the file. */
  arms: StudyTableArm[];
  /** The contrasts, as they were planned. */
  contrasts: ArmContrast[];
  /** Trials of learning rates that have ended. */
  trials: readonly Trial[];
  /** What a reader must know. */
  notes: string[];
}

/** An arm with a larger share of clips without a score is marked and has no part in contrasts. */
const MOST_UNSCORED = 0.01;

/**
 * Puts the table together.
 * @param plan - from `planStudy`
 * @param results - by name of the run
 * @param failed - what went wrong, by name of the run
 * @param trials - from `planTrials`, where the study chooses learning rates
 */
export function tabulate(
  plan: StudyPlan,
  results: ReadonlyMap<string, RunResult>,
  failed: ReadonlyMap<string, RunFailure>,
  trials?: Trials,
): StudyTable {
  const { study } = plan;
  const notes = [...plan.notes];
  const ofArm = (arm: string): RunResult[] => study.seeds.flatMap((seed) => results.get(`${arm}/seed-${seed}`) ?? []);
  const withResult = study.arms.filter(({ name }) => ofArm(name).length > 0).map(({ name }) => name);
  const seeds = study.seeds.filter((seed) => withResult.every((arm) => results.has(`${arm}/seed-${seed}`)));
  const numMissing = plan.runs.length - results.size;
  if (numMissing > 0) notes.push(`${numMissing} of ${plan.runs.length} runs have no result: the table is not whole`);
  if (withResult.length > 0 && seeds.length < study.seeds.length) {
    notes.push(`figures are of the ${seeds.length} of ${study.seeds.length} seeds that all arms with a result have`);
  }
  const chosen = new Map(withResult.map((arm) => [arm, seeds.map((seed) => results.get(`${arm}/seed-${seed}`)!)]));
  const unscored = (arm: string): number | null =>
    mean((chosen.get(arm) ?? []).flatMap(({ rows }) => rows.map(({ score }) => Number(score === null))));
  const marked = withResult.filter((arm) => (unscored(arm) ?? 0) > MOST_UNSCORED);
  for (const arm of marked) {
    notes.push(
      `${arm}: ${percent(unscored(arm)!)} of the clips have no score: it is not ranked, and its contrasts are left out`,
    );
  }
  const ranked = seeds.length === 0 ? [] : withResult.filter((arm) => !marked.includes(arm));
  const sets = [...new Set(plan.judged.values())].map((judged): Compared => {
    const arms = ranked.filter((arm) => plan.judged.get(arm) === judged);
    const clips = judged.mos
      .map((_, i) => i)
      .filter((i) => arms.every((arm) => chosen.get(arm)!.every(({ rows }) => rows[i]!.score !== null)));
    if (clips.length < judged.mos.length && arms.length > 0) {
      const of = `${judged.mos.length - clips.length} of ${judged.mos.length} clips`;
      notes.push(`${judged.name}: ${of} are left out: a run has no score of them`);
    }
    const { mos, groups } = judged;
    return {
      judged,
      arms,
      clips,
      of: { mos: clips.map((i) => mos[i]!), groups: groups && clips.map((i) => groups[i]!) },
    };
  });
  const compared = compareReadouts(plan, chosen, sets);
  const main = compared?.[study.readout];
  if (seeds.length === 1) notes.push('one seed each: what another seed would change is not in the intervals');
  return {
    study: study.name,
    about: study.about,
    metric: study.metric,
    readout: study.readout,
    clips: sets.map(({ judged, arms, clips }) => {
      const numGroups = main?.arms.find(({ name }) => arms.includes(name))?.numGroups ?? 0;
      return { name: judged.name, n: arms.length === 0 ? 0 : clips.length, numGroups };
    }),
    isApproximate: main?.isApproximate ?? false,
    arms: study.arms.map(({ name }): StudyTableArm => {
      const runs = chosen.get(name) ?? [];
      const of = (readout: Readout): Record<ComparedMetric, Estimate> | undefined =>
        compared?.[readout].arms.find((arm) => arm.name === name)?.metrics;
      const [expectation, greedy] = [of('expectation'), of('greedy')];
      const metrics = expectation === undefined || greedy === undefined ? null : { expectation, greedy };
      const seedVariance = metrics?.[study.readout][study.metric].uncertainty?.seeds?.variance;
      return {
        name,
        learningRate:
          trials === undefined || !trials.waiting.includes(name)
            ? plan.runs.find(({ arm }) => arm === name)!.resolved.recipe.optimizer.learningRate
            : null,
        numSeeds: runs.length,
        clips: plan.judged.get(name)!.name,
        n: main?.arms.find((arm) => arm.name === name)?.n ?? 0,
        metrics,
        deviation: seedVariance === undefined ? null : Math.sqrt(seedVariance * runs.length),
        spread: meanOf(runs, ({ std }) => std),
        entropy: meanOf(runs, ({ thousandths }) => thousandths && entropyOf(thousandths)),
        legalMass: meanOf(runs, ({ legalMass }) => legalMass),
        obeys: obedience(runs),
        unscored: unscored(name),
        loss: meanLoss(runs, plan.judged.get(name)!),
        epoch: mean(runs.map(({ chosen: { epoch } }) => epoch)),
        seconds: mean(runs.map(({ seconds }) => seconds)),
        failed: Object.fromEntries([...failed].filter(([run]) => run.startsWith(`${name}/`))),
      };
    }),
    contrasts: (main?.contrasts ?? []).map((one, k) => {
      const arm = marked.find((name) => study.contrasts[k]!.weights.has(name));
      if (arm === undefined) return one;
      const difference: Stat = { defined: false, reason: `${arm}: more than 1 % of the clips have no score` };
      return { ...one, primary: { ...one.primary, difference } };
    }),
    trials: trials?.ended ?? [],
    notes,
  };
}

/** A table that arms are judged by: those with figures, and the clips that all of them have scores of. */
interface Compared {
  judged: Judged;
  arms: string[];
  clips: number[];
  of: JudgedClips;
}

function compareReadouts(
  { study }: StudyPlan,
  chosen: ReadonlyMap<string, readonly RunResult[]>,
  sets: readonly Compared[],
): Record<Readout, Comparison> | null {
  const used = sets.filter(({ arms, clips }) => arms.length > 0 && clips.length > 0);
  if (used.length === 0) return null;
  const by = (readout: Readout): Comparison =>
    compare({
      ...used[0]!.of,
      arms: study.arms.flatMap(({ name }): Arm[] => {
        const set = used.find(({ arms }) => arms.includes(name));
        if (set === undefined) return [];
        const { clips, judged, of } = set;
        const seeds = chosen.get(name)!.map(({ rows }) => clips.map((i) => readAs(readout, rows[i]!, judged)));
        return [{ name, seeds, ...(set === used[0] ? {} : { clips: of }) }];
      }),
      metric: study.metric,
      contrasts: study.contrasts,
    });
  return { expectation: by('expectation'), greedy: by('greedy') };
}

function readAs(readout: Readout, { score, integer, thousandths }: ResultScore, { scale }: Judged): number {
  return readout === 'expectation' || thousandths === null ? score! : fromMos5(scale, integer! / 10);
}

/** Half of what is kept of a probability. */
const LEAST_PROBABILITY = 0.0005;

function meanLoss(runs: readonly RunResult[], { mos }: Judged): number | null {
  return mean(
    runs.flatMap(({ rows, answers }) =>
      rows.flatMap(({ thousandths }, i) => {
        if (thousandths === null || answers === null) return [];
        const distance = (k: number): number => Math.abs(answers[k]! - mos[i]!);
        const nearest = thousandths.reduce((best, _, k) => (distance(k) < distance(best) ? k : best), 0);
        return -Math.log(Math.max(LEAST_PROBABILITY, thousandths[nearest]! / 1000));
      }),
    ),
  );
}

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length;

function meanOf(runs: readonly RunResult[], of: (row: ResultScore) => number | null): number | null {
  return mean(runs.flatMap(({ rows }) => rows.flatMap((row) => of(row) ?? [])));
}

function obedience(runs: readonly RunResult[]): number | null {
  const [asked, legal] = (['asked', 'legal'] as const).map((of) =>
    runs.reduce((sum, { free }) => sum + (free?.[of] ?? 0), 0),
  );
  return asked === 0 ? null : legal! / asked!;
}

/** In bits. */
function entropyOf(thousandths: readonly number[]): number {
  const total = thousandths.reduce((a, b) => a + b, 0);
  return thousandths.reduce((sum, p) => (p === 0 ? sum : sum - (p / total) * Math.log2(p / total)), 0);
}

const percent = (x: number): string => `${(100 * x).toFixed(1)} %`;
