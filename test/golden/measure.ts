// What is kept of a run and of scores: every number that must stay as it is, as JSON.
import { createHash } from 'node:crypto';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clip, ClipScore, EnsembleScore, FailedClip, ResolvedRecipe, TrainEvent } from '../../src/index.ts';
import { createRandomCheckpoint, loadScorer, train } from '../../src/index.ts';
import { readSafetensorsHeader, readTensor } from '../../src/files/index.ts';

/** A file in this folder. */
export const here = (...names: string[]): string => join(fileURLToPath(new URL('.', import.meta.url)), ...names);

/** How scorers are run. */
export const scoring = { runtime: { threads: 1 }, workers: 1 } as const;

/** What a run came to. */
export interface RunGolden {
  /** Loss and gradient norm of each update. */
  steps: [number, number][];
  /** What the validation rows said: SRCC, PLCC, RMSE, legal mass. */
  evaluations: (number | null)[][];
  /** Updates, and why there were no more. */
  end: string;
  /** Hashes of the trained tensors and of the optimizer's. */
  tensors: { model: string; optimizer: string };
  /** The first eight numbers of some tensors. */
  heads: Record<string, number[]>;
  /** Golden scores of the card. */
  card: number[];
}

/** Score, spread, legal mass, answer, integer, the first probabilities; or why there is none. */
export type ScoreGolden = [number, number | null, number | null, string, number, number[]] | { error: string };

/** Models and media of all cases, in a new folder. */
export async function furnish(root: string): Promise<void> {
  await cp(here('media'), join(root, 'media'), { recursive: true });
  await createRandomCheckpoint(join(root, 'model'), { preset: 'tiny' });
  await createRandomCheckpoint(join(root, 'model-bf16'), { preset: 'tiny', dtype: 'BF16', seed: 1 });
  await createRandomCheckpoint(join(root, 'model-f16'), { preset: 'tiny', dtype: 'F16', seed: 2 });
}

/** The list of clips that is scored: twelve, so that those behind the eighth share their beginning. */
export async function clipList(folder: string): Promise<Clip[]> {
  const [, ...rows] = (await readFile(here('media', 'clips.csv'), 'utf8')).trim().split('\n');
  return rows.map((line): Clip => {
    const [video, image, prompt] = line.split(',') as [string, string, string];
    const isVideo = video !== '';
    return { path: join(folder, isVideo ? video : image), kind: isVideo ? 'video' : 'image', prompt };
  });
}

export async function runToEnd(
  recipe: ResolvedRecipe,
  options: Parameters<typeof train>[1] = {},
): Promise<TrainEvent[]> {
  const events: TrainEvent[] = [];
  for await (const event of train(recipe, options)) events.push(event);
  return events;
}

/** What a run came to, from its events and its last checkpoint. */
export async function measureRun(out: string, events: readonly TrainEvent[]): Promise<RunGolden> {
  const steps: RunGolden['steps'] = [];
  const evaluations: RunGolden['evaluations'] = [];
  let end = '';
  let last = 0;
  for (const event of events) {
    if (event.type === 'step') steps.push([event.loss, event.gradientNorm]);
    if (event.type === 'evaluation') evaluations.push([event.srcc, event.plcc, event.rmse, event.legalMass]);
    if (event.type === 'end') [end, last] = [`${event.reason} at ${event.step}`, event.step];
  }
  const folder = join(out, 'checkpoints', `step-${last}`);
  const file = await firstOf(folder, ['adapter_model.safetensors', 'model.safetensors']);
  const card = JSON.parse(await readFile(join(folder, 'iovqa.json'), 'utf8')) as { goldenScores: { score: number }[] };
  return {
    steps,
    evaluations,
    end,
    tensors: { model: await hashTensors(file), optimizer: await hashTensors(join(folder, 'optimizer.safetensors')) },
    heads: await headsOf(file),
    card: card.goldenScores.map(({ score }) => score),
  };
}

async function firstOf(folder: string, names: readonly string[]): Promise<string> {
  for (const name of names) {
    const path = join(folder, name);
    if (
      await readFile(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  throw new Error(`${folder}: expected ${names.join(' or ')}`);
}

/** SHA-256 over names, types, shapes and bytes, in the order of the names: another header of the file is no other bit. */
export async function hashTensors(file: string): Promise<string> {
  const header = await readSafetensorsHeader(file);
  const bytes = await readFile(file);
  const hash = createHash('sha256');
  for (const [name, { dtype, shape, offset, length }] of [...header.tensors].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(JSON.stringify([name, dtype, shape])).update(bytes.subarray(offset, offset + length));
  }
  return hash.digest('hex');
}

/** The first eight numbers of the first, the middle and the last tensor that has as many. */
async function headsOf(file: string): Promise<Record<string, number[]>> {
  const header = await readSafetensorsHeader(file);
  const names = [...header.tensors.keys()].sort();
  const chosen = [names[0]!, names[names.length >> 1]!, names.at(-1)!];
  const heads: Record<string, number[]> = {};
  for (const name of chosen) heads[name] = Array.from((await readTensor(header, name)).subarray(0, 8));
  return heads;
}

/** Scores of the list by a model, and how many clips were found in the cache. */
export async function scoreWith(
  path: string,
  clips: readonly Clip[],
  options: Parameters<typeof loadScorer>[1] = {},
): Promise<{ scores: ScoreGolden[]; numCached: number }> {
  await using scorer = await loadScorer(path, { ...scoring, ...options });
  return await collectScores(scorer.score(clips));
}

export async function collectScores(
  stream: AsyncIterable<ClipScore | EnsembleScore | FailedClip>,
): Promise<{ scores: ScoreGolden[]; numCached: number }> {
  const scores: ScoreGolden[] = [];
  let numCached = 0;
  for await (const result of stream) {
    if ('error' in result) {
      scores.push({ error: result.error.message.replaceAll(/\S*[/\\](?=[^/\\ ]+)/g, '') });
      continue;
    }
    if (result.cached) numCached++;
    const { score, std, legalMass, integer } = result;
    const parts =
      'members' in result ? result.members.map((member) => member.score) : (result.probabilities?.slice(0, 4) ?? []);
    scores.push([score, std, legalMass, 'answer' in result ? result.answer : '', integer, parts]);
  }
  return { scores, numCached };
}
