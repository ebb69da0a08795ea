// The plan of a study: its runs, each with its recipe and what identifies it, and the clips that all of them are judged by.
import { createHash } from 'node:crypto';
import { dirname, isAbsolute, join } from 'node:path';
import { UserError, show } from '../../core/index.ts';
import type { MosScale } from '../../dataset/index.ts';
import { groupedBy, groupingOf, leakingGroups, rowsOfSplit, scaleName } from '../../dataset/index.ts';
import { sha256File } from '../../files/index.ts';
import { adapterTensorsFile, openCheckpoint, startAdapter } from '../../model/index.ts';
import type { RatedRow, Recipe, RecipeSources, ResolvedRecipe } from '../../train/index.ts';
import { chooseRecipe, detectGrouping, inheritTableOptions, readRunRows, resolveRecipe } from '../../train/index.ts';
import { withoutPlaces } from './places.ts';
import type { Study, StudyArm } from './study-file.ts';
import { sourcesOfRun } from './study-file.ts';

/** A run of a study. */
export interface StudyRun {
  /** Name of its arm. */
  arm: string;
  /** Its seed. */
  seed: number;
  /** `ARM/seed-N`: what it is called, and where it lies in the folders of runs and of results. */
  name: string;
  /** What its recipe is put together from. */
  sources: RecipeSources;
  /** The recipe, as the run will settle it. */
  resolved: ResolvedRecipe;
  /**
   * SHA-256 of all that its scores depend on but for machine and version: the keys of the recipe that are set, the threads, the table,
   * the prompt's template and the weights of model and adapter.
   */
  identity: string;
  /** Its table, and the SHA-256 of that. */
  table: {
    /** Where it lies. */
    path: string;
    /** Of its bytes. */
    sha256: string;
  };
}

/** Runs of a study. */
export interface PlannedRuns {
  /** The study. */
  study: Study;
  /** Its runs: the first seed of each arm, then the second and so on, so that a study that is stopped early has whole pairs. */
  runs: StudyRun[];
  /** The clips that are scored, by arm: their files may differ, their opinion scores do not. None in trials of learning rates. */
  reported: ReadonlyMap<string, readonly RatedRow[]>;
}

/** A plan. */
export interface StudyPlan extends PlannedRuns {
  /** What a reader must know of the tables. */
  notes: readonly string[];
  /** The scale of the table. */
  scale: MosScale;
  /** Opinion scores of these clips, on that scale. */
  mos: readonly number[];
  /** The groups that they are in; undefined where each is one of its own. */
  groups: readonly string[] | undefined;
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
  const tables = new Map<string, Reported>();
  const planRun = runPlanner(study, out);
  for (const seed of study.seeds) {
    for (const arm of study.arms) {
      const run = await planRun(arm, seed, `${arm.name}/seed-${seed}`, learningRates.get(arm.name));
      if (!tables.has(arm.name)) {
        tables.set(arm.name, await ofArm(study, arm, () => reportedRows(study, run.resolved.recipe)));
      }
      runs.push(run);
    }
  }
  const [[firstArm, { rows: first, scale }], ...others] = [...tables] as [[string, Reported], ...[string, Reported][]];
  const notes: string[] = [];
  for (const [arm, { rows, scale: own }] of others) {
    if (JSON.stringify(own) !== JSON.stringify(scale)) {
      const got = `${scaleName(own)}, not ${scaleName(scale)}`;
      throw new UserError('bad-input', `${study.path}: arm ${arm}: expected the scale of arm ${firstArm}, got ${got}`);
    }
    requireSameLabels(study, firstArm, first, arm, rows);
    if (rows.some(({ id }, i) => id !== first[i]!.id)) {
      notes.push(`${arm} shows other clips than ${firstArm}: they are paired by their order in the table`);
    }
  }
  const groupBy = runs[0]!.resolved.recipe.data.groupBy ?? groupingOf(first);
  if (groupBy === 'prompt')
    notes.push('clips of one prompt are one group: prompts are shared, and no clip has a group');
  for (const [arm, { leaks }] of tables) {
    if (leaks.length > 0) {
      notes.push(
        `${arm}: ${leaks.length} groups have clips that train and clips that are reported, such as ${show(leaks[0])}: its figures come out too good`,
      );
    }
  }
  const groups = groupedBy(first, groupBy).map(({ id, group }) =>
    group === undefined ? `clip ${id}` : `group ${group}`,
  );
  return {
    study,
    runs,
    reported: new Map([...tables].map(([arm, { rows }]) => [arm, rows])),
    scale,
    notes,
    mos: first.map(({ mos }) => mos),
    groups: new Set(groups).size === groups.length ? undefined : groups,
  };
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
    const sources = sourcesOfRun(study, arm, seed, join(out, name), learningRate);
    const resolved = await ofArm(study, arm, async () =>
      detectGrouping(await chooseRecipe(await inheritTableOptions(resolveRecipe(sources)))),
    );
    return { arm: arm.name, seed, name, sources, resolved, ...(await identify(resolved)) };
  };
}

