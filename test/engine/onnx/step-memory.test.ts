// The forecast of a step's memory: rows whose logits are wanted count, and not only all rows.
import { expect, test } from 'vitest';
import { stepMemory, stepSizeOf } from '../../../src/engine/onnx/step-memory.ts';
import { objectives } from '../../../src/objectives/index.ts';
import { examples } from './fixtures.ts';
import { lora, modelOf, setup, text, weightShapes } from './tiny-model.ts';

const stored = (name: string) => ({
  dtype: 'float32' as const,
  shape: [...weightShapes(large).get(name)!],
  source: { file: '', offset: 0, length: 0 },
});
const large = { ...text, vocabSize: 200_000 };

function memoryOf(maxMemory: number): ReturnType<typeof stepMemory> {
  const training = {
    form: objectives.sequence.form,
    optimizer: { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 },
    clipNorm: null,
    microBatch: 1,
    gradientCheckpointing: false,
  };
  const model = modelOf(stored, large);
  return stepMemory({ model, lora, training, answers: null, firstLayer: 0, maxMemory });
}

test('a clip all of whose text is predicted needs memory for that many rows of logits', () => {
  const { require, isRoomFor } = memoryOf(300e6);
  const size = { tokens: 400, visionTokens: 100 };
  expect(() => require(size)).not.toThrow();
  expect(() => require({ ...size, targets: 300 })).toThrow('training on a clip of 400 tokens');
  expect(isRoomFor([{ rows: 400, targets: 3 }])).toBe(true);
  expect(isRoomFor([{ rows: 400, targets: 300 }])).toBe(false);
  expect(memoryOf(3e9).isRoomFor([{ rows: 400, targets: 300 }])).toBe(true);
});

test('the size of an example is that of its rows and targets', () => {
  const options = { frozen: true, dropout: false };
  const [sequence] = examples([0], { loss: 'sequence', ...options });
  const { rows, targets } = stepSizeOf(sequence!);
  const vision = sequence!.rows.tokenIds.filter((id) => id === setup.padTokens.image).length;
  expect(rows).toBe(sequence!.rows.tokenIds.length);
  expect(targets).toBe(rows - vision); // the first row has no target, and the end of the turn no row
  expect(stepSizeOf(examples([0], { loss: 'soft-label', ...options })[0]!).targets).toBe(0);
});
