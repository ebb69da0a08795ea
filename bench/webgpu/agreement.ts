// A provider against the CPU on a random model: dropout masks, features, losses, all gradients of a LoRA step and of a step of every
// weight, and the distribution over the answers.
//   npx tsx bench/webgpu/agreement.ts runs/small webgpu
import { hashKey, randomStream } from '../../src/core/index.ts';
import { compileAnswerScorer } from '../../src/engine/onnx/answer-graph.ts';
import { compileStep, compileTower } from '../../src/engine/onnx/index.ts';
import { patchesOf } from '../../src/engine/onnx/model.ts';
import type { RunOptions } from '../../src/graph/index.ts';
import { compile, constant, input } from '../../src/graph/index.ts';
import { buildScoringExample, positionsOf } from '../../src/inputs/index.ts';
import type { PreparedExample } from '../../src/inputs/index.ts';
import { drop } from '../../src/model/index.ts';
import { buildAnswerTrie, createAnswerCodec, loadTokenizer } from '../../src/prompt/index.ts';
import { allParameters, form, lora, loraParameters, openModel, picture, relative, stepFeeds } from './common.ts';

const [folder, provider = 'webgpu'] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: npx tsx bench/webgpu/agreement.ts MODEL [PROVIDER]');
const runs: RunOptions[] = [{ provider: 'cpu' }, { provider: provider as 'webgpu' }];
const checkpoint = await openModel(folder);
const { text, tokens } = checkpoint;
const lines: [string, string][] = [];
const say = (what: string, value: string): void => {
  lines.push([what, value]);
  process.stderr.write(`${what}: ${value}\n`);
};
/** The tensor that is furthest away. */
function worst(a: ReadonlyMap<string, Float32Array>, b: ReadonlyMap<string, Float32Array>): string {
  const off = [...b].map(([name, values]) => [relative(a.get(name)!, values), name] as const);
  const [most, name] = off.reduce((x, y) => (y[0] > x[0] || Number.isNaN(y[0]) ? y : x));
  return `${most.toExponential(1)} (${name})`;
}

const [N, C] = [400, 896];
const keys = Uint32Array.from({ length: N }, (_, t) => hashKey(7, t));
const masks: Float32Array[] = [];
for (const run of runs) {
  const ones = constant(new Float32Array(N * C).fill(1), [N, C]);
  const mask = drop(ones, input('keys', 'uint32', [N, 1]), lora.dropout, 'layers.0.mlp.up_proj');
  await using session = await compile({ mask }, run);
  masks.push((await session.run({ keys: { data: keys, shape: [N, 1] } })).mask.data);
}
say('dropout mask, values that differ', `${masks[0]!.filter((x, i) => x !== masks[1]![i]).length} of ${N * C}`);

const pictures = patchesOf([picture(checkpoint, 16, 0), picture(checkpoint, 12, 1)]);
const features: Float32Array[] = [];
for (const run of runs) {
  await using tower = await compileTower(checkpoint, run);
  features.push(await tower.encode(pictures));
}
say('vision features', relative(features[1]!, features[0]!).toExponential(1));

for (const isFull of [false, true]) {
  const what = isFull ? 'every weight' : 'LoRA, dropout 0.1';
  const parameters = isFull ? await allParameters(checkpoint) : loraParameters(checkpoint);
  const feeds = stepFeeds(checkpoint, { sides: [16, 8] }, isFull);
  const results: { loss: number; gradients: Map<string, Float32Array> }[] = [];
  for (const run of runs) {
    await using step = await compileStep({
      model: checkpoint,
      lora: isFull ? null : lora,
      form,
      numColumns: 0,
      run: { ...run, prepack: false },
    });
    results.push(await step.run(parameters, feeds));
  }
  const [cpu, other] = results;
  say(`${what}: loss`, `${Math.abs(other!.loss / cpu!.loss - 1).toExponential(1)} (${cpu!.loss.toFixed(6)})`);
  say(`${what}: ${cpu!.gradients.size} gradients, the worst`, worst(other!.gradients, cpu!.gradients));
}

const tokenizer = await loadTokenizer(folder);
const tail = 'assistant\n';
const trie = buildAnswerTrie(tokenizer, tail, createAnswerCodec().legalAnswers()!);
const random = randomStream(4);
const [side, start] = [16, 21];
const length = (side / 2) ** 2;
const words = Array.from({ length: 20 }, () => random.below(200));
const prompt = {
  tokenIds: Int32Array.from([
    ...words,
    tokens.visionStart,
    ...Array.from({ length }, () => tokens.image),
    tokens.visionEnd,
    ...words,
    ...tokenizer.encode(tail, { special: false }),
  ]),
  visions: [{ kind: 'image' as const, grid: { t: 1, h: side, w: side }, start, length }],
  tail,
};
const { nodeRows, columns, answers: legal, ...rows } = buildScoringExample(prompt, trie, positionsOf(checkpoint));
const example: PreparedExample = {
  rows,
  vision: { kind: 'features', features: features[0]!.subarray(0, length * text.hiddenSize) },
  wanted: { kind: 'answers', tree: { nodeRows, columns, answers: legal }, target: null },
  dropoutKey: 0,
};
const answers: Float64Array[] = [];
for (const run of runs) {
  await using scorer = await compileAnswerScorer({
    model: checkpoint,
    lora,
    frozen: true,
    numColumns: trie.columns.length,
    run,
  });
  const [distribution] = await scorer.score(loraParameters(checkpoint), [example]);
  answers.push(distribution!.probabilities);
}
const most = answers[0]!.reduce((x, p, i) => Math.max(x, Math.abs(p - answers[1]![i]!)), 0);
say('probabilities of the 41 answers, greatest difference', most.toExponential(1));
console.log(`| ${provider} against cpu, ${folder.split('/').at(-1)} | |\n|---|---|`);
for (const [what, value] of lines) console.log(`| ${what} | ${value} |`);
