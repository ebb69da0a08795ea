// Several questions in one example: loss and gradients are those of the questions asked one by one.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../../src/core/index.ts';
import { collate, compileStep } from '../../../src/engine/onnx/index.ts';
import type { PreparedExample, PreparedPicture } from '../../../src/inputs/index.ts';
import type { Example } from '../../../src/inputs/token-rows.ts';
import { buildExample, joinQuestions, loadPromptProcessor, positionsOf } from '../../../src/inputs/index.ts';
import { createRandomCheckpoint, openCheckpoint } from '../../../src/model/index.ts';
import { encodePrompt } from '../../../src/prompt/index.ts';
import { objectives } from '../../../src/objectives/index.ts';
import { patchGrid } from '../../../src/video/index.ts';

const folder = join(mkdtempSync(join(tmpdir(), 'questions-')), 'model');
await createRandomCheckpoint(folder, { preset: 'tiny' });
const checkpoint = await openCheckpoint(folder);
const { tokenizer, chat, endTokenId } = await loadPromptProcessor(checkpoint, {
  prompt: { template: 'four-dimensions', source: null },
  answer: { kind: 'integer', step: null },
});
const stream = randomStream(1);
const picture = { width: 56, height: 84, data: Uint8Array.from({ length: 56 * 84 * 3 }, () => stream.below(256)) };
const { processor } = checkpoint;
const pictures: PreparedPicture[] = [
  { kind: 'image', frames: [picture], grid: patchGrid([picture], processor), patches: processor },
];
const positions = positionsOf(checkpoint);
let shared = 0;
const exampleOf = (question: string, answer: string): Example => {
  const prompt = encodePrompt({ tokenizer, chat, question, visions: pictures, model: checkpoint });
  shared = prompt.visions[0]!.start + prompt.visions[0]!.length + 1;
  return buildExample({ positions, prompt, answer, tokenizer, endTokenId, targets: 'response' });
};
const examples = [
  exampleOf('How strong is the blur?', '23'),
  exampleOf('What is wrong with this image?', 'gaussian noise, banding'),
  exampleOf('Good?', '4.5'),
];
const { form } = objectives.response;
const preparedOf = ({ targets, answer: _answer, ...rows }: Example): PreparedExample => ({
  rows,
  vision: { kind: 'pictures', pictures },
  wanted: { kind: 'tokens', targets },
  dropoutKey: 0,
});
const feedsOf = (example: Example, batchWeight: number) =>
  collate([preparedOf(example)], { form, batchWeight, model: checkpoint, dropout: false });

describe('questions in one example', () => {
  test('have the loss and the gradients of each asked alone', async () => {
    await using step = await compileStep({ model: checkpoint, lora: null, form, numColumns: 0 });
    const parameters = new Map<string, Float32Array>();
    for (const name of checkpoint.names) parameters.set(name, await checkpoint.read(name));
    const joined = await step.run(parameters, feedsOf(joinQuestions(examples, shared), 1));
    const together = new Map([...joined.gradients].map(([name, values]) => [name, values.slice()]));
    let loss = 0;
    const sum = new Map([...together].map(([name, values]) => [name, new Float64Array(values.length)]));
    for (const example of examples) {
      const weight = examples.length * example.targets.length;
      const alone = await step.run(parameters, feedsOf(example, weight));
      loss += alone.loss;
      for (const [name, values] of alone.gradients) values.forEach((value, i) => (sum.get(name)![i]! += value));
    }
    expect(joined.loss).toBeCloseTo(loss, 5);
    const distances = [...together].map(([name, values]): [string, number] => {
      const expected = sum.get(name)!;
      const distance = Math.hypot(...values.map((value, i) => value - expected[i]!));
      return [name, distance / (Math.hypot(...expected) + 1e-12)];
    });
    expect(distances.filter(([, distance]) => !(distance < 1e-4))).toEqual([]);
  });

  test('take the rows of the clip once, and weigh alike', () => {
    const joined = joinQuestions(examples, shared);
    const rows = examples.reduce((total, { tokenIds }) => total + tokenIds.length - shared, shared);
    expect(joined.tokenIds).toHaveLength(rows);
    expect(joined.targets.reduce((total, { weight }) => total + weight, 0)).toBeCloseTo(1, 12);
    expect(joined.targets[0]!.weight).toBeCloseTo(1 / 3 / examples[0]!.targets.length, 12);
    expect(joined.branchParent.filter((parent) => parent === shared - 1)).toHaveLength(2);
  });

  test('that do not begin alike are refused', () => {
    const other = { ...examples[1]!, tokenIds: examples[1]!.tokenIds.map((token, i) => (i === 3 ? token + 1 : token)) };
    expect(() => joinQuestions([examples[0]!, other], shared)).toThrow('does not begin');
    const turned = {
      ...examples[1]!,
      positions: examples[1]!.positions.map((position, i) => (i === 9 ? position + 1 : position)),
    };
    expect(() => joinQuestions([examples[0]!, turned], shared)).toThrow('does not begin');
    const branched = {
      ...examples[1]!,
      branchParent: examples[1]!.branchParent.map((_, i) => (i === shared + 2 ? 3 : -1)),
    };
    expect(() => joinQuestions([examples[0]!, branched], shared)).toThrow('branches of its own');
    expect(() => joinQuestions(examples, examples[0]!.promptLength + 1)).toThrow(/beginning|begin/);
    expect(() => joinQuestions([], shared)).toThrow('no examples');
  });
});
