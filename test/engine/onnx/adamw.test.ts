// AdamW, the norm of gradients and the schedules against torch and transformers (golden/, made by test/reference/golden-adamw.py).
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { AdamWOptions } from '../../../src/engine/index.ts';
import { adamWUpdate, gradientNorm, initAdamW } from '../../../src/engine/onnx/adamw.ts';
import type { Schedule } from '../../../src/train/schedule.ts';
import { learningRateFactor } from '../../../src/train/schedule.ts';

const golden = JSON.parse(readFileSync(new URL('golden/adamw.json', import.meta.url), 'utf8')) as {
  updates: {
    options: AdamWOptions;
    clip: number | null;
    start: number[][];
    steps: { gradients: number[][]; norm: number; lr: number; parameters: number[][] }[];
  }[];
  schedules: { schedule: Schedule; warmup: number; total: number; factors: number[] }[];
};

const named = (tensors: readonly number[][]): Map<string, Float32Array> =>
  new Map(tensors.map((tensor, i) => [`p${i}`, Float32Array.from(tensor)]));

describe.each(golden.updates)('AdamW with $options, clipped at $clip', ({ options, clip, start, steps }) => {
  test('moves parameters as torch does', () => {
    const parameters = named(start);
    const state = initAdamW(parameters);
    for (const step of steps) {
      const gradients = named(step.gradients);
      const norm = gradientNorm(gradients);
      expect(Math.abs(norm / step.norm - 1)).toBeLessThan(1e-6);
      const scale = clip === null ? 1 : Math.min(1, clip / (norm + 1e-6));
      adamWUpdate(parameters, gradients, state, step.lr, options, scale);
      for (const [i, want] of step.parameters.entries()) {
        parameters.get(`p${i}`)!.forEach((got, k) => expect(Math.abs(got - want[k]!)).toBeLessThan(5e-7));
      }
    }
    expect(state.step).toBe(steps.length);
  });

  test('goes on from saved moments as if it had not stopped', () => {
    const run = (interrupted: boolean): number[][] => {
      const parameters = named(start);
      let state = initAdamW(parameters);
      for (const step of steps) {
        adamWUpdate(parameters, named(step.gradients), state, step.lr, options);
        if (interrupted) state = structuredClone(state);
      }
      return [...parameters.values()].map((p) => [...p]);
    };
    expect(run(true)).toEqual(run(false));
  });
});

test('a gradient that is not finite shows in the norm', () => {
  for (const bad of [NaN, Infinity]) expect(gradientNorm(named([[1], [2, bad]]))).not.toSatisfy(Number.isFinite);
  expect(gradientNorm(named([[3e38], [3e38]]))).toSatisfy(Number.isFinite); // beyond float32, not beyond float64
});

test.each(golden.schedules)('$schedule, warm-up $warmup of $total', ({ schedule, warmup, total, factors }) => {
  factors.forEach((want, step) => expect(learningRateFactor(schedule, step, warmup, total)).toBeCloseTo(want, 12));
});
