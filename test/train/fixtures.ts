// Clips of different sizes, prompts and answers, as the feeds of a training step.
import { hashKey, randomStream } from '../../src/core/index.ts';
import type { ClipVision, Example } from '../../src/example/index.ts';
import { buildExample, buildScoringExample, trimToTargets } from '../../src/example/index.ts';
import type { TensorData } from '../../src/graph/index.ts';
import type { TextConfig } from '../../src/model/index.ts';
import type { EncodedPrompt } from '../../src/prompt/index.ts';
import type { VisionInput } from '../../src/prompt/encode-prompt.ts';
import { createAnswerCodec } from '../../src/prompt/index.ts';
import { mergedTokens } from '../../src/prompt/encode-prompt.ts';
import type { AnswerItem, TokenItem } from '../../src/train/feeds.ts';
import { answerFeeds, tokenFeeds, totalWeight } from '../../src/train/feeds.ts';
import type { Loss } from '../../src/train/objective.ts';
import { normalLabel } from '../../src/train/soft-label.ts';
import { codec, setup, tail, text, trie, vision } from './tiny-model.ts';

/** A clip as the tests describe it. */
interface Clip {
  words: number;
  visions: VisionInput[];
  mos: number;
}
const image = (h: number, w: number): VisionInput => ({ kind: 'image', grid: { t: 1, h, w } });
const video: VisionInput = { kind: 'video', grid: { t: 2, h: 2, w: 4 }, secondsPerGrid: 0.5 };
/** Prompts and pictures of different length; answers of one token (even tenths) and two. */
export const clips: readonly Clip[] = [
  { words: 3, visions: [image(6, 4)], mos: 3.4 },
  { words: 5, visions: [video], mos: 2.7 },
  { words: 0, visions: [image(2, 2), image(4, 2)], mos: 5 },
  { words: 11, visions: [image(4, 6)], mos: 1.3 },
];

const fine = createAnswerCodec();

export function promptOf(clip: Clip): EncodedPrompt {
  const tokenIds: number[] = [7, 8];
  const spans = clip.visions.map((vision) => {
    const [start, length] = [tokenIds.length, mergedTokens(vision.grid)];
    tokenIds.push(...Array.from({ length }, () => setup.padTokens[vision.kind]));
    return { ...vision, start, length };
  });
  // Letters, from a few that repeat: the gradient of a row of the embedding adds up over its places.
  tokenIds.push(...Array.from({ length: clip.words }, (_, i) => 97 + ((i * 3 + clip.words) % 5)));
  tokenIds.push(...setup.tokenizer.encode(tail, { special: false }));
  return { tokenIds: Int32Array.from(tokenIds), visions: spans, tail };
}

/** What the model sees of a clip: features of a frozen tower, or patches. */
export function seen(visions: readonly VisionInput[], key: number, frozen: boolean): ClipVision {
  const random = randomStream(99, key);
  const noise = (length: number): Float32Array => Float32Array.from({ length }, () => random.normal());
  if (frozen) {
    const count = visions.reduce((total, { grid }) => total + mergedTokens(grid), 0);
    return { kind: 'features', features: noise(count * text.hiddenSize) };
  }
  const cut = visions.map(({ grid }) => ({ grid, pixels: noise(grid.t * grid.h * grid.w * 24) }));
  return { kind: 'patches', cut: () => cut };
}

/** Key of a clip's dropout, as the loop makes it. */
export const dropoutKeyOf = (sample: number, epoch = 0): number => hashKey(5, epoch, sample);

export function exampleOf(clip: Clip, loss: Loss): Example {
  const { tokenizer, endTokenId } = setup;
  const targets = loss === 'response' ? 'response' : 'integer-only';
  return buildExample({ prompt: promptOf(clip), answer: fine.encode(clip.mos), tokenizer, endTokenId, targets });
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

/** Feeds of the micro-batches of one update over some of {@link clips}. */
export function batches(which: readonly number[], options: BatchOptions): Record<string, TensorData>[] {
  const { loss, frozen, dropout, micro = which.length, trim = true, epoch = 0, config = text } = options;
  const sizes = { text: config, vision };
  const chunk = <T>(items: readonly T[]): T[][] =>
    Array.from({ length: Math.ceil(items.length / micro) }, (_, i) => items.slice(i * micro, (i + 1) * micro));
  const common = which.map((i) => ({ vision: seen(clips[i]!.visions, i, frozen), dropoutKey: dropoutKeyOf(i, epoch) }));
  if (loss === 'integer-only' || loss === 'response') {
    const items = which.map((clip, i): TokenItem => {
      const example = exampleOf(clips[clip]!, loss);
      return { example: trim ? trimToTargets(example) : example, ...common[i]! };
    });
    const weight = items.reduce((total, { example }) => total + totalWeight(example.targets), 0);
    return chunk(items).map((some) => tokenFeeds(some, weight, sizes, dropout));
  }
  const values = codec.legalAnswers()!.map(({ value }) => value);
  const items = which.map((clip, i): AnswerItem => {
    const { mos } = clips[clip]!;
    const example = buildScoringExample(promptOf(clips[clip]!), trie);
    return { example, ...common[i]!, score: mos, label: normalLabel(values, mos, LABEL_STD) };
  });
  return chunk(items).map((some) => answerFeeds(some, which.length, sizes, dropout, loss));
}
