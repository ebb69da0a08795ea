// What identifies a run: a hash of all that its scores depend on, but for machine and version.
import { createHash } from 'node:crypto';
import { dirname, isAbsolute } from 'node:path';
import { settledPrecision } from '../../engine/index.ts';
import { sha256File } from '../../files/index.ts';
import { adapterTensorsFile, openCheckpoint, startAdapter } from '../../model/index.ts';
import type { Recipe, ResolvedRecipe } from '../../train/index.ts';
import { withoutPlaces } from './places.ts';
import type { Study, StudyArm } from './study-file.ts';

/** A table as a run began with it. */
export interface HashedTable {
  /** Where it lies. */
  path: string;
  /** SHA-256 of its bytes. */
  sha256: string;
}

/** What a run is told apart by. */
export interface Identified {
  /** Hash of all that its scores depend on. */
  identity: string;
  /** Hash of what training depends on. */
  trainingIdentity: string;
  /** The tables that it reads. */
  tables: HashedTable[];
}

/** Identifies a run, from its recipe and that by which the reported clips are scored, where it is another. */
type Identify = (resolved: ResolvedRecipe, arm: StudyArm, scored: ResolvedRecipe | null) => Promise<Identified>;

/**
 * Identifies runs; files are read once.
 * @param study - the study
 */
export function identifier(study: Study): Identify {
  const hashes = new Map<string, Promise<string>>();
  const once = (what: string, of: () => Promise<string>): Promise<string> => {
    if (!hashes.has(what)) hashes.set(what, of());
    return hashes.get(what)!;
  };
  const ofFile = (path: string): Promise<string> => once(`file ${path}`, () => sha256File(path));
  const templateOf = async ({ template }: Recipe['prompt'] | Recipe['questions'][number]): Promise<string> =>
    isAbsolute(template) ? ofFile(template) : template;
  return async ({ recipe, provenance }, arm, scored) => {
    const { model, adapter, data, runtime } = recipe;
    const table = await ofFile(data.manifest);
    const tables = [{ path: data.manifest, sha256: table }];
    // Keys that nobody set are left out: later versions have more of them.
    const kept = withoutPlaces(recipe, dirname(study.path));
    const set = [...provenance]
      .filter(([key, origin]) => origin !== 'default' && !ofMachine.test(key))
      .map(([key]) => key);
    const what: Record<string, unknown> = {
      ...Object.fromEntries(set.sort().map((key) => [key, valueAt(kept, key)])),
      report: study.report,
      freeAnswers: study.freeAnswers,
      threads: runtime.threads,
      provider: runtime.provider,
      // Left out for the engine of the project, as in results of before.
      ...(runtime.engine === 'onnx' ? {} : { engine: runtime.engine, precision: await settledPrecision(runtime) }),
      maxMemory: runtime.maxMemory,
      table,
      model: await once(`model ${model}`, async () => (await openCheckpoint(model)).hash()),
      adapter: adapter === null ? null : await ofFile(adapterTensorsFile(startAdapter(adapter))),
      template: await templateOf(recipe.prompt),
    };
    if (recipe.questions.length > 0) what['questionTemplates'] = await Promise.all(recipe.questions.map(templateOf));
    if (!arm.isTrained) what['untrained'] = true;
    const trainingIdentity = hashOf(what);
    if (arm.scoring.report !== null) what['report'] = arm.scoring.report;
    if (scored !== null) {
      const other = await ofFile(scored.recipe.data.manifest);
      if (scored.recipe.data.manifest !== data.manifest) {
        tables.push({ path: scored.recipe.data.manifest, sha256: other });
      }
      const places = arm.scoring.sets.filter((one) => !ofMachine.test(one.slice(0, one.indexOf('='))));
      what['scoring'] = { sets: places.sort(), table: other, template: await templateOf(scored.recipe.prompt) };
    }
    return { identity: hashOf(what), trainingIdentity, tables };
  };
}

const hashOf = (what: unknown): string => createHash('sha256').update(JSON.stringify(what)).digest('hex');

/** Keys that say where something lies, whose content is hashed instead, and those of the machine. */
const ofMachine = /^(?:out|model|adapter|data\.manifest|prompt\.template|runtime(?:\..*)?)$/;

function valueAt(tree: Readonly<Record<string, unknown>>, key: string): unknown {
  return (
    key.split('.').reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], tree) ?? null
  );
}
