// What a model sees of a picture, by what is asked: its loss with the right picture, and with another clip's.
//   npx tsx nano/sees.ts MODEL MANIFEST [PRESET] [SPLIT] [CLIPS]
import { UserError, randomStream } from '../src/core/index.ts';
import { collate, compileStep } from '../src/engine/onnx/index.ts';
import type { PreparedPicture } from '../src/inputs/index.ts';
import { buildExample, loadPromptProcessor, positionsOf } from '../src/inputs/index.ts';
import { openCheckpoint } from '../src/model/index.ts';
import { encodePrompt } from '../src/prompt/index.ts';
import { objectives } from '../src/objectives/index.ts';
import { createPhotos, listPictures } from './content.ts';
import { pictureOf } from './learn.ts';
import { sayMistakes } from './mistakes.ts';
import { questionsAbout } from './questions.ts';
import { makeSample } from './samples.ts';

sayMistakes();
const [model, path, preset = null, split = null, count = '24'] = process.argv.slice(2);
if (model === undefined || path === undefined) {
  throw new UserError('bad-input', 'usage: npx tsx nano/sees.ts MODEL MANIFEST [PRESET] [SPLIT] [CLIPS]');
}
/** Of the samples; no run of pretraining draws these. */
const SEED = 99;
const checkpoint = await openCheckpoint(model);
const { tokenizer, chat, endTokenId } = await loadPromptProcessor(checkpoint, {
  prompt: { template: 'four-dimensions', source: null },
  answer: { kind: 'integer', step: null },
});
const { form } = objectives.response;
const run = { threads: 1, prepack: false };
await using step = await compileStep({ model: checkpoint, lora: null, form, numColumns: 0, run });
const parameters = new Map<string, Float32Array>();
for (const name of checkpoint.names) parameters.set(name, await checkpoint.read(name));

const content = {
  paths: await listPictures({ pictures: [], manifest: { path, preset, split } }),
  open: createPhotos(1e9),
};
const clips = [];
for (let i = 0; i < Number(count); i++) {
  const sample = await makeSample(content, { shape: 'image', size: 160 }, SEED, i);
  const pictures = [pictureOf('image', sample.frames, checkpoint.processor)];
  clips.push({ pictures, questions: questionsAbout(sample, randomStream(SEED, i)) });
}

async function lossOf(question: string, answer: string, pictures: PreparedPicture[]): Promise<number> {
  const prompt = encodePrompt({ tokenizer, chat, question, visions: pictures, model: checkpoint });
  const positions = positionsOf(checkpoint);
  const { targets, ...rows } = buildExample({ positions, prompt, answer, tokenizer, endTokenId, targets: 'response' });
  const vision = { kind: 'pictures', pictures } as const;
  const example = { rows, vision, wanted: { kind: 'tokens', targets } as const, dropoutKey: 0 };
  const options = { form, batchWeight: targets.length, model: checkpoint, dropout: false };
  return (await step.run(parameters, collate([example], options))).loss;
}

const sums = new Map<string, { count: number; right: number; other: number }>();
for (const [i, { pictures, questions }] of clips.entries()) {
  for (const { topic, question, answer } of questions) {
    const sum = sums.get(topic) ?? { count: 0, right: 0, other: 0 };
    sum.count++;
    sum.right += await lossOf(question, answer, pictures);
    sum.other += await lossOf(question, answer, clips[(i + 7) % clips.length]!.pictures);
    sums.set(topic, sum);
  }
}
console.log('| asked | questions | loss a token | with another picture | difference |\n|---|---|---|---|---|');
const rows = [...sums].map(([topic, { count, right, other }]) => ({
  topic,
  count,
  right: right / count,
  other: other / count,
}));
for (const { topic, count, right, other } of rows.sort((a, b) => b.other - b.right - (a.other - a.right))) {
  console.log(`| ${topic} | ${count} | ${right.toFixed(3)} | ${other.toFixed(3)} | ${(other - right).toFixed(3)} |`);
}
