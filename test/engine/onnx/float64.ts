// Graphs of a step in float64, and how far float32 may be from them.
import { expect } from 'vitest';
import type { TensorData, Value } from '../../../src/graph/index.ts';
import { isOp, valuesBelow } from '../../../src/graph/value.ts';
import type { QwenTextConfig as TextConfig } from '../../../src/model/families/qwen2-5-vl/config.ts';
import type { StoredTensor } from '../../../src/model/index.ts';
import type { StepResult } from '../../../src/engine/onnx/step.ts';
import type { Array64 } from '../../graph/evaluate.ts';
import { evaluate } from '../../graph/evaluate.ts';
import { nameOfWeight, shapeOf, valuesOf } from './tiny-model.ts';

export const toArray64 = ({ data, shape }: TensorData): Array64 => ({
  data: Float64Array.from(data as ArrayLike<number | bigint>, Number),
  shape: [...shape],
});

/** What is fed, parameters and mapped weights included, for the float64 evaluation of values. */
export function feeds64(
  outputs: readonly Value[],
  feeds: Readonly<Record<string, TensorData>>,
  parameters: ReadonlyMap<string, Float32Array>,
  config: TextConfig,
  stored: (name: string) => StoredTensor,
): Map<Value, Array64> {
  const fed = new Map<Value, Array64>();
  for (const value of valuesBelow(outputs)) {
    if (isOp(value, 'input')) {
      const { name } = value.attributes;
      const own = parameters.get(name);
      fed.set(value, toArray64(own === undefined ? feeds[name]! : { data: own, shape: value.shape as number[] }));
    } else if (isOp(value, 'external')) {
      const name = nameOfWeight(value, config, stored);
      const shape = shapeOf(name, config);
      fed.set(value, toArray64({ data: valuesOf(name, shape), shape }));
    }
  }
  return fed;
}

/** A scalar as a function of one of the values that it is made from, in float64; only what depends on that value is computed again. */
export function asFunctionOf(
  loss: Value,
  fed: ReadonlyMap<Value, Array64>,
): (of: Value) => (data: Float64Array) => number {
  const below = valuesBelow([loss]);
  const results = evaluate(below, fed);
  return (of) => {
    const moving = new Set<Value>([of]);
    for (const value of below) if (value.inputs.some((x) => moving.has(x))) moving.add(value);
    const fixed = new Map<Value, Array64>();
    below.forEach((value, i) => {
      if (!moving.has(value)) fixed.set(value, results[i]!);
    });
    const { shape } = fed.get(of)!;
    return (data) => evaluate([loss], new Map(fixed).set(of, { data, shape }))[0]!.data[0]!;
  };
}

/** Largest difference over the largest magnitude of what is wanted. */
export function relativeError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Infinity;
  let [worst, scale] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    const difference = Math.abs(got[i]! - want[i]!);
    worst = Number.isNaN(difference) ? Infinity : Math.max(worst, difference);
    scale = Math.max(scale, Math.abs(want[i]!));
  }
  return worst === 0 ? 0 : worst / scale;
}

/** Notes what is wrong, by name, so that one assertion shows it all: `expect(wrong.list).toEqual([])`. */
export class Wrong {
  readonly list: string[] = [];
  /** Notes a value that is not below its bound. */
  below(bound: number, value: number, what: string): void {
    if (!(value < bound)) this.list.push(`${what}: expected less than ${bound}, got ${value}`);
  }
  /** Notes a value that is not above its bound. */
  above(bound: number, value: number, what: string): void {
    if (!(value > bound)) this.list.push(`${what}: expected more than ${bound}, got ${value}`);
  }
}

/** Two results of a step that must be the same to rounding, no gradient of them all zeros. */
export function expectSame(got: StepResult, want: StepResult, bound: number): void {
  expect(Math.abs(got.loss / want.loss - 1)).toBeLessThan(bound);
  expect([...got.gradients.keys()]).toEqual([...want.gradients.keys()]);
  const wrong = new Wrong();
  for (const [name, gradient] of want.gradients) {
    wrong.below(bound, relativeError(got.gradients.get(name)!, gradient), name);
    wrong.above(1e-4, Math.max(...gradient.map(Math.abs)), name);
  }
  expect(wrong.list).toEqual([]);
}
