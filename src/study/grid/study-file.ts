// The file of a study: a base recipe, arms that change some of its keys, seeds, and the contrasts that are planned.
import { basename, dirname, resolve } from 'node:path';
import { z } from 'zod';
import { UserError, show } from '../../core/index.ts';
import { parseYaml, readText } from '../../files/index.ts';
import type { SettingsProblem } from '../../files/index.ts';
import type { ComparedMetric, PlannedContrast } from '../../metrics/index.ts';
import { againstFirst, comparedMetrics, differenceOf } from '../../metrics/index.ts';
import { listProblems } from '../../model/index.ts';
import type { RecipeInput, RecipeSources } from '../../train/index.ts';
import { resolveRecipe } from '../../train/index.ts';

/** What the scores of a clip are read as. */
export type Readout = 'expectation' | 'greedy';

/** A change of the base recipe. */
export interface StudyArm {
  /** Its name, also that of its folder. */
  name: string;
  /** Keys of the recipe that differ from the base's, as `KEY=VALUE`. */
  sets: string[];
  /** Whether it trains; without, the reported clips are scored by the model that training would start from. */
  isTrained: boolean;
  /** The first arm that trains as it does, perhaps itself: they have the runs of that arm. */
  trainedAs: string;
  /** What differs when the reported clips are scored. */
  scoring: ArmScoring;
}

/** How an arm scores the reported clips, where that is not as it trains. */
export interface ArmScoring {
  /** Keys of the recipe, as `KEY=VALUE`. */
  sets: string[];
  /** The split that is scored; null: that of the study. */
  report: string | null;
}

/** How learning rates are chosen: the recipe's, one a factor below and one above, and one step further where the best is at an end. */
export interface LearningRateSearch {
  /** Between two of them; above 1. */
  factor: number;
  /** The seed of the trials, which is none of those reported. */
  seed: number;
}

/** A study, as its file says. */
export interface Study {
  /** Its name: that of the file, without its ending. */
  name: string;
  /** The file, absolute. */
  path: string;
  /** What it asks, in a sentence. */
  about: string;
  /** Arms, in the order of the file; those of a grid in that of its keys, the last one fastest. */
  arms: StudyArm[];
  /** A run for each, in each arm; they vary initial values, order and dropout. */
  seeds: number[];
  /** How the learning rate of each arm is chosen; null: it is the recipe's. */
  learningRates: LearningRateSearch | null;
  /** The split of the manifest whose clips are scored and reported. */
  report: string;
  /** How many of these clips are also answered freely, spread over the report; 0: none. */
  freeAnswers: number;
  /** What contrasts are about. */
  metric: ComparedMetric;
  /** Which scores contrasts are about. */
  readout: Readout;
  /** Planned contrasts; by default each arm against the first. */
  contrasts: PlannedContrast[];
  /** Threads of a run: a part of what is computed, unlike how many runs there are at a time. */
  threads: number;
  /** The base recipe; paths in it are relative to the file's folder. */
  base: RecipeInput;
}

const MAX_LENGTH = 65_536;
/** What arms may be called, since folders are: no number alone, as JavaScript puts keys that are numbers first, whatever their order. */
const NAME = /^(?!\d+$)[A-Za-z0-9][\w.+-]{0,63}$/;
const name = z.string();
const settings = z.record(z.string(), z.unknown());
const seed = z.int().min(0).max(0xffffffff);

const schema = z.strictObject({
  about: z.string().default(''),
  base: settings,
  arms: z.record(name, settings.nullable()).optional(),
  grid: z.record(z.string(), z.array(z.unknown()).min(1)).optional(),
  seeds: z.union([z.int().min(1).max(1000), z.array(seed).min(1)]).default(5),
  learningRates: z
    .strictObject({ factor: z.number().gt(1).max(100).default(3), seed: seed.default(1000) })
    .nullable()
    .default(null),
  report: z.string().min(1),
  freeAnswers: z.int().min(0).default(0),
  metric: z.enum(comparedMetrics).default('challenge'),
  readout: z.enum(['expectation', 'greedy']).default('expectation'),
  contrasts: z
    .array(
      z.union([z.tuple([name, name]), z.strictObject({ name: z.string().min(1), of: z.record(name, z.number()) })]),
    )
    .optional(),
  threads: z.int().min(1).default(1),
});

/**
 * Reads a study.
 * @param path - its file
 * @throws UserError `bad-recipe` that says what is wrong, where
 */