/** What an arm is judged by. */
interface Reported {
  rows: RatedRow[];
  scale: MosScale;
  /** Groups that it also trains or selects on. */
  leaks: string[];
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

/** The rows of the reported split, which nothing else of the run may be. */
async function reportedRows(study: Study, recipe: Recipe): Promise<Reported> {
  const { train, validation, manifest } = recipe.data;
  const inUse = validation !== null && 'split' in validation ? validation.split : null;
  if (train === null || train.split === study.report || inUse === study.report) {
    const got = train === null ? 'all rows to train on' : `the split ${show(study.report)}`;
    throw new UserError('bad-recipe', `data: expected splits that are not reported, got ${got}`, {
      hint: `Set data.train and data.validation to splits of ${manifest} other than ${show(study.report)}.`,
    });
  }
  const { dataset, rows } = await readRunRows(recipe);
  const parts = new Set([train.split, ...(inUse === null ? [] : [inUse]), study.report]);
  const seen = groupedBy(rows, recipe.data.groupBy ?? groupingOf(rows)).flatMap((row) =>
    row.split !== undefined && parts.has(row.split)
      ? [{ ...row, split: row.split === study.report ? 'reported' : 'seen' }]
      : [],
  );
  const leaks = leakingGroups(seen).map(({ group }) => group);
  return { rows: rowsOfSplit(rows, study.report), scale: dataset.scale, leaks };
}

function requireSameLabels(
  study: Study,
  firstArm: string,
  first: readonly RatedRow[],
  arm: string,
  rows: readonly RatedRow[],
): void {
  const at = rows.findIndex(({ mos }, i) => mos !== first[i]?.mos);
  if (at < 0 && rows.length === first.length) return;
  const got =
    at < 0 ? `${rows.length} clips, not ${first.length}` : `${rows[at]!.mos} for clip ${at + 1}, not ${first[at]?.mos}`;
  throw new UserError(
    'bad-input',
    `${study.path}: arm ${arm}: expected the opinion scores of arm ${firstArm} in the split ${show(study.report)}, got ${got}`,
  );
}

/** Identifies runs; files are read once. */
function identifier(study: Study): (resolved: ResolvedRecipe) => Promise<Pick<StudyRun, 'identity' | 'table'>> {
  const hashes = new Map<string, Promise<string>>();
  const once = (what: string, of: () => Promise<string>): Promise<string> => {
    if (!hashes.has(what)) hashes.set(what, of());
    return hashes.get(what)!;
  };
  const ofFile = (path: string): Promise<string> => once(`file ${path}`, () => sha256File(path));
  return async ({ recipe, provenance }) => {
    const { model, adapter, data, prompt, runtime } = recipe;
    const table = await ofFile(data.manifest);
    // Keys that nobody set are left out: later versions have more of them.
    const kept = withoutPlaces(recipe, dirname(study.path));
    const set = [...provenance]
      .filter(([key, origin]) => origin !== 'default' && !ofMachine.test(key))
      .map(([key]) => key);
    const what = {
      ...Object.fromEntries(set.sort().map((key) => [key, valueAt(kept, key)])),
      report: study.report,
      freeAnswers: study.freeAnswers,
      threads: runtime.threads,
      provider: runtime.provider,
      maxMemory: runtime.maxMemory,
      table,
      model: await once(`model ${model}`, async () => (await openCheckpoint(model)).hash()),
      adapter: adapter === null ? null : await ofFile(adapterTensorsFile(startAdapter(adapter))),
      template: isAbsolute(prompt.template) ? await ofFile(prompt.template) : prompt.template,
    };
    const identity = createHash('sha256').update(JSON.stringify(what)).digest('hex');
    return { identity, table: { path: data.manifest, sha256: table } };
  };
}

/** Keys that say where something lies, whose content is hashed instead, and those of the machine. */
const ofMachine = /^(?:out|model|adapter|data\.manifest|prompt\.template|runtime(?:\..*)?)$/;

function valueAt(tree: Readonly<Record<string, unknown>>, key: string): unknown {
  return (
    key.split('.').reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], tree) ?? null
  );
}
