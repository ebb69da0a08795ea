// Muon for the matrices of a model, AdamW for the rest: from random weights it needs fewer updates than AdamW alone (docs/nano.md).
import type { Session, Value } from '../src/graph/index.ts';
import { add, compile, input, matmul, mul, scalar } from '../src/graph/index.ts';
import type { AdamWOptions } from '../src/engine/index.ts';
import type { AdamWState } from '../src/engine/onnx/index.ts';
import { adamWUpdate } from '../src/engine/onnx/index.ts';
import type { Shapes } from './shared-numbers.ts';

/** Settings of Muon, with AdamW's for what is no matrix. */
export interface MuonOptions {
  /** Decay of the momentum. */
  momentum: number;
  /** Factor on the learning rate of a parameter, by name; default 1. */
  rateOf?: (name: string) => number;
  /** For embeddings, head, norms and biases; its weight decay is Muon's also. */
  adamW: AdamWOptions;
}

/** Updates parameters. */
export interface Muon {
  /**
   * One update in place. A matrix moves by `0.2 · lr · rate · √max(rows, columns)` times its orthogonalised momentum, so that its elements move
   * about as far as AdamW moves them (Liu et al. 2025).
   * @param parameters - values by name; changed
   * @param gradients - gradients by name
   * @param state - moments; a matrix has only the first; changed
   * @param lr - learning rate of this step
   * @param scale - what gradients are multiplied with first
   */
  update: (
    parameters: ReadonlyMap<string, Float32Array>,
    gradients: ReadonlyMap<string, Float32Array>,
    state: AdamWState,
    lr: number,
    scale: number,
  ) => Promise<void>;
  /** Frees the graphs. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/** Cores of an op, whatever the machine has: what a product is rounded to may depend on them. */
const THREADS = 2;

/**
 * A square matrix of so many rows (the merger's first) is cut into {@link BANDS} of rows, and each of them made orthonormal by itself. For
 * n rows that takes 1.1 n³ multiplications an iteration instead of 6 n³, which would be half of the optimizer's.
 */
const LARGE = 512;
const BANDS = 4;

/** A matrix: a parameter, or a part of one. */
interface Matrix {
  name: string;
  from: number;
}

/** Coefficients of the iteration, by Jordan et al. 2024: `X ← a X + (b A + c A²) X` with `A = X Xᵀ`. */
const [A, B, C] = [3.4445, -4.775, 2.0315];
const ITERATIONS = 5;

/** A graph for matrices of one size: rows become orthonormal, or columns, whichever are fewer. */
function orthogonalise(count: number, rows: number, columns: number): Value {
  const wide = rows <= columns;
  let x: Value = input('x', 'float32', [count, rows, columns]);
  for (let i = 0; i < ITERATIONS; i++) {
    const square = matmul(x, x, wide ? { transB: true } : { transA: true });
    const polynomial = add(mul(square, scalar(B)), mul(matmul(square, square), scalar(C)));
    x = add(mul(x, scalar(A)), wide ? matmul(polynomial, x) : matmul(x, polynomial));
  }
  return x;
}

/**
 * Makes the graphs for a model's matrices.
 * @param shapes - all that trains
 * @param options - decays
 */
export async function openMuon(shapes: Shapes, options: MuonOptions): Promise<Muon> {
  const groups = new Map<string, { rows: number; columns: number; matrices: Matrix[] }>();
  for (const [name, [first = 1, ...others]] of shapes) {
    const columns = others.reduce((product, size) => product * size, 1);
    if (others.length === 0 || /embed_tokens|lm_head/.test(name)) continue; // filters of patches are a matrix like others
    // Queries, keys and values are in one.
    const parts = name.includes('qkv') ? 3 : first >= LARGE && first === columns ? BANDS : 1;
    const rows = first / parts;
    const key = `${rows}x${columns}`;
    const group = groups.get(key) ?? { rows, columns, matrices: [] };
    groups.set(key, group);
    for (let part = 0; part < parts; part++) group.matrices.push({ name, from: part * rows * columns });
  }
  const sessions: Session<'y'>[] = [];
  for (const { rows, columns, matrices } of groups.values()) {
    sessions.push(
      await compile({ y: orthogonalise(matrices.length, rows, columns) }, { threads: THREADS, prepack: false }),
    );
  }
  const inMatrices = new Set([...groups.values()].flatMap(({ matrices }) => matrices.map(({ name }) => name)));
  const { momentum, adamW, rateOf = () => 1 } = options;
  const rest = [...shapes.keys()].filter((name) => !inMatrices.has(name));
  const rates = new Set(rest.map(rateOf));
  return {
    update: async (parameters, gradients, state, lr, scale) => {
      const done = state.step;
      for (const rate of rates) {
        const names = rest.filter((name) => rateOf(name) === rate);
        const some = new Map(names.map((name) => [name, parameters.get(name)!]));
        state.step = done;
        adamWUpdate(some, gradients, state, rate * lr, adamW, scale);
      }
      state.step = done + 1; // also where nothing is left to AdamW
      for (const [g, { rows, columns, matrices }] of [...groups.values()].entries()) {
        const size = rows * columns;
        const x = new Float32Array(matrices.length * size);
        for (const [i, { name, from }] of matrices.entries()) {
          const [gradient, m] = [gradients.get(name)!, state.m.get(name)!];
          let power = 0;
          for (let k = 0; k < size; k++) {
            const value = scale * gradient[from + k]!;
            const kept = momentum * m[from + k]! + value;
            m[from + k] = kept;
            const ahead = value + momentum * kept; // Nesterov's
            x[i * size + k] = ahead;
            power += ahead * ahead;
          }
          const norm = Math.sqrt(power) + 1e-12;
          for (let k = i * size; k < (i + 1) * size; k++) x[k]! /= norm;
        }
        const { y } = await sessions[g]!.run({ x: { data: x, shape: [matrices.length, rows, columns] } });
        const directions = y.data;
        for (const [i, { name, from }] of matrices.entries()) {
          const rate = rateOf(name) * lr;
          const step = 0.2 * rate * Math.sqrt(Math.max(rows, columns));
          const keep = 1 - rate * adamW.weightDecay;
          const p = parameters.get(name)!;
          for (let k = 0; k < size; k++) p[from + k] = keep * p[from + k]! - step * directions[i * size + k]!;
        }
      }
    },
    [Symbol.asyncDispose]: async () => {
      for (const session of sessions) await session[Symbol.asyncDispose]();
    },
  };
}
