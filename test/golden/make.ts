// Makes what is kept, the same way for the script that writes it and for the tests that compare.
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createEnsemble, embeddedAdapter, embeddedModel, loadEnsemble, paperWeights } from '../../src/index.ts';
import type { Clip } from '../../src/index.ts';
import { readdir } from 'node:fs/promises';
import { folderOf, memberCases, recipeOf } from './cases.ts';
import type { GoldenCase } from './cases.ts';
import type { RunGolden, ScoreGolden } from './measure.ts';
import { clipList, collectScores, here, measureRun, runToEnd, scoreWith, scoring } from './measure.ts';

/** A run, and what the model that it trained says of the list. */
export interface CaseGolden extends RunGolden {
  /** Scores of the list; with a case that is scored. */
  scores?: ScoreGolden[];
}

/** Trains a case and scores with it: the same three times, as it must be. */
export async function makeCase(root: string, golden: GoldenCase): Promise<CaseGolden> {
  const recipe = recipeOf(root, golden);
  const { out } = recipe.recipe;
  const run = await measureRun(out, await runToEnd(recipe));
  if (golden.isScored !== true) return run;
  const clips = await clipList(join(root, 'media'));
  const cache = join(root, 'caches', folderOf(golden.name));
  const isLora = recipe.recipe.method === 'lora';
  const off = await scoreWith(out, clips, { cache: false });
  const cold = await scoreWith(out, clips, { cache });
  const warm = await scoreWith(out, clips, { cache });
  await rm(cache, { recursive: true });
  for (const [what, { scores }] of Object.entries({ cold, warm })) {
    const text = JSON.stringify(scores);
    if (text !== JSON.stringify(off.scores))
      throw new Error(`${what} cache: expected ${JSON.stringify(off.scores)}, got ${text}`);
  }
  if (off.numCached + cold.numCached > 0) throw new Error('expected nothing in a cache that is off or new');
  const failed = off.scores.filter((score) => !Array.isArray(score)).length;
  if (isLora && warm.numCached < clips.length - failed)
    throw new Error(`expected all clips in the cache, got ${warm.numCached}`);
  return { ...run, scores: off.scores };
}

/** The ensemble of five, read from its file; the members' runs must be there. */
export async function makeEnsemble(root: string): Promise<ScoreGolden[]> {
  const members = memberCases.map((name, i) => ({
    path: join(root, 'runs', folderOf(name)),
    weight: paperWeights[i]!,
  }));
  const folder = join(root, 'ensemble');
  await createEnsemble(folder, members, scoring);
  await using ensemble = await loadEnsemble(folder, { ...scoring, cache: false });
  return (await collectScores(ensemble.score(await clipList(join(root, 'media'))))).scores;
}

/** The adapter that ships, over the pictures that ship. */
export async function makeShipped(): Promise<ScoreGolden[]> {
  const folder = here('../../pictures');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.webp')).sort();
  const clips = names.map((name): Clip => ({ path: join(folder, name), kind: 'image' }));
  return (await scoreWith(embeddedAdapter(), clips, { model: embeddedModel(), cache: false })).scores;
}

/** Copies a folder as it is, links included. */
export async function copyFolder(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, verbatimSymlinks: true });
}
