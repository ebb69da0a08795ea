// What to train a small model with when there are a hundred clips: arms of recipes over draws of clips. Each training is a run folder and
// each result a line of results.jsonl; run again, it goes on where it was stopped.
//   npx tsx bench/small-recipe.ts choose|judge OUT [ARM …]       IOVQA_DATA: the folder of real data, default ../shared/data
// `choose` looks at curves on data that `judge` does not use: the tenth of BIQ2021's train part that the shipped adapter was not trained
// on, and synthetic clips of other seeds. `judge` trains by the README's command and scores the other clips once.
import { access, appendFile, mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { shuffledIndices } from '../src/core/index.ts';
import type { ClipRow } from '../src/dataset/index.ts';
import { formatCsv, readManifest, rowsOfSplit, splitByGroup } from '../src/dataset/index.ts';
import { writeFileAtomic } from '../src/files/index.ts';
import { evaluate } from '../src/metrics/index.ts';
import type { Clip } from '../src/inputs/index.ts';
import { embeddedAdapter, embeddedModel, embeddedPictures } from '../src/model/index.ts';
import { loadScorer } from '../src/score/index.ts';
import { makeClips } from '../src/quickstart/clips.ts';
import type { RecipeInput, TrainEvent } from '../src/train/index.ts';
import { resolveRecipe, train } from '../src/train/index.ts';

const [mode, folder, ...wanted] = process.argv.slice(2);
if ((mode !== 'choose' && mode !== 'judge') || folder === undefined) {
  throw new Error('usage: npx tsx bench/small-recipe.ts choose|judge OUT [ARM …]');
}
const out = resolve(folder);
const data = resolve(process.env['IOVQA_DATA'] ?? '../shared/data');
const runtime = { threads: 1, workers: 1 };
/** Clips that a training gets, validation included. */
const CLIPS = 100;

/** Clips to train on and others to judge by. */
interface Draw {
  name: string;
  scale: string;
  kind: 'image' | 'video';
  train: ClipRow[];
  others: ClipRow[];
}

/** Recipes by name; `null` is the shipped adapter as it is. */
const shipped = {
  adapter: embeddedAdapter(),
  frames: { pick: 'uniform', count: 1, maxPixels: 262144 },
} satisfies RecipeInput;
const from = (learningRate: number, more: RecipeInput = {}): RecipeInput => ({
  recipe: 'paper',
  ...shipped,
  optimizer: { learningRate },
  ...more,
});
const fresh = (learningRate: number, more: RecipeInput = {}): RecipeInput => ({
  recipe: 'paper',
  frames: shipped.frames,
  optimizer: { learningRate },
  ...more,
});
const arms: Record<string, RecipeInput | null> = {
  shipped: null,
  readme: { recipe: 'auto' },
  'readme-integer-only': { recipe: 'auto', loss: 'integer-only' },
  'readme-mse': { recipe: 'auto', loss: 'softmax-regression' },
  'fresh-3e-4': fresh(3e-4),
  'fresh-2e-3': fresh(2e-3),
  'fresh-2e-3-soft': fresh(2e-3, { loss: 'soft-label' }),
  'from-2e-5': from(2e-5),
  'from-5e-6': from(5e-6),
  'from-5e-6-expected': from(5e-6, { loss: 'expected-score' }),
  'from-2e-6-expected': from(2e-6, { loss: 'expected-score' }),
  'from-2e-5-expected': from(2e-5, { loss: 'expected-score' }),
  'from-1e-5-mse': from(1e-5, { loss: 'softmax-regression' }),
  'from-2e-5-mse': from(2e-5, { loss: 'softmax-regression' }),
  'from-1e-3-mse': from(1e-3, { loss: 'softmax-regression' }),
  'from-1e-4-soft': from(1e-4, { loss: 'soft-label' }),
  'from-1e-4-mse': from(1e-4, { loss: 'softmax-regression' }),
  'from-1e-3': from(1e-3),
  'from-2e-3': from(2e-3),
  'from-1e-3-soft': from(1e-3, { loss: 'soft-label' }),
};

async function biq2021(rows: readonly ClipRow[], seeds: readonly number[], name: string): Promise<Draw[]> {
  return seeds.map((seed) => {
    const order = shuffledIndices(rows.length, seed, 5).map((i) => rows[i]!);
    return {
      name: `${name}-${seed}`,
      scale: '0-1',
      kind: 'image',
      train: order.slice(0, CLIPS),
      others: order.slice(CLIPS),
    };
  });
}

/** Clips of the quick start's kind, their labels on 0–100; about a hundred of seven photographs train. */
async function synthetic(clipSeed: number, splitSeed = clipSeed): Promise<Draw> {
  const place = join(out, 'clips', String(clipSeed));
  const table = join(place, 'clips.csv');
  if (!(await exists(table))) {
    await makeClips(place, embeddedPictures(), { seed: clipSeed, onProgress: () => {} });
  }
  const { rows } = await readManifest(table);
  const of100 = rows.map((row) => ({ ...row, mos: 25 * (row.mos! - 1) }));
  const { train: others, holdout } = splitByGroup(of100, CLIPS / rows.length, splitSeed);
  const name = clipSeed === splitSeed ? `${clipSeed}` : `${clipSeed}-${splitSeed}`;
  return { name: `synthetic-${name}`, scale: '0-100', kind: 'video', train: holdout, others };
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function draws(): Promise<Draw[]> {
  const manifest = join(data, 'biq2021', 'manifest.csv');
  const { rows } = await readManifest(manifest, { preset: 'biq2021' });
  if (mode === 'choose') {
    // What nano/biq2021.yaml held out.
    const { holdout } = splitByGroup(rowsOfSplit(rows, 'train'), 0.1, 0);
    const photographs = (await biq2021(holdout, [1, 2, 3, 4, 5], 'held')).map((draw) => ({
      ...draw,
      others: draw.others.slice(0, 140),
    }));
    const all = [...photographs, await synthetic(21), await synthetic(22)];
    const only = process.env['DRAWS'];
    return only === undefined ? all : all.filter(({ name }) => new RegExp(only).test(name));
  }
  const fetv = await readManifest(join(data, 'fetv', 'manifest.csv'), {
    preset: 'fetv',
    columns: { mos: 'static_mos' },
  });
  const grouped = fetv.rows.map((row) => ({ ...row, group: row.prompt! }));
  const only = new RegExp(process.env['DRAWS'] ?? '');
  const made: Draw[] = [];
  for (const seed of [1, 2, 3, 4, 5]) {
    if (only.test('synthetic-11')) made.push(await synthetic(11, seed));
    const { train: kept, holdout } = splitByGroup(grouped, 0.25, seed);
    made.push({ name: `fetv-${seed}`, scale: '1-5', kind: 'video', train: kept, others: holdout });
    made.push(...(await biq2021(rowsOfSplit(rows, 'test'), [seed], 'test')));
  }
  return made.filter(({ name }) => only.test(name));
}

type Record_ = Record<string, unknown>;

/** Score and legalMass of a clip; scores of the shipped adapter are on 0–1. */
type Scored = readonly [score: number, legalMass: number];

/** Scores clips with a run, or with the shipped adapter, of which each clip is scored once. */
async function scoresOf(draw: Draw, source: string | undefined): Promise<Scored[]> {
  const kept = join(out, 'shipped.json');
  const known: Record<string, Scored> =
    source === undefined && (await exists(kept))
      ? (JSON.parse(await readFile(kept, 'utf8')) as Record<string, Scored>)
      : {};
  const wanted = draw.others.filter(({ path }) => known[path] === undefined);
  if (wanted.length > 0) {
    await using scorer = await loadScorer(source ?? embeddedAdapter(), { runtime });
    const clips = wanted.map(({ path, prompt }): Clip => ({ path, kind: draw.kind, ...(prompt && { prompt }) }));
    for await (const result of scorer.score(clips)) {
      if ('error' in result) throw result.error;
      known[result.clip.path] = [result.score, result.legalMass ?? 0];
    }
    if (source === undefined) await writeFileAtomic(kept, JSON.stringify(known));
  }
  return draw.others.map(({ path }) => known[path]!);
}

/** Scores the clips of a draw that did not train. */
async function judge(draw: Draw, source: string | undefined): Promise<Record_> {
  const [low, high] = draw.scale.split('-').map(Number) as [number, number];
  const read = await scoresOf(draw, source);
  const scores = read.map(([score]) => (source === undefined ? low + (high - low) * score : score));
  const mass = read.reduce((sum, [, legalMass]) => sum + legalMass, 0);
  const { srcc, plcc, rmse } = evaluate({
    predictions: scores,
    mos: draw.others.map(({ mos }) => mos!),
    intervals: false,
  });
  const mean = draw.train.reduce((sum, { mos }) => sum + mos!, 0) / draw.train.length;
  const value = (stat: typeof srcc): number | null => (stat.defined ? stat.value : null);
  const errors = (guess: number): number =>
    Math.sqrt(draw.others.reduce((sum, { mos }) => sum + (mos! - guess) ** 2, 0) / draw.others.length);
  const own = draw.others.reduce((sum, { mos }) => sum + mos!, 0) / draw.others.length;
  return {
    n: scores.length,
    srcc: value(srcc),
    plcc: value(plcc),
    rmse: value(rmse),
    rmseOfTrainMean: errors(mean),
    rmseOfMean: errors(own),
    legalMass: mass / scores.length,
  };
}

/** Trains an arm on a draw; with `choose`, the other clips are the validation rows, so that each epoch is seen. */
async function trainArm(draw: Draw, arm: RecipeInput, place: string): Promise<Record_[]> {
  const column = draw.kind;
  const line =
    (split: string) =>
    ({ path, mos, group, prompt }: ClipRow): string[] => [path, String(mos), group ?? path, prompt ?? '', split];
  const rows = [...draw.train.map(line('train')), ...(mode === 'choose' ? draw.others.map(line('others')) : [])];
  await mkdir(place, { recursive: true });
  const manifest = join(place, 'clips.csv');
  await writeFileAtomic(manifest, formatCsv([column, 'mos', 'group', 'prompt', 'split'], rows));
  const chosen = { train: { split: 'train' }, validation: { split: 'others' } };
  const recipe = resolveRecipe({
    base: {
      model: embeddedModel(),
      out: join(place, 'run'),
      ...(mode === 'choose' ? { evaluation: { every: 2 * Math.ceil(draw.train.length / 8) } } : {}),
      ...arm,
      data: { manifest, scale: draw.scale, ...(mode === 'choose' ? chosen : {}) },
      runtime,
    },
  });
  const curve: Record_[] = [];
  for await (const event of train(recipe, { resume: true })) note(event, curve);
  return curve;
}

function note(event: TrainEvent, curve: Record_[]): void {
  if (event.type !== 'evaluation') return;
  const { type: _, undefinedBecause: __, ...rest } = event;
  curve.push(rest);
}

await mkdir(out, { recursive: true });
const results = join(out, `${mode}.jsonl`);
const before = await readFile(results, 'utf8').catch(() => '');
const done = new Set(
  before.split('\n').flatMap((text) => (text === '' ? [] : [(JSON.parse(text) as { key: string }).key])),
);
const names = wanted.length > 0 ? wanted : Object.keys(arms);
for (const draw of await draws()) {
  for (const name of names) {
    const key = `${name} ${draw.name}`;
    if (done.has(key)) continue;
    const arm = arms[name];
    if (arm === undefined) throw new Error(`no arm ${name}`);
    const started = performance.now();
    const place = join(out, mode, name, draw.name);
    const curve = arm === null ? [] : await trainArm(draw, arm, place);
    const result =
      mode === 'choose' && arm !== null ? {} : await judge(draw, arm === null ? undefined : join(place, 'run'));
    const seconds = Math.round((performance.now() - started) / 1000);
    await appendFile(results, `${JSON.stringify({ key, arm: name, draw: draw.name, ...result, curve, seconds })}\n`);
    const last = curve.at(-1) ?? result;
    console.log(key, JSON.stringify(last), `${seconds} s`);
  }
}
