// Clips of different sizes, prompts and answers, as prepared examples and as the feeds of a training step.
import { hashKey, randomStream } from '../../../src/core/index.ts';
import type { StepExample } from '../../../src/engine/onnx/collate.ts';
import { collate } from '../../../src/engine/onnx/collate.ts';
import { weightOf } from '../../../src/engine/weight.ts';
import type { TensorData } from '../../../src/graph/index.ts';
import type { PreparedExample, PreparedPicture, PreparedVision } from '../../../src/inputs/index.ts';
import type { Example } from '../../../src/inputs/token-rows.ts';
import { buildExample, buildScoringExample, trimToTargets } from '../../../src/inputs/index.ts';
import type { QwenTextConfig as TextConfig } from '../../../src/model/families/qwen2-5-vl/config.ts';
import { mergedTokens } from '../../../src/model/families/qwen2-5-vl/prompt.ts';
import type { Loss } from '../../../src/objectives/index.ts';
import { objectives } from '../../../src/objectives/index.ts';
import { normalLabel } from '../../../src/objectives/soft-label.ts';
import type { EncodedPrompt } from '../../../src/prompt/index.ts';
import type { VisionInput } from '../../../src/prompt/encode-prompt.ts';
import { createAnswerCodec, tokenizeAnswer } from '../../../src/prompt/index.ts';
import { codec, model, positions, setup, tail, text, trie } from './tiny-model.ts';

/** A clip as the tests describe it. */
interface Clip {
  words: number;
  visions: VisionInput[];
  mos: number;
  /** Standard deviation of the votes behind it. */
  votes: number;
}
const image = (h: number, w: number): VisionInput => ({ kind: 'image', grid: { t: 1, h, w } });
const video: VisionInput = { kind: 'video', grid: { t: 2, h: 2, w: 4 }, secondsPerGrid: 0.5 };
/** Prompts and pictures of different length; answers of one token (even tenths) and two. */
export const clips: readonly Clip[] = [
  { words: 3, visions: [image(6, 4)], mos: 3.4, votes: 0.4 },
  { words: 5, visions: [video], mos: 2.7, votes: 0.9 },
  { words: 0, visions: [image(2, 2), image(4, 2)], mos: 5, votes: 0.6 },
  { words: 11, visions: [image(4, 6)], mos: 1.3, votes: 1.2 },
];

const fine = createAnswerCodec();

export function promptOf(clip: Clip): EncodedPrompt {
  const tokenIds: number[] = [7, 8];
  const spans = clip.visions.map((vision) => {
    const [start, length] = [tokenIds.length, mergedTokens(vision.grid, 2)];
    tokenIds.push(...Array.from({ length }, () => setup.padTokens[vision.kind]));
    return { ...vision, start, length };
  });
  // Letters, from a few that repeat: the gradient of a row of the embedding adds up over its places.
  tokenIds.push(...Array.from({ length: clip.words }, (_, i) => 97 + ((i * 3 + clip.words) % 5)));
  tokenIds.push(...setup.tokenizer.encode(tail, { special: false }));
  return { tokenIds: Int32Array.from(tokenIds), visions: spans, tail };
}

/** What the model sees of a clip: features of a frozen tower, or pictures of noise. */
export function seen(visions: readonly VisionInput[], key: number, frozen: boolean): PreparedVision {
  const random = randomStream(99, key);
  if (frozen) {
    const count = visions.reduce((total, { grid }) => total + mergedTokens(grid, 2), 0);
    const features = Float32Array.from({ length: count * text.hiddenSize }, () => random.normal());
    return { kind: 'features', features };
  }
  const { patchSize, temporalPatchSize, spatialMergeSize: mergeSize } = model.vision;
  const [mean, std] = [[0.5, 0.5, 0.5] as const, [0.3, 0.3, 0.3] as const];
  const patches = { patchSize, temporalPatchSize, mergeSize, mean, std };
  const pictures = visions.map(({ kind, grid }): PreparedPicture => {
    const [width, height] = [grid.w * patchSize, grid.h * patchSize];
    const frame = () => ({
      width,
      height,
      data: Uint8Array.from({ length: width * height * 3 }, () => random.below(256)),
    });
    const numFrames = kind === 'image' ? 1 : grid.t * temporalPatchSize;
    return { kind, frames: Array.from({ length: numFrames }, frame), grid, patches };
  });
  return { kind: 'pictures', pictures };
}

