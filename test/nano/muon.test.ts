// Muon against the same in float64, and that it goes on from saved moments as if nothing had been.
import { expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import type { AdamWState } from '../../src/engine/onnx/index.ts';
import { adamWUpdate, initAdamW } from '../../src/engine/onnx/index.ts';
import { openMuon } from '../../nano/muon.ts';

const SLOW = 0.25;
const rateOf = (name: string): number => (name.startsWith('slow') ? SLOW : 1);
const options = { momentum: 0.9, rateOf, adamW: { beta1: 0.9, beta2: 0.98, eps: 1e-8, weightDecay: 0.5 } };
const shapes = new Map<string, readonly number[]>([
  ['wide', [6, 20]],
  ['tall', [20, 6]],
  ['qkv', [18, 8]],
  ['patches', [6, 3, 2, 4]],
  ['slow', [6, 20]],
  ['still', [5, 7]], // without a gradient
  ['embed_tokens', [12, 6]],
  ['norm', [6]],
  ['slow.norm', [6]],
]);
/** Matrices in parameters: name, where it begins, rows, columns. */
const matrices = [
  ['wide', 0, 6, 20],
  ['tall', 0, 20, 6],
  ['qkv', 0, 6, 8],
  ['qkv', 48, 6, 8],
  ['qkv', 96, 6, 8],
  ['patches', 0, 6, 24],
  ['slow', 0, 6, 20],
  ['still', 0, 5, 7],
] as const;

type Values = Map<string, Float32Array>;

function values(seed: number): Values {
  const stream = randomStream(seed);
  return new Map(
    [...shapes].map(([name, shape]) => {
      const size = shape.reduce((a, b) => a * b, 1);
      return [name, Float32Array.from({ length: size }, () => stream.uniform() - 0.5)];
    }),
  );
}

const copyOf = (map: ReadonlyMap<string, Float32Array>): Values =>
  new Map([...map].map(([name, array]) => [name, array.slice()]));

function gradientsOf(update: number): Values {
  const gradients = values(100 + update);
  gradients.get('still')!.fill(0);
  return gradients;
}

/** Learning rate, and what gradients are multiplied with, of each update. */
const updates = [
  [0.01, 0.5],
  [0.02, 1],
  [0.015, 0.1],
] as const;

type Matrix = number[][];
const product = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((sum, value, k) => sum + value * b[k]![j]!, 0)));
const transposed = (a: Matrix): Matrix => a[0]!.map((_, j) => a.map((row) => row[j]!));

/** Newton and Schulz's iteration as Jordan et al. 2024 write it, on the form with fewer rows. */
function orthogonal(matrix: Matrix): Matrix {
  if (matrix.length > matrix[0]!.length) return transposed(orthogonal(transposed(matrix)));
  const norm = Math.hypot(...matrix.flat()) + 1e-12;
  let x = matrix.map((row) => row.map((value) => value / norm));
  for (let i = 0; i < 5; i++) {
    const a = product(x, transposed(x));
    const aa = product(a, a);
    const b = a.map((row, r) => row.map((value, c) => -4.775 * value + 2.0315 * aa[r]![c]!));
    const bx = product(b, x);
    x = x.map((row, r) => row.map((value, c) => 3.4445 * value + bx[r]![c]!));
  }
  return x;
}

