// The plan of a study: its runs, each with its recipe and what identifies it, and the clips that all of them are judged by.
import { join } from 'node:path';
import { UserError } from '../../core/index.ts';
import type { RatedRow, RecipeSources, ResolvedRecipe } from '../../train/index.ts';
import { chooseRecipe, detectGrouping, inheritTableOptions, resolveRecipe } from '../../train/index.ts';
import { identifier } from './identity.ts';
import type { HashedTable } from './identity.ts';
import type { Judged, JudgedRows } from './judged.ts';
import { judgedBy, judgedRows } from './judged.ts';
import { resolveScoring, runName } from './scoring.ts';
import type { Study, StudyArm } from './study-file.ts';
import { sourcesOfRun, sourcesOfScoring } from './study-file.ts';

/** A run of a study. */
export interface StudyRun {
  /** Name of its arm. */
  arm: string;
  /** Its seed. */
  seed: number;
  /** `ARM/seed-N`: what it is called, and where it lies in the folders of runs and of results. */
  name: string;
  /** `ARM/seed-N` of the arm whose run it has ({@link StudyArm.trainedAs}): also the run's folder. */
  training: string;
  /** What its recipe is put together from. */
  sources: RecipeSources;
  /** The recipe, as the run will settle it. */
  resolved: ResolvedRecipe;
  /** Whether it trains. */
  isTrained: boolean;
  /** What the recipe is put together from by which the reported clips are scored; null: as the run's. */
  scoring: RecipeSources | null;
  /**
   * SHA-256 of all that its scores depend on but for machine and version: the keys of the recipe that are set, the threads, the tables,
   * the prompts' templates and the weights of model and adapter.
   */
  identity: string;
  /** The same of what training alone depends on. */
  trainingIdentity: string;
  /** Its table, and that of the reported clips where it is another. */
  tables: HashedTable[];
}

/** Runs of a study. */
export interface PlannedRuns {
  /** The study. */
  study: Study;
  /** Its runs: the first seed of each arm, then the second and so on, so that a study that is stopped early has whole pairs. */
  runs: StudyRun[];
  /** The clips that are scored, by arm; none in trials of learning rates. */
  reported: ReadonlyMap<string, readonly RatedRow[]>;
}

/** A plan. */
export interface StudyPlan extends PlannedRuns {
  /** What a reader must know of the tables. */
  notes: readonly string[];
  /** What arms are judged by, by arm; arms with the same object are paired by clip, though their files may differ. */
  judged: ReadonlyMap<string, Judged>;
}

/**
 * Plans a study: reads its tables, and the weights of its models once.
 * @param study - from `readStudy`
 * @param out - the folder of its runs
 * @param learningRates - by arm, where they were chosen ({@link planTrials}); the recipe's elsewhere
 * @throws UserError `bad-recipe` that names the arm; `bad-input` where arms are not judged by the same opinion scores, or train on them
 */
export async function planStudy(
  study: Study,
  out: string,
  learningRates: ReadonlyMap<string, number> = new Map(),
): Promise<StudyPlan> {
  const runs: StudyRun[] = [];
  const tables = new Map<string, JudgedRows>();
  const planRun = runPlanner(study, out);
  for (const seed of study.seeds) {
    for (const arm of study.arms) {
      const run = await planRun(arm, seed, runName(arm.name, seed), learningRates.get(arm.name));
      if (!tables.has(arm.name)) {
        const scored = run.scoring === null ? run.resolved : await resolveScoring(run.scoring);
        const rows = (): Promise<JudgedRows> => judgedRows(study, arm, run.resolved.recipe, scored.recipe);
        tables.set(arm.name, await ofArm(study, arm, rows));
      }
      runs.push(run);
    }
  }
  const { judged, notes } = judgedBy(study, tables);
  return { study, runs, reported: new Map([...tables].map(([arm, { rows }]) => [arm, rows])), judged, notes };
}

/** Plans a run. */
export type PlanRun = (
  arm: StudyArm,
  seed: number,
  name: string,
  learningRate: number | undefined,
) => Promise<StudyRun>;

/**
 * Plans runs one by one; tables and models are read once for all of them.
 * @param study - from `readStudy`
 * @param out - the folder of its runs
 */
export function runPlanner(study: Study, out: string): PlanRun {
  const identify = identifier(study);
  return async (arm, seed, name, learningRate) => {
    // Arms that train alike have one folder; a trial's lies in that of its arm.
    const training = `${arm.trainedAs}${name.slice(arm.name.length)}`;
    const sources = sourcesOfRun(study, arm, seed, join(out, training), learningRate);
    const resolved = await ofArm(study, arm, async () =>
      detectGrouping(await chooseRecipe(await inheritTableOptions(resolveRecipe(sources)))),
    );
    const { isTrained } = arm;
    const scoring = arm.scoring.sets.length === 0 ? null : sourcesOfScoring(sources, arm);
    const scored = scoring === null ? null : await ofArm(study, arm, () => resolveScoring(scoring));
    const identified = await identify(resolved, arm, scored);
    return { arm: arm.name, seed, name, training, sources, resolved, isTrained, scoring, ...identified };
  };
}

/** Says in which arm something is wrong. */
async function ofArm<T>(study: Study, arm: StudyArm, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    throw new UserError(error.code, `${study.path}: arm ${arm.name}: ${error.message}`, { ...hint, cause: error });
  }
}