/** Key of a clip's dropout, as the loop makes it. */
export const dropoutKeyOf = (sample: number, epoch = 0): number => hashKey(5, epoch, sample);

export function exampleOf(clip: Clip, loss: Loss): Example {
  const { tokenizer, endTokenId } = setup;
  const { targets } = objectives[loss];
  const answer = fine.encode(clip.mos);
  const prompt = targets === 'sentence' ? begun(promptOf(clip)) : promptOf(clip);
  return buildExample({ positions, prompt, answer, tokenizer, endTokenId, targets });
}

/** The prompt with a short sentence begun. */
function begun({ tokenIds, visions, tail }: EncodedPrompt): EncodedPrompt {
  const { before, after } = { before: 'It is ', after: '.' };
  const ids = tokenizeAnswer(setup.tokenizer, tail, before);
  const sentence = { before, after, length: ids.length };
  return { tokenIds: Int32Array.from([...tokenIds, ...ids]), visions, tail: tail + before, sentence };
}

/** Spread of the soft labels. */
export const LABEL_STD = 0.6;

/** How feeds are made of clips. */
export interface BatchOptions {
  loss: Loss;
  /** The tower is frozen: features are fed, not patches. */
  frozen: boolean;
  dropout: boolean;
  /** Clips of each micro-batch; default all. */
  micro?: number;
  /** Whether rows behind the last target are dropped; default true. */
  trim?: boolean;
  /** Counts in the keys of the dropout; default 0. */
  epoch?: number;
  /** Sizes of the text model; default those of the tiny one. */
  config?: TextConfig;
}

/** A trained example as engines take it. */
export function preparedOf(
  { targets, answer: _answer, ...rows }: Example,
  rest: Pick<PreparedExample, 'vision' | 'dropoutKey'>,
): PreparedExample {
  return { rows, wanted: { kind: 'tokens', targets }, ...rest };
}

/** The label of a clip: around its score, or all on the nearest answer. */
function labelOf(mos: number, loss: Loss): Float32Array {
  const legal = codec.legalAnswers()!;
  if (objectives[loss].auxiliary !== undefined) {
    return Float32Array.from(legal, ({ text }) => Number(text === codec.encode(mos)));
  }
  return normalLabel(
    legal.map(({ value }) => value),
    mos,
    LABEL_STD,
  );
}

/** Some of {@link clips} as engines take them. */
export function examples(which: readonly number[], options: BatchOptions): PreparedExample[] {
  const { loss, frozen, trim = true, epoch = 0 } = options;
  return which.map((clip): PreparedExample => {
    const { mos, votes, visions } = clips[clip]!;
    const common = { vision: seen(visions, clip, frozen), dropoutKey: dropoutKeyOf(clip, epoch) };
    if (objectives[loss].form.over === 'tokens') {
      const example = exampleOf(clips[clip]!, loss);
      return preparedOf(trim ? trimToTargets(example) : example, common);
    }
    const { nodeRows, columns, answers, ...rows } = buildScoringExample(promptOf(clips[clip]!), trie, positions);
    const target = { score: mos, std: votes, label: labelOf(mos, loss) };
    return { rows, wanted: { kind: 'answers', tree: { nodeRows, columns, answers }, target }, ...common };
  });
}

/** Feeds of the micro-batches of one update over some of {@link clips}. */
export function batches(which: readonly number[], options: BatchOptions): Record<string, TensorData>[] {
  const { loss, dropout, micro = which.length, config = text } = options;
  return feedsOf(examples(which, options), loss, dropout, config, micro);
}

/** Feeds of the micro-batches of one update. */
export function feedsOf(
  all: readonly StepExample[],
  loss: Loss,
  dropout: boolean,
  config: TextConfig = text,
  micro: number = all.length,
): Record<string, TensorData>[] {
  const batchWeight = all.reduce((total, example) => total + weightOf(example), 0);
  const how = {
    form: objectives[loss].form,
    batchWeight,
    model: { ...model, text: config, stored: noWeights },
    dropout,
  };
  return Array.from({ length: Math.ceil(all.length / micro) }, (_, i) =>
    collate(all.slice(i * micro, (i + 1) * micro), how),
  );
}

const noWeights = (name: string): never => {
  throw new Error(`feeds do not depend on ${name}`);
};
