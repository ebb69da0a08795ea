// Learning rates: trials of each arm at several, by a seed that is not reported, and the one that validation likes best.
import type { PlannedRuns, StudyRun } from './plan.ts';
import { runPlanner } from './plan.ts';
import type { RunResult } from './result.ts';
import { readResult } from './result.ts';
import type { Study, StudyArm } from './study-file.ts';

/** A trial that has ended. */
export interface Trial {
  /** Name of its arm. */
  arm: string;
  /** Its learning rate. */
  learningRate: number;
  /** The study's metric on the selection part; null where the run diverged, or it is undefined. */
  validation: number | null;
}

/** Trials of a study. */
export interface Trials {
  /** Runs that are to be done before more can be said. */
  todo: PlannedRuns;
  /** Trials that have ended. */
  ended: Trial[];
  /** The chosen learning rate of each arm whose trials have all ended, by its name. */
  chosen: Map<string, number>;
  /** Arms whose trials have not all ended: they have no runs yet. */
  waiting: string[];
}

/**
 * Looks at the trials of a study's learning rates.
 * @param study - from `readStudy`
 * @param out - the folder of its runs
 * @param results - the folder of its results
 * @returns what is to be done, and what was found. When that is done, there may be more: a step further than the best
 */
export async function planTrials(study: Study, out: string, results: string): Promise<Trials> {
  const todo: StudyRun[] = [];
  const ended: Trial[] = [];
  const chosen = new Map<string, number>();
  const { learningRates: search } = study;
  const planRun = runPlanner(study, out);
  for (const arm of study.arms) {
    if (search === null || !isTried(arm)) continue;
    const { seed, factor } = search;
    const base = (await planRun(arm, seed, arm.name, undefined)).resolved.recipe.optimizer.learningRate;
    /** Of the powers of the factor that are given: which are missing, and what the others say. */
    const tryOut = async (powers: readonly number[]): Promise<(Trial & { power: number })[]> => {
      const found: (Trial & { power: number })[] = [];
      for (const power of powers) {
        const learningRate = Number((base * factor ** power).toPrecision(4));
        const run = await planRun(arm, seed, trialName(arm, learningRate, seed), learningRate);
        const result = await readResult(results, run.name);
        if (result?.identity !== run.identity) todo.push(run);
        else found.push({ arm: arm.name, learningRate, validation: validationOf(study, result), power });
      }
      return found;
    };
    const powers = [-1, 0, 1];
    let found = await tryOut(powers);
    const best = bestOf(found)?.power;
    if (found.length === powers.length && best !== undefined && best !== 0) {
      found = [...found, ...(await tryOut([2 * best]))];
      powers.push(2 * best);
    }
    ended.push(...found.map(({ power: _power, ...trial }) => trial));
    if (found.length === powers.length) chosen.set(arm.name, bestOf(found)?.learningRate ?? base);
  }
  for (const { name, trainedAs } of study.arms) {
    const rate = chosen.get(trainedAs);
    if (rate !== undefined) chosen.set(name, rate);
  }
  const none = new Map(study.arms.map(({ name }) => [name, []]));
  const tried = search === null ? [] : study.arms.filter(isTried).map(({ name }) => name);
  const waiting = study.arms.filter(({ trainedAs }) => tried.includes(trainedAs) && !chosen.has(trainedAs));
  return { todo: { study, runs: todo, reported: none }, ended, chosen, waiting: waiting.map(({ name }) => name) };
}

/** Whether an arm's learning rate is chosen by trials of its own: not where it says one, has none, or has another arm's runs. */
const isTried = ({ name, sets, isTrained, trainedAs }: StudyArm): boolean =>
  isTrained && trainedAs === name && !sets.some((set) => set.startsWith('optimizer.learningRate='));

const trialName = (arm: StudyArm, learningRate: number, seed: number): string =>
  `${arm.name}/learning-rate-${learningRate}/seed-${seed}`;

function validationOf({ metric }: Study, { chosen: { validation } }: RunResult): number | null {
  if (validation === null) return null;
  if (metric === 'rmse') return validation.rmse === null ? null : -validation.rmse;
  return validation[metric === 'krcc' ? 'srcc' : metric]; // runs do not log KRCC
}

/** The best of some trials; of two alike the first. */
function bestOf<T extends Trial>(trials: readonly T[]): T | undefined {
  const worth = ({ validation }: Trial): number => validation ?? -Infinity;
  return trials.reduce<T | undefined>(
    (best, one) => (best === undefined || worth(one) > worth(best) ? one : best),
    undefined,
  );
}