export async function readStudy(path: string): Promise<Study> {
  const text = await readText(path, 'bad-recipe', MAX_LENGTH);
  if (text === undefined) throw new UserError('bad-recipe', `${path}: expected the file of a study, got no such file`);
  const problems: SettingsProblem[] = [];
  const tree = parseYaml(text, (line) => `${path}:${line}`, problems);
  if (problems.length > 0) {
    throw new UserError(
      'bad-recipe',
      `${path}: ${listProblems(problems.map(({ where, expected, got }) => `${where}: expected ${expected}, got ${got}`))}`,
    );
  }
  const result = schema.safeParse(tree?.value);
  if (!result.success) {
    const issues = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new UserError('bad-recipe', `${path}: expected the file of a study, got: ${listProblems(issues)}`);
  }
  const { arms: named = {}, grid, seeds, contrasts, base, ...rest } = result.data;
  const arms = [
    ...Object.entries(named).map(([arm, changes]) => ({ name: arm, sets: setsOf(changes ?? {}) })),
    ...armsOfGrid(grid ?? {}),
  ].map(({ name, sets }) => armOf(path, name, sets));
  for (const arm of arms) arm.trainedAs = arms.find((other) => trainsAs(arm, other))!.name;
  const names = arms.map((arm) => arm.name);
  if (arms.length === 0) throw new UserError('bad-recipe', `${path}: arms: expected at least one arm, got none`);
  const bad = names.find((one) => !NAME.test(one));
  if (bad !== undefined) {
    const expected = 'expected names of letters, digits and - . _ +, at most 64 and no number alone';
    throw new UserError('bad-recipe', `${path}: arms: ${expected}, got ${show(bad)}`);
  }
  // Some systems have one folder for both.
  const lower = names.map((one) => one.toLowerCase());
  const twice = names.find((_, i) => lower.indexOf(lower[i]!) < i);
  if (twice !== undefined)
    throw new UserError('bad-recipe', `${path}: arms: expected each name once, got ${twice} twice`);
  const study: Study = {
    ...rest,
    name: basename(path).replace(/\.ya?ml$/, ''),
    path: resolve(path),
    arms,
    seeds: typeof seeds === 'number' ? Array.from({ length: seeds }, (_, i) => i) : seeds,
    contrasts: contrasts === undefined ? againstFirst(names) : contrasts.map((one) => contrastOf(path, one, names)),
    base,
  };
  if (new Set(study.seeds).size < study.seeds.length) {
    throw new UserError('bad-recipe', `${path}: seeds: expected each seed once, got ${study.seeds.join(', ')}`);
  }
  const { learningRates } = study;
  if (learningRates !== null && study.seeds.includes(learningRates.seed)) {
    throw new UserError(
      'bad-recipe',
      `${path}: learningRates.seed: expected none of the seeds that are reported, got ${learningRates.seed}`,
    );
  }
  return study;
}

/** Changes as arguments of `--set`: a section below a section is one key for each value. */
function setsOf(changes: Readonly<Record<string, unknown>>, prefix = ''): string[] {
  return Object.entries(changes).flatMap(([key, value]) => {
    const at = prefix === '' ? key : `${prefix}.${key}`;
    const isSection = typeof value === 'object' && value !== null && !Array.isArray(value) && !isValue.has(at);
    return isSection ? setsOf(value as Record<string, unknown>, at) : [`${at}=${yamlOf(value)}`];
  });
}

/** A value as YAML in flow style, which JSON is but for numbers without an end. */
function yamlOf(value: unknown): string {
  if (typeof value === 'number' && !Number.isFinite(value))
    return value > 0 ? '.inf' : Number.isNaN(value) ? '.nan' : '-.inf';
  return JSON.stringify(value);
}

/** Keys that are the study's to set. */
const ofStudy = ['seed', 'seeds.split', 'out', 'runtime.threads'];
/** What may differ between training and scoring. */
const ofScoring = /^(?:data|frames|prompt)\./;
const SCORING = 'scoring.';
const REPORT = 'report=';

/** An arm from all of its changes: keys of the recipe, those behind `scoring.`, and `epochs=0`. */
function armOf(path: string, name: string, changes: readonly string[]): StudyArm {
  const bad = (expected: string, got: string, hint: string): UserError =>
    new UserError('bad-recipe', `${path}: arm ${name}: expected ${expected}, got ${got}`, { hint });
  const keyOf = (set: string): string => set.slice(0, set.indexOf('='));
  const sets = changes.filter((set) => !set.startsWith(SCORING) && set !== 'epochs=0');
  const scoring = changes.filter((set) => set.startsWith(SCORING)).map((set) => set.slice(SCORING.length));
  const own = sets.map(keyOf).find((key) => ofStudy.includes(key));
  if (own !== undefined) {
    const hint = 'The study sets these: by seeds, threads, --out and the seeds.split of its base.';
    throw bad(`keys of the recipe but ${ofStudy.join(', ')}`, own, hint);
  }
  const stranger = scoring.map(keyOf).find((key) => key !== 'report' && !ofScoring.test(key));
  if (stranger !== undefined) {
    throw bad('data, frames, prompt or report in scoring', stranger, 'Scoring cannot change what was trained.');
  }
  const report: unknown = JSON.parse(scoring.find((set) => set.startsWith(REPORT))?.slice(REPORT.length) ?? 'null');
  if (report !== null && typeof report !== 'string') {
    throw bad('the name of a split in scoring.report', show(report), 'Name a split of the table.');
  }
  return {
    name,
    sets,
    isTrained: !changes.includes('epochs=0'),
    trainedAs: name,
    scoring: { sets: scoring.filter((set) => !set.startsWith(REPORT)), report },
  };
}

