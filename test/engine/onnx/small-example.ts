// One picture of noise as examples of any model: to train on and to score.
import { randomStream } from '../../../src/core/index.ts';
import type { AttachOptions, Engine } from '../../../src/engine/index.ts';
import type { PreparedExample, PreparedPicture } from '../../../src/inputs/index.ts';
import {
  answerTrie,
  buildScoringExample,
  loadPromptProcessor,
  positionsOf,
  promptAbout,
} from '../../../src/inputs/index.ts';
import type { Checkpoint } from '../../../src/model/index.ts';
import { adapterShapes, initLora } from '../../../src/model/index.ts';
import { objectives } from '../../../src/objectives/index.ts';
import { patchGrid } from '../../../src/video/index.ts';

const lora = (checkpoint: Checkpoint) => {
  const targets = checkpoint.family.lora.targets;
  return { rank: 2, alpha: 4, dropout: 0.1, rslora: false, targets };
};

/** A fresh adapter to train by the paper's loss. */
export function options(checkpoint: Checkpoint): AttachOptions {
  const { family, text, stored } = checkpoint;
  const shapes = adapterShapes(family.lora, lora(checkpoint), text.numLayers, (name) => stored(name).shape);
  return {
    lora: lora(checkpoint),
    parameters: initLora(shapes, 1),
    training: {
      form: objectives['integer-only'].form,
      optimizer: { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 },
      clipNorm: 1,
      microBatch: 1,
      gradientCheckpointing: false,
    },
    answers: { numNodes: 6, numColumns: 10 },
  };
}

/** The picture, with features of the engine's tower. */
export async function example(
  checkpoint: Checkpoint,
  engine: Engine,
): Promise<{ train: PreparedExample; score: PreparedExample }> {
  const { processor: patches } = checkpoint;
  const side = 2 * patches.patchSize * patches.mergeSize;
  const stream = randomStream(3);
  const data = Uint8Array.from({ length: side * side * 3 }, () => stream.below(256));
  const frames = [{ width: side, height: side, data }];
  const picture: PreparedPicture = { kind: 'image', frames, grid: patchGrid(frames, patches), patches };
  const processor = await loadPromptProcessor(checkpoint, {
    prompt: { template: 'four-dimensions', source: null },
    answer: { kind: 'integer', step: null },
  });
  const { grid } = picture;
  const prompt = promptAbout({ as: 'image', shapes: [{ kind: 'image', grid }] }, checkpoint, processor, 'a cat');
  const context = {
    processor,
    positions: positionsOf(checkpoint),
    trie: answerTrie(checkpoint, processor),
    softLabelStd: 0.3,
  };
  const vision = { kind: 'features' as const, features: await engine.encode([picture]) };
  const { nodeRows, columns, answers, ...rows } = buildScoringExample(prompt, context.trie!, context.positions);
  return {
    train: { ...objectives['integer-only'].prepare({ prompt, mos5: 3.4 }, context), vision, dropoutKey: 5 },
    score: {
      rows,
      vision,
      wanted: { kind: 'answers', tree: { nodeRows, columns, answers }, target: null },
      dropoutKey: 0,
    },
  };
}
