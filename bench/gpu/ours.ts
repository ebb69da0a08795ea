// Our side of bench/gpu/run.py: the engine as `train` and `score` use it, through Node.js and the link. One line of JSON for each case.
//   node ours.mjs '{"folder":…,"python":…,"batch":…,"scoreBatch":…,"steps":…,"cases":["later",…]}'
import { hashKey, randomStream } from '../../src/core/index.ts';
import type { AttachedModel, AttachOptions } from '../../src/engine/index.ts';
import { openEngine } from '../../src/engine/index.ts';
import type { PreparedExample, PreparedPicture, PreparedVision } from '../../src/inputs/index.ts';
import { buildScoringExample, positionsOf } from '../../src/inputs/index.ts';
import type { QwenTextConfig } from '../../src/model/families/qwen2-5-vl/config.ts';
import { adapterShapes, initLora, loraTargets, openCheckpoint } from '../../src/model/index.ts';
import { objectives } from '../../src/objectives/index.ts';
import { buildAnswerTrie, createAnswerCodec, loadTokenizer } from '../../src/prompt/index.ts';
import { ourExample, plainExample } from '../example.ts';
import { necessaryFlops } from '../necessary.ts';

interface Settings {
  folder: string;
  python: string;
  /** Clips of an update, and of a micro-batch. */
  batch: number;
  /** Clips that are scored at once. */
  scoreBatch: number;
  /** Timed turns of a case, after two that are not. */
  steps: number;
  /** Patches along a side of the picture. */
  side: number;
  cases: ('later' | 'first' | 'score' | 'ensemble')[];
}
const settings = JSON.parse(process.argv[2]!) as Settings;
const { folder, python, batch, scoreBatch, steps, side } = settings;
const say = (value: Record<string, unknown>): void => void process.stdout.write(`${JSON.stringify(value)}\n`);
const checkpoint = await openCheckpoint(folder);
const plain = plainExample(checkpoint, { side });
const lora = { rank: 32, alpha: 32, dropout: 0.1, targets: [...loraTargets], rslora: false };
const shapes = adapterShapes(
  checkpoint.family.lora,
  lora,
  checkpoint.text.numLayers,
  (name) => checkpoint.stored(name).shape,
);
const size = { tokens: plain.targets.at(-1)! + 1, targets: plain.targets.length, rank: lora.rank };
say({ about: 'ours', plain, flops: necessaryFlops(checkpoint.text as QwenTextConfig, size), tokens: plain.ids.length });
await using engine = await openEngine(checkpoint, { runtime: { engine: 'torch', python, devices: 1 } });

/** Pictures of noise, decoded, in memory. */
const pictures = Array.from({ length: Math.max(batch, scoreBatch) }, (_, i): PreparedPicture => {
  const stream = randomStream(2, i);
  const { patchSize, mergeSize, temporalPatchSize, mean, std } = checkpoint.processor;
  const length = side * patchSize;
  const data = Uint8Array.from({ length: length * length * 3 }, () => stream.below(256));
  return {
    kind: 'image',
    frames: [{ width: length, height: length, data }],
    grid: { t: 1, h: side, w: side },
    patches: { patchSize, mergeSize, temporalPatchSize, mean, std },
  };
});
const see = (count: number): Promise<PreparedVision[]> =>
  Promise.all(
    pictures.slice(0, count).map(async (picture) => ({ kind: 'features', features: await engine.encode([picture]) })),
  );

/** Times turns of `work`, which gets the features of its clips; with `seesEach` those of the next turn are computed beside it. */
async function time(
  count: number,
  seesEach: boolean,
  work: (vision: PreparedVision[]) => Promise<unknown>,
): Promise<number[]> {
  const times: number[] = [];
  let vision = await see(count);
  for (let turn = 0; turn < steps + 2; turn++) {
    const started = performance.now();
    const [next] = await Promise.all([seesEach ? see(count) : vision, work(vision)]);
    vision = next;
    if (turn >= 2) times.push((performance.now() - started) / 1000);
  }
  return times;
}

async function train(seesEach: boolean, gradientCheckpointing: boolean): Promise<number[]> {
  const optimizer = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 };
  const { form } = objectives['integer-only'];
  const training = { form, optimizer, clipNorm: 1, microBatch: batch, gradientCheckpointing };
  await using model = await engine.attach({ lora, parameters: initLora(shapes, 0), training, answers: null });
  let step = 0;
  return await time(batch, seesEach, async (vision) => {
    const examples = vision.map((seen, i) =>
      ourExample(plain, checkpoint, { vision: seen, dropoutKey: hashKey(5, step, i) }),
    );
    step++;
    await model.update(examples, 1e-4);
  });
}

/** Probabilities of the 41 answers by `members` adapters. */
async function score(members: number): Promise<number[]> {
  const tail = 'assistant\n';
  const tokenizer = await loadTokenizer(folder);
  const trie = buildAnswerTrie(tokenizer, tail, createAnswerCodec().legalAnswers()!);
  const tokenIds = Int32Array.from([...plain.ids.slice(0, -4), ...tokenizer.encode(tail, { special: false })]);
  const grid = { t: 1, h: side, w: side };
  const visions = [
    { kind: 'image' as const, grid, start: plain.ids.indexOf(checkpoint.tokens.image), length: (side / 2) ** 2 },
  ];
  const built = buildScoringExample({ tokenIds, visions, tail }, trie, positionsOf(checkpoint));
  const { nodeRows, columns, answers, ...rows } = built;
  const options: AttachOptions = {
    lora,
    parameters: initLora(shapes, 0),
    training: null,
    answers: { numNodes: trie.nodes.length, numColumns: columns.length },
  };
  const models: AttachedModel[] = [];
  for (let i = 0; i < members; i++) models.push(await engine.attach(options));
  const times = await time(scoreBatch, true, async (vision) => {
    const examples = vision.map((seen): PreparedExample => {
      const wanted = { kind: 'answers' as const, tree: { nodeRows, columns, answers }, target: null };
      return { rows, vision: seen, wanted, dropoutKey: 0 };
    });
    for (const model of models) {
      const bad = (await model.predict(examples, { batchSize: scoreBatch })).find((one) => one instanceof Error);
      if (bad !== undefined) throw bad;
    }
  });
  for (const model of models) await model[Symbol.asyncDispose]();
  return times;
}

for (const name of settings.cases) {
  if (name === 'score' || name === 'ensemble') {
    say({ case: name, seconds: await score(name === 'score' ? 1 : 5), clips: scoreBatch });
    continue;
  }
  for (const recompute of [false, true]) {
    try {
      say({ case: name, recompute, seconds: await train(name === 'first', recompute), clips: batch });
    } catch (error) {
      say({ case: name, recompute, error: error instanceof Error ? error.message.slice(0, 300) : String(error) });
      process.exit(1);
    }
  }
}