/** Whether two arms have the same runs. */
function trainsAs(one: StudyArm, other: StudyArm): boolean {
  const training = ({ sets, isTrained }: StudyArm): string => JSON.stringify([[...sets].sort(), isTrained]);
  return training(one) === training(other);
}

/** Keys whose value is a map. */
const isValue = new Set(['data.train', 'data.validation', 'data.fold']);

/** Arms of all combinations, named by their values. */
function armsOfGrid(grid: Readonly<Record<string, readonly unknown[]>>): { name: string; sets: string[] }[] {
  let arms: { values: string[]; sets: string[] }[] = [{ values: [], sets: [] }];
  for (const [key, values] of Object.entries(grid)) {
    arms = arms.flatMap((arm) =>
      values.map((value) => ({
        values: [...arm.values, nameOf(key, value)],
        sets: [...arm.sets, `${key}=${yamlOf(value)}`],
      })),
    );
  }
  return Object.keys(grid).length === 0 ? [] : arms.map(({ values, sets }) => ({ name: values.join('+'), sets }));
}

/** What a value of a grid is called, such as `rank-32`: what is special in names of files is a dash. */
function nameOf(key: string, value: unknown): string {
  const text = typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
  return `${key.split('.').at(-1)}-${text}`.replaceAll(/[^\w.]+/g, '-').replace(/[-._]+$/, '');
}

function contrastOf(
  path: string,
  said: [string, string] | { name: string; of: Record<string, number> },
  names: readonly string[],
): PlannedContrast {
  const contrast = Array.isArray(said)
    ? differenceOf(...said)
    : { name: said.name, weights: new Map(Object.entries(said.of)) };
  const stranger = [...contrast.weights.keys()].find((arm) => !names.includes(arm));
  if (stranger !== undefined) {
    throw new UserError('bad-recipe', `${path}: contrasts: expected arms, got ${show(stranger)}`, {
      hint: `The arms are ${names.join(', ')}.`,
    });
  }
  const sum = [...contrast.weights.values()].reduce((a, b) => a + b, 0);
  const numWeights = [...contrast.weights.values()].filter((weight) => weight !== 0).length;
  if (numWeights < 2 || Math.abs(sum) > 1e-9) {
    throw new UserError(
      'bad-recipe',
      `${path}: contrasts: expected two or more arms with weights that add up to 0 in ${show(contrast.name)}, got ${sum}`,
    );
  }
  return contrast;
}

/**
 * What the recipe of a run is put together from. The split of the table is the base's for all seeds; initial values, order, dropout and
 * random frames are the seed's.
 * @param study - the study
 * @param arm - one of its arms
 * @param seed - one of its seeds
 * @param out - the run's folder
 * @param learningRate - the arm's; undefined: the recipe's
 */
export function sourcesOfRun(
  study: Study,
  arm: StudyArm,
  seed: number,
  out: string,
  learningRate: number | undefined,
): RecipeSources {
  const folder = dirname(study.path);
  const { seed: own = 0, seeds } = study.base;
  const sets = [
    ...arm.sets,
    ...(learningRate === undefined ? [] : [`optimizer.learningRate=${learningRate}`]),
    `seed=${seed}`,
    `runtime.threads=${study.threads}`,
    `out=${JSON.stringify(resolve(out))}`,
  ];
  const split = (seeds as { split?: number } | undefined)?.split ?? own;
  // It is a key without effect, which recipes refuse, where nothing is cut.
  const ofSplit = cutsRows(study, folder, arm) ? [`seeds.split=${split}`] : [];
  return { base: study.base, folder, sets: [...sets, ...ofSplit] };
}

/**
 * What the recipe is put together from by which the reported clips are scored: that of the run, but for what the arm changes.
 * @param run - from {@link sourcesOfRun}
 * @param arm - the arm
 */
export function sourcesOfScoring(run: RecipeSources, { scoring }: StudyArm): RecipeSources {
  return { ...run, sets: [...(run.sets ?? []), ...scoring.sets] };
}

/** Whether a share or a fold of the rows is held out. */
function cutsRows({ base }: Study, folder: string, { sets }: StudyArm): boolean {
  try {
    const { validation, fold } = resolveRecipe({ base, folder, sets: [...sets, 'out=.'] }).recipe.data;
    return fold !== null || (validation !== null && 'fraction' in validation);
  } catch {
    return false; // What is wrong is told where the recipe is used.
  }
}
