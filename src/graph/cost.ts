// What a graph costs to run, by arithmetic alone: products, bytes written, and the most memory that its values take at a time.
import { dimValue } from './dims.ts';
import type { DType, Value } from './value.ts';
import { isOp, valuesBelow } from './value.ts';

/** Costs of one run. */
export interface GraphCost {
  /** Floating point operations of matrix products: 2 · M · N · K each. */
  flops: number;
  /** Bytes that the other ops write; views cost nothing. */
  writtenBytes: number;
  /** Most bytes of computed values that are held at a time, in the order in which they are made. */
  peakBytes: number;
}

const bytesOf: Record<DType, number> = { float32: 4, bfloat16: 2, float16: 2, int64: 8, int32: 4, uint32: 4, bool: 1 };

/** Ops whose result is their first input seen otherwise. */
const isView = (value: Value): boolean => ['reshape', 'controlDependency', 'checkpointBoundary'].includes(value.op);
const isSource = (value: Value): boolean => isOp(value, 'input') || isOp(value, 'constant') || isOp(value, 'external');

/**
 * Adds up what running a graph takes.
 * @param outputs - its outputs; they are held to the end
 * @param sizes - values of the symbols in its shapes
 */
export function graphCost(outputs: readonly Value[], sizes: ReadonlyMap<string, number>): GraphCost {
  const values = valuesBelow(outputs);
  const count = (value: Value): number => value.shape.reduce<number>((total, d) => total * dimValue(d, sizes), 1);
  const held = new Map<Value, Value>(); // what a view looks at
  const lastUse = new Map<Value, number>();
  values.forEach((value, i) => {
    held.set(value, isView(value) ? held.get(value.inputs[0]!)! : value);
    for (const input of value.inputs) lastUse.set(held.get(input)!, i);
  });
  for (const output of outputs) lastUse.set(held.get(output)!, Infinity);
  const endings = new Map<number, Value[]>();
  for (const [value, i] of lastUse) endings.set(i, [...(endings.get(i) ?? []), value]);
  const cost: GraphCost = { flops: 0, writtenBytes: 0, peakBytes: 0 };
  let now = 0;
  values.forEach((value, i) => {
    if (isSource(value)) return;
    if (!isView(value)) {
      const bytes = count(value) * bytesOf[value.dtype];
      now += bytes;
      cost.peakBytes = Math.max(cost.peakBytes, now);
      if (isOp(value, 'matmul')) cost.flops += 2 * count(value) * productDepth(value, sizes);
      else cost.writtenBytes += bytes;
    }
    for (const ended of endings.get(i) ?? []) if (!isSource(ended)) now -= count(ended) * bytesOf[ended.dtype];
  });
  return cost;
}

function productDepth(value: Value<'matmul'>, sizes: ReadonlyMap<string, number>): number {
  const { shape } = value.inputs[0]!;
  return dimValue(shape.at(value.attributes.transA ? -2 : -1)!, sizes);
}
