// Where the weights of a graph come from: mapped from files and frozen, or fed and trained.
import type { ExternalSource, Value } from '../graph/index.ts';
import { cast, concat, external, gather, input, controlDependency, matmul } from '../graph/index.ts';
import type { WeightSource } from './families/shared/layers.ts';

/** A tensor of a checkpoint on disk. */
export interface StoredTensor {
  /** Element type. */
  dtype: 'float32' | 'bfloat16' | 'float16';
  /** Sizes, outermost first. */
  shape: readonly number[];
  /** Where its bytes lie. */
  source: ExternalSource;
}

/** Rows of a 16-bit head that are cast to float32 at a time (128 MB at width 2,048). */
const PIECE_ROWS = 16_384;

/**
 * Weights that the runtime maps from their files; nothing is copied until an op reads it.
 * @param stored - finds a tensor by canonical name; throws for an unknown one
 */
export function frozenWeights(stored: (name: string) => StoredTensor): WeightSource {
  const made = new Map<string, Value>();
  const once = (key: string, make: () => Value): Value => {
    let value = made.get(key);
    if (value === undefined) made.set(key, (value = make()));
    return value;
  };
  return {
    get(name, after) {
      return once(name, () => {
        const { source, dtype, shape } = stored(name);
        const weight = external(source, dtype, shape);
        return after === undefined || dtype === 'float32'
          ? cast(weight, 'float32')
          : cast(controlDependency(weight, after), 'float32');
      });
    },
    rows(name, indices) {
      const { source, dtype, shape } = stored(name);
      return cast(gather(external(source, dtype, shape), indices), 'float32');
    },
    rowProducts(name, x_NC) {
      const { source, dtype, shape } = stored(name);
      const [rows, width] = shape as [number, number];
      if (dtype === 'float32' || rows <= PIECE_ROWS) return matmul(x_NC, this.get(name, x_NC), { transB: true });
      const rowBytes = source.length / rows;
      const products = Array.from({ length: Math.ceil(rows / PIECE_ROWS) }, (_, i) => {
        const start = i * PIECE_ROWS;
        const count = Math.min(PIECE_ROWS, rows - start);
        const part = { file: source.file, offset: source.offset + start * rowBytes, length: count * rowBytes };
        const piece = cast(controlDependency(external(part, dtype, [count, width]), x_NC), 'float32');
        return matmul(x_NC, piece, { transB: true });
      });
      return concat(products, 1);
    },
  };
}

/** Weights that are fed at every run, so that they can be trained. */
export interface FedWeights extends WeightSource {
  /** The inputs made so far, by canonical name. */
  readonly inputs: ReadonlyMap<string, Value>;
}

/**
 * Weights as inputs of the graph, named as the tensors are.
 * @param shapeOf - the shape of a tensor by canonical name; throws for an unknown one
 */
export function fedWeights(shapeOf: (name: string) => readonly number[]): FedWeights {
  const inputs = new Map<string, Value>();
  return {
    inputs,
    get(name) {
      let value = inputs.get(name);
      if (value === undefined) inputs.set(name, (value = input(name, 'float32', shapeOf(name))));
      return value;
    },
    rows(name, indices) {
      return gather(this.get(name), indices);
    },
    rowProducts(name, x_NC) {
      return matmul(x_NC, this.get(name), { transB: true });
    },
  };
}
