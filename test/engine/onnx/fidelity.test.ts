// The term about pairs: numbers at the ends of what it is made of, and the same update in any number of pieces.
import { describe, expect, test } from 'vitest';
import { fidelityLoss } from '../../../src/engine/onnx/fidelity.ts';
import { countPairs, pairTargets } from '../../../src/engine/pairs.ts';
import { compileStep } from '../../../src/engine/onnx/step.ts';
import type { TrainerOptions } from '../../../src/engine/onnx/trainer.ts';
import { makeUpdate } from '../../../src/engine/onnx/trainer.ts';
import { initAdamW } from '../../../src/engine/onnx/adamw.ts';
import { compile, gradients, input, softmax } from '../../../src/graph/index.ts';
import type { AnswerTarget, PreparedExample } from '../../../src/inputs/index.ts';
import { objectives } from '../../../src/objectives/index.ts';
import { examples } from './fixtures.ts';
import { checkpoint, initialParameters, lora, modelOf, stepOptions, text } from './tiny-model.ts';

const values = Float32Array.from({ length: 41 }, (_, i) => 1 + i / 10);

/** Loss and gradient for logits of the answers 1.0 to 5.0, one list a clip. */
async function lossOf(logits: readonly (readonly number[])[], targets: readonly AnswerTarget[]) {
  const [B, A] = [logits.length, values.length];
  const x = input('logits', 'float32', ['B', 'A']);
  const loss = fidelityLoss(softmax(x), input('values', 'float32', ['A']));
  await using session = await compile({ loss, gradient: gradients(loss, [x])[0]! }, { threads: 1 });
  const pairs = Object.entries(pairTargets(targets, 4, countPairs(B, 4))) as [string, Float32Array][];
  const out = await session.run({
    logits: { data: Float32Array.from(logits.flat()), shape: [B, A] },
    values: { data: values, shape: [A] },
    ...Object.fromEntries(pairs.map(([name, data]) => [name, { data, shape: [B, B] }])),
  });
  return { loss: out.loss.data[0]!, gradient: Array.from(out.gradient.data) };
}

/** Logits of a model that is as sure of a score as `height` says. */
const sure = (score: number, height: number): number[] =>
  Array.from(values, (v) => (Math.abs(v - score) < 0.01 ? height : 0));
const rated = (score: number, std?: number): AnswerTarget => ({
  score,
  label: null,
  ...(std === undefined ? {} : { std }),
});

describe('numbers are finite', () => {
  const scores = [1, 3, 3.1, 5];
  const cases = [0, 5, 40, 1000].flatMap((height) =>
    ([undefined, 0, 0.02, 0.7] as const).map((std) => ({ height, std })),
  );
  test.each(cases)('where the model is sure by $height, and votes deviate by $std', async ({ height, std }) => {
    for (const said of [scores, scores.toReversed(), [3, 3, 3, 3]]) {
      const { loss, gradient } = await lossOf(
        said.map((score) => sure(score, height)),
        scores.map((score) => rated(score, std)),
      );
      expect(Number.isFinite(loss) && loss > -1e-5 && loss < 1).toBe(true);
      expect(gradient.filter((g) => !Number.isFinite(g))).toEqual([]);
    }
  });

  test('and are near 0 where it is right, near 1 where it is wrong, and pull where it hesitates', async () => {
    const right = await lossOf([sure(5, 40), sure(1, 40)], [rated(5), rated(1)]);
    const wrong = await lossOf([sure(1, 40), sure(5, 40)], [rated(5), rated(1)]);
    const torn = await lossOf([sure(3, 0), sure(3, 0)], [rated(5), rated(1)]);
    expect(right.loss).toBeLessThan(1e-5);
    expect(wrong.loss).toBeGreaterThan(0.99);
    expect(torn.loss).toBeCloseTo(1 - Math.SQRT1_2, 5);
    // The first clip's best answer is to rise, and its worst to fall.
    expect([torn.gradient[40]! < 0, torn.gradient[0]! > 0]).toEqual([true, true]);
  });
});

test('pairs are those within a group, the last of which may be smaller', () => {
  expect([1, 2, 4, 5, 6, 8, 10].map((n) => countPairs(n, 4))).toEqual([0, 1, 6, 6, 7, 12, 13]);
  expect([2, 9].map((n) => countPairs(n, 1))).toEqual([0, 0]);
  const { pairWeights } = pairTargets(
    Array.from({ length: 6 }, () => rated(3)),
    4,
    7,
  );
  const pairs = [...pairWeights].flatMap((weight, at) => (weight > 0 ? [`${Math.floor(at / 6)}-${at % 6}`] : []));
  expect(pairs).toEqual(['0-1', '0-2', '0-3', '1-2', '1-3', '2-3', '4-5']);
});

test('a clip that is alone has no pair, and a loss all the same', async () => {
  const { loss, gradient } = await lossOf([sure(3, 5)], [rated(3)]);
  expect([loss, ...new Set(gradient)]).toEqual([0, 0]);
});

describe('an update of ten clips', () => {
  const stored = checkpoint(text, 'float32');
  const undropped = { ...lora, dropout: 0 };
  // The last group, of two, has the longest clips.
  const batch = examples([0, 1, 2, 0, 2, 1, 0, 1, 3, 3], { loss: 'fidelity', frozen: true, dropout: false }).map(
    ({ wanted, ...example }, i): PreparedExample => {
      if (wanted.kind !== 'answers') throw new Error('a loss over answers');
      const target: AnswerTarget = { ...wanted.target!, score: 1 + ((7 * i) % 10) * 0.4 };
      return { ...example, wanted: { ...wanted, target } };
    },
  );

  /** Loss, norm of the gradients, and what the update makes of the parameters. */
  async function updated(some: readonly PreparedExample[], microBatch: number, isRoomFor: TrainerOptions['isRoomFor']) {
    await using step = await compileStep(stepOptions('fidelity', stored, undropped));
    const parameters = initialParameters(step.parameters);
    const optimizer = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 };
    const training = {
      form: objectives.fidelity.form,
      optimizer,
      clipNorm: null,
      microBatch,
      gradientCheckpointing: false,
    };
    const how = {
      training,
      model: modelOf(stored),
      dropout: false,
      step,
      prefix: null,
      isRoomFor,
      makeRoom: async () => {},
    };
    return await makeUpdate(how, some, parameters, initAdamW(parameters), 1e-3);
  }

  test('is the same in pieces of a group, of two, and at once, and where memory cuts pieces', async () => {
    const whole = await updated(batch, 12, () => true);
    const sizes: number[] = [];
    const pieces = [
      await updated(batch, 4, () => true),
      await updated(batch, 8, () => true),
      await updated(batch, 12, (some) => {
        sizes.push(some.length);
        return some.length <= 4;
      }),
    ];
    expect(Math.max(...sizes)).toBe(10);
    for (const { loss, gradientNorm } of pieces) {
      expect(Math.abs(loss / whole.loss - 1)).toBeLessThan(1e-6);
      expect(Math.abs(gradientNorm / whole.gradientNorm - 1)).toBeLessThan(1e-5);
    }
  });

  test('depends on which clips are neighbours', async () => {
    const [whole, other] = [await updated(batch, 12, () => true), await updated(batch.toReversed(), 12, () => true)];
    expect(Math.abs(other.loss / whole.loss - 1)).toBeGreaterThan(1e-4);
  });
});
