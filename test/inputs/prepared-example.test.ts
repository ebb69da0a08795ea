// Prepared examples as files: each kind comes back as it was, and another file is refused.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import { writeSafetensors, writeTypedSafetensors } from '../../src/files/index.ts';
import type { AnswerTree, PreparedExample, PreparedPicture, PreparedVision } from '../../src/inputs/index.ts';
import type { Wanted } from '../../src/inputs/prepared-example.ts';
import {
  buildExample,
  buildScoringExample,
  promptRows,
  readPreparedExample,
  writePreparedExample,
} from '../../src/inputs/index.ts';
import type { FeatureArray } from '../../src/model/index.ts';
import { buildAnswerTrie, createAnswerCodec, encodePrompt } from '../../src/prompt/index.ts';
import { patchGrid } from '../../src/video/index.ts';
import { temporaryFolder } from '../files/temporary.ts';
import { setups } from '../prompt/fixtures.ts';
import { positions } from './fixtures.ts';

const setup = setups[2]!; // some of its answers are one token, others two
const patches = {
  patchSize: 14,
  mergeSize: 2,
  temporalPatchSize: 2,
  mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
  std: [0.268_629_54, 0.261_302_58, 0.275_777_11],
} as const;

/** A picture of noise, or a video of as many frames. */
function noise(kind: PreparedPicture['kind'], width: number, height: number, count: number): PreparedPicture {
  const stream = randomStream(width, height, count);
  const frames = Array.from({ length: count }, () => {
    return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => stream.below(256)) };
  });
  return { kind, frames, grid: patchGrid(frames, patches), patches };
}
const image = noise('image', 84, 56, 1);
const video = noise('video', 56, 28, 2);

// A number that only its bits tell from another, and those that JSON has no words for.
const features = Float32Array.of(0.1, -0, 1e-45, 3.4e38, Infinity, -Infinity, NaN);
const visions: Record<string, PreparedVision> = {
  features: { kind: 'features', features },
  'a picture': { kind: 'pictures', pictures: [image] },
  'a video of two frames': { kind: 'pictures', pictures: [video] },
  'several pictures of different sizes': { kind: 'pictures', pictures: [image, video, noise('image', 28, 28, 1)] },
};

const prompt = encodePrompt({
  ...setup,
  question: 'Rate.',
  visions: [{ kind: 'video', grid: { t: 2, h: 2, w: 4 }, secondsPerGrid: 0.5 }],
});
const trie = buildAnswerTrie(setup.tokenizer, prompt.tail, createAnswerCodec().legalAnswers()!);
const { nodeRows, columns, answers, ...scoringRows } = buildScoringExample(prompt, trie, positions);
const tree: AnswerTree = { nodeRows, columns, answers };
const label = Float32Array.from(answers, () => 1 / answers.length);
const { targets, answer: _, ...trainedRows } = buildExample({ ...setup, positions, prompt, answer: '35' });
const third = targets.map((target) => ({ ...target, weight: 1 / 3 }));

const kinds: Record<string, { rows: PreparedExample['rows']; wanted: Wanted }> = {
  tokens: { rows: trainedRows, wanted: { kind: 'tokens', targets: third } },
  'answers without a target': { rows: scoringRows, wanted: { kind: 'answers', tree, target: null } },
  'answers with a score': {
    rows: scoringRows,
    wanted: { kind: 'answers', tree, target: { score: 11 / 3, label: null } },
  },
  'answers with a label': { rows: scoringRows, wanted: { kind: 'answers', tree, target: { score: 3.4, label } } },
  'answers with a score and its deviation': {
    rows: scoringRows,
    wanted: { kind: 'answers', tree, target: { score: 3.4, std: 0.7, label } },
  },
  text: { rows: promptRows(prompt, positions), wanted: { kind: 'text' } },
};

const cases = Object.entries(visions).flatMap(([seen, vision]) =>
  Object.entries(kinds).map(([kind, rest]): [string, string, PreparedExample] => [
    seen,
    kind,
    { ...rest, vision, dropoutKey: 0xdead_beef },
  ]),
);

describe('a prepared example', () => {
  test.each(cases)('with %s that wants %s comes back as it was', async (_seen, _kind, example) => {
    const path = join(temporaryFolder(), 'example.safetensors');
    await writePreparedExample(path, example);
    const read = await readPreparedExample(path);
    expect(read).toEqual(example);
    if (example.vision.kind !== 'features' || read.vision.kind !== 'features') return;
    const bytesOf = ({ buffer, byteOffset, byteLength }: FeatureArray): Buffer =>
      Buffer.from(buffer, byteOffset, byteLength);
    expect(bytesOf(read.vision.features).equals(bytesOf(example.vision.features))).toBe(true);
  });

  test('is refused where the file is another one, or one of another version', async () => {
    const path = join(temporaryFolder(), 'file.safetensors');
    const expectRefusal = (got: string): Promise<void> =>
      expect(readPreparedExample(path)).rejects.toMatchObject({
        code: 'bad-checkpoint',
        message: `${path}: expected iovqa example 1, got ${got}`,
      });
    await writeSafetensors(path, new Map([['tokenIds', { data: Float32Array.of(1, 2), shape: [2] }]]));
    await expectRefusal('"pt"');
    const ids = new Map([['tokenIds', { data: Int32Array.of(1, 2), shape: [2] }]]);
    await writeTypedSafetensors(path, ids, { format: 'iovqa example 2', example: '{}' });
    await expectRefusal('"iovqa example 2"');
    await writeTypedSafetensors(path, ids, { format: 'iovqa example 1' });
    await expectRefusal('"iovqa example 1"');
  });
});
