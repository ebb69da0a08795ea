// What a model sees of a picture, by what is asked: its loss with the right picture, and with another clip's.
//   npx tsx nano/sees.ts MODEL MANIFEST [PRESET] [SPLIT] [CLIPS]
import { UserError, randomStream } from '../src/core/index.ts';
import { buildExample } from '../src/example/index.ts';
import { openCheckpoint } from '../src/model/index.ts';
import { encodePrompt } from '../src/prompt/index.ts';
import { loadQuestioner } from '../src/score/index.ts';
import { compileStep, tokenFeeds } from '../src/train/index.ts';
import type { VisionPixels } from '../src/video/index.ts';
import { cutPatches } from '../src/video/index.ts';
import { createPhotos, listPictures } from './content.ts';
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
const { tokenizer, chat, endTokenId } = await loadQuestioner(checkpoint, {
  prompt: { template: 'four-dimensions', source: null },
  answer: { kind: 'integer', step: null },
});
const { text, vision, stored, processor, tokens: padTokens } = checkpoint;
const size = { text, vision, stored, lora: null, loss: 'response', numColumns: 0, firstLayer: 0 } as const;
await using step = await compileStep({ ...size, run: { threads: 1, prepack: false } });
const parameters = new Map<string, Float32Array>();
for (const name of checkpoint.names) parameters.set(name, await checkpoint.read(name));

const content = {
  paths: await listPictures({ pictures: [], manifest: { path, preset, split } }),
  open: createPhotos(1e9),
};
const clips = [];
for (let i = 0; i < Number(count); i++) {
  const sample = await makeSample(content, { shape: 'image', size: 160 }, SEED, i);
  const visions = [cutPatches('image', sample.frames, processor)];
  clips.push({ visions, questions: questionsAbout(sample, randomStream(SEED, i)) });
}

async function lossOf(question: string, answer: string, visions: VisionPixels[]): Promise<number> {
  const prompt = encodePrompt({ tokenizer, chat, question, visions, padTokens });
  const example = buildExample({ prompt, answer, tokenizer, endTokenId, targets: 'response' });
  const item = { example, vision: { kind: 'patches' as const, cut: () => visions }, dropoutKey: 0 };
  return (await step.run(parameters, tokenFeeds([item], example.targets.length, checkpoint, false))).loss;
}

const sums = new Map<string, { count: number; right: number; other: number }>();
for (const [i, { visions, questions }] of clips.entries()) {
  for (const { topic, question, answer } of questions) {
    const sum = sums.get(topic) ?? { count: 0, right: 0, other: 0 };
    sum.count++;
    sum.right += await lossOf(question, answer, visions);
    sum.other += await lossOf(question, answer, clips[(i + 7) % clips.length]!.visions);
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