/** What the updates make of the matrices, in float64. */
function reference(start: Values): Map<string, number[]> {
  const parameters = new Map([...start].map(([name, array]) => [name, [...array]]));
  const moments = new Map([...start].map(([name, array]) => [name, [...array].fill(0)]));
  for (const [u, [all, scale]] of updates.entries()) {
    const gradients = gradientsOf(u);
    for (const [name, from, rows, columns] of matrices) {
      const lr = rateOf(name) * all;
      const at = Array.from({ length: rows }, (_, r) =>
        Array.from({ length: columns }, (__, c) => from + r * columns + c),
      );
      const [p, m, g] = [parameters.get(name)!, moments.get(name)!, gradients.get(name)!];
      for (const i of at.flat()) m[i] = options.momentum * m[i]! + scale * g[i]!;
      const direction = orthogonal(at.map((row) => row.map((i) => scale * g[i]! + options.momentum * m[i]!)));
      for (const [r, row] of at.entries()) {
        for (const [c, i] of row.entries()) {
          const step = 0.2 * lr * Math.sqrt(Math.max(rows, columns)) * direction[r]![c]!;
          p[i] = (1 - lr * options.adamW.weightDecay) * p[i]! - step;
        }
      }
    }
  }
  return parameters;
}

test('matrices move as in float64, the rest as with AdamW', async () => {
  const [parameters, plain, slow] = [values(1), values(1), values(1)];
  const [state, plainState, slowState] = [initAdamW(parameters), initAdamW(plain), initAdamW(slow)];
  await using muon = await openMuon(shapes, options);
  for (const [u, [lr, scale]] of updates.entries()) {
    await muon.update(parameters, gradientsOf(u), state, lr, scale);
    adamWUpdate(plain, gradientsOf(u), plainState, lr, options.adamW, scale);
    adamWUpdate(slow, gradientsOf(u), slowState, SLOW * lr, options.adamW, scale);
  }
  expect(state.step).toBe(updates.length);
  for (const name of ['embed_tokens', 'norm']) expect(parameters.get(name)).toEqual(plain.get(name));
  expect(parameters.get('slow.norm')).toEqual(slow.get('slow.norm'));
  const want = reference(values(1));
  const far = matrices.map(([name]) => {
    const got = parameters.get(name)!;
    return [name, Math.max(...want.get(name)!.map((value, i) => Math.abs(value - got[i]!)))] as const;
  });
  expect(far.filter(([, difference]) => !(difference < 2e-6))).toEqual([]);
});

test('from saved moments it goes on with the same bits', async () => {
  const [whole, wholeState] = [values(2), initAdamW(values(2))];
  let [parts, partsState]: [Values, AdamWState] = [values(2), initAdamW(values(2))];
  for (const [u, [lr, scale]] of updates.entries()) {
    await using muon = await openMuon(shapes, options);
    await muon.update(parts, gradientsOf(u), partsState, lr, scale);
    partsState = { step: partsState.step, m: copyOf(partsState.m), v: copyOf(partsState.v) };
    parts = copyOf(parts);
  }
  await using muon = await openMuon(shapes, options);
  for (const [u, [lr, scale]] of updates.entries()) await muon.update(whole, gradientsOf(u), wholeState, lr, scale);
  expect(parts).toEqual(whole);
});

test('a large square matrix moves in bands', async () => {
  const large = new Map([['square', [512, 512]]]);
  const start = (): Values => new Map([['square', new Float32Array(512 * 512)]]);
  const stream = randomStream(5);
  const gradient = Float32Array.from({ length: 512 * 512 }, () => stream.uniform() - 0.5);
  const parameters = start();
  await using muon = await openMuon(large, options);
  const state = initAdamW(parameters);
  await muon.update(parameters, new Map([['square', gradient]]), state, 0.01, 1);
  expect(state.step).toBe(1);
  const band = 128 * 512;
  for (let i = 0; i < 4; i++) {
    const part = new Map([['band', gradient.subarray(i * band, (i + 1) * band)]]);
    const alone: Values = new Map([['band', new Float32Array(band)]]);
    await using other = await openMuon(new Map([['band', [128, 512]]]), options);
    await other.update(alone, part, initAdamW(alone), 0.01, 1);
    const mine = parameters.get('square')!.subarray(i * band, (i + 1) * band);
    expect(Math.max(...alone.get('band')!.map((value, k) => Math.abs(value - mine[k]!)))).toBeLessThan(1e-7);
  }
});
