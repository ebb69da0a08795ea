// A few clips of noise as examples of any loss: pictures of two sizes and a video, so that rows differ in number and kind.
import { hashKey, randomStream } from '../../../src/core/index.ts';
import type { AttachOptions, Engine } from '../../../src/engine/index.ts';
import type { PreparedExample, PreparedPicture, PromptProcessor } from '../../../src/inputs/index.ts';
import {
  answerTrie,
  buildScoringExample,
  loadPromptProcessor,
  positionsOf,
  promptAbout,
  promptRows,
} from '../../../src/inputs/index.ts';
import type { Checkpoint, LoraOptions } from '../../../src/model/index.ts';
import { adapterShapes, initLora } from '../../../src/model/index.ts';
import type { Loss } from '../../../src/objectives/index.ts';
import { formOf, objectives } from '../../../src/objectives/index.ts';
import type { EncodedPrompt } from '../../../src/prompt/index.ts';
import { wantedOf } from '../../../src/train/examples.ts';
import type { RgbFrame } from '../../../src/video/index.ts';
import { patchGrid } from '../../../src/video/index.ts';

/** What of a recipe a case sets. */
export interface Case {
  loss: Loss;
  /** Null: all weights train. */
  lora: Partial<LoraOptions> | null;
  /** Weight of the loss's second term; default 1. */
  auxiliaryWeight?: number;
  answer?: 'integer' | 'decimal' | 'level' | 'raw';
  gradientCheckpointing?: boolean;
  microBatch?: number;
  /** Asked in the same pass; default none. */
  furtherTemplate?: string;
}

/** Sides of the clips in patches' blocks, and their frames. */
const CLIPS = [
  { wide: 2, high: 2, frames: 1, mos5: 3.4 },
  { wide: 3, high: 2, frames: 1, mos5: 1.2 },
  { wide: 2, high: 3, frames: 4, mos5: 4.7 },
  { wide: 2, high: 2, frames: 1, mos5: 2.1 },
];

const loraOf = (checkpoint: Checkpoint, lora: Partial<LoraOptions>): LoraOptions => ({
  rank: 4,
  alpha: 8,
  dropout: 0.1,
  rslora: false,
  targets: checkpoint.family.lora.targets,
  ...lora,
});

/** How a case is attached; its adapter has values in both factors. */
export function attachOptions(checkpoint: Checkpoint, { loss, lora, ...rest }: Case, trains = true): AttachOptions {
  const { family, text, stored } = checkpoint;
  const full = lora === null ? null : loraOf(checkpoint, lora);
  const shapes = full === null ? null : adapterShapes(family.lora, full, text.numLayers, (name) => stored(name).shape);
  const parameters = shapes === null ? null : initLora(shapes, 1);
  for (const [name, values] of parameters ?? []) {
    if (!name.includes('lora_B')) continue;
    const stream = randomStream(hashKey(...new TextEncoder().encode(name)));
    values.forEach((_, i) => (values[i] = 0.02 * stream.normal()));
  }
  return {
    lora: full,
    parameters,
    training: trains
      ? {
          form: formOf(objectives[loss], rest.auxiliaryWeight ?? 1),
          optimizer: { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01 },
          clipNorm: 1,
          microBatch: rest.microBatch ?? 2,
          gradientCheckpointing: rest.gradientCheckpointing ?? false,
        }
      : null,
    answers: { numNodes: 6, numColumns: 10 },
  };
}

/** The clips as examples; features are of `engine`'s tower, or pictures where the tower trains. */
export async function clipsOf(
  checkpoint: Checkpoint,
  engine: Engine,
  { loss, lora, answer = 'integer', furtherTemplate }: Case,
): Promise<{ train: PreparedExample[]; score: PreparedExample[]; answers: AttachOptions['answers'] }> {
  const { processor: patches } = checkpoint;
  const block = patches.patchSize * patches.mergeSize;
  const processorOf = (template: string): Promise<PromptProcessor> =>
    loadPromptProcessor(checkpoint, { prompt: { template, source: null }, answer: { kind: answer, step: null } });
  const processor = await processorOf('four-dimensions');
  const others = furtherTemplate === undefined ? [] : [await processorOf(furtherTemplate)];
  const trie = answerTrie(checkpoint, processor);
  const context = { processor, positions: positionsOf(checkpoint), trie, softLabelStd: 0.3 };
  const [train, score]: [PreparedExample[], PreparedExample[]] = [[], []];
  for (const [i, { wide, high, frames: count, mos5 }] of CLIPS.entries()) {
    const stream = randomStream(3, i);
    const [width, height] = [wide * block, high * block];
    const frames = Array.from({ length: count }, (): RgbFrame => {
      return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => stream.below(256)) };
    });
    const kind = count === 1 ? ('image' as const) : ('video' as const);
    const grid = patchGrid(frames, patches);
    const picture: PreparedPicture = { kind, frames, grid, patches };
    const shape = kind === 'image' ? { kind, grid } : { kind, grid, secondsPerGrid: 0.5 };
    const [prompt, ...further] = [processor, ...others].map((of) =>
      promptAbout({ as: kind, shapes: [shape] }, checkpoint, of, `a cat ${i}`),
    ) as [EncodedPrompt, ...EncodedPrompt[]];
    const vision =
      lora === null
        ? { kind: 'pictures' as const, pictures: [picture] }
        : { kind: 'features' as const, features: await engine.encode([picture]) };
    train.push({
      ...wantedOf(
        { mos5, std5: 0.3 + 0.1 * i, further: further.map(() => 6 - mos5) },
        { prompt, further },
        objectives[loss],
        context,
      ),
      vision,
      dropoutKey: hashKey(5, i),
    });
    if (trie === null) {
      score.push({ rows: promptRows(prompt, context.positions), vision, wanted: { kind: 'text' }, dropoutKey: 0 });
      continue;
    }
    const { nodeRows, columns, answers, ...rows } = buildScoringExample(prompt, trie, context.positions);
    score.push({
      rows,
      vision,
      wanted: { kind: 'answers', tree: { nodeRows, columns, answers }, target: null },
      dropoutKey: 0,
    });
  }
  return {
    train,
    score,
    answers: trie === null ? null : { numNodes: trie.nodes.length, numColumns: trie.columns.length },
  };
}
