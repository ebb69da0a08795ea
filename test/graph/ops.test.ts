// Walks the op table: each op's forward pass on ONNX Runtime against float64, each gradient against central differences in float64.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RandomStream } from '../../src/core/index.ts';
import { randomStream } from '../../src/core/index.ts';
import type { TensorData, Value } from './all.ts';
import type { Data, OpName } from '../../src/graph/value.ts';
import * as g from './all.ts';
import type { Array64 } from './evaluate.ts';
import { evaluate, opNames } from './evaluate.ts';

/** One random use of an op: its output, and what is fed. */
interface Case {
  output: Value;
  feeds: Map<Value, Array64>;
}

class Maker {
  readonly feeds = new Map<Value, Array64>();
  readonly random: RandomStream;
  constructor(seed: number) {
    this.random = randomStream(seed);
  }
  size(): number {
    return [1, 1, 2, 3, 5][this.random.below(5)]!;
  }
  shape(rank = this.random.below(4)): number[] {
    return Array.from({ length: rank }, () => this.size());
  }
  float(shape: readonly number[], draw: () => number = () => this.random.normal()): Value {
    return this.feed('float32', shape, draw);
  }
  positive(shape: readonly number[]): Value {
    return this.float(shape, () => 0.3 + 2 * this.random.uniform());
  }
  uint(shape: readonly number[], below = 2 ** 32): Value {
    return this.feed('uint32', shape, () => this.random.below(below));
  }
  index(shape: readonly number[], below: number): Value {
    return this.feed('int64', shape, () => this.random.below(below));
  }
  feed(dtype: 'float32' | 'uint32' | 'int64', shape: readonly number[], draw: () => number): Value {
    // Every other size is a symbol of its own, so that shapes computed in the graph are tested, too.
    const n = this.feeds.size;
    const data = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
      const x = draw();
      return dtype === 'float32' ? Math.fround(x) : x;
    });
    const value = g.input(`x${n}`, dtype, shape);
    this.feeds.set(value, { data, shape: [...shape] });
    return value;
  }
  /** Two shapes that broadcast. */
  pair(): [number[], number[]] {
    const full = this.shape();
    const part = (): number[] =>
      full.map((d) => (this.random.below(3) === 0 ? 1 : d)).slice(this.random.below(full.length + 1));
    return this.random.below(2) === 0 ? [full, part()] : [part(), full];
  }
}

const unary =
  (op: (x: Value) => Value, positive = false) =>
  (m: Maker): Value =>
    op(positive ? m.positive(m.shape()) : m.float(m.shape()));
const binary =
  (op: (a: Value, b: Value) => Value, positive = false) =>
  (m: Maker): Value => {
    const [a, b] = m.pair();
    return op(m.float(a), positive ? m.positive(b) : m.float(b));
  };

const cases: Record<OpName, ((m: Maker) => Value) | null> = {
  input: null,
  external: null, // its values lie in a file: test/engine/onnx/step.test.ts
  constant: (m) => g.add(m.float([2]), g.constant(Float32Array.of(1.5, -2))),
  add: binary(g.add),
  sub: binary(g.sub),
  mul: binary(g.mul),
  div: binary(g.div, true),
  neg: unary(g.neg),
  exp: unary(g.exp),
  log: unary(g.log, true),
  sqrt: unary(g.sqrt, true),
  sigmoid: unary(g.sigmoid),
  tanh: unary(g.tanh),
  erf: unary(g.erf),
  silu: unary(g.silu),
  gelu: unary(g.gelu),
  cast: (m) => g.cast(g.mul(m.uint([3], 1000), m.uint([3], 1000)), 'float32'),
  controlDependency: (m) => {
    const after = m.float([2, 2]);
    return g.mul(g.controlDependency(m.float(m.shape()), after), g.controlDependency(m.float([]), after));
  },
  checkpointBoundary: (m) =>
    g.exp(g.checkpointBoundary(g.tanh(g.checkpointBoundary(g.mul(m.float([3]), m.float([3])))))),
  bitXor: (m) => g.cast(g.shiftRight(g.bitXor(m.uint([4]), m.uint([2, 1])), g.constant(Uint32Array.of(8))), 'float32'),
  shiftRight: (m) =>
    g.cast(g.shiftRight(m.uint(m.shape(2)), g.constant(Uint32Array.of(9 + m.random.below(22)))), 'float32'),
  greaterEqual: (m) => {
    const [a, b] = m.pair();
    return g.cast(g.greaterEqual(m.uint(a, 4), m.uint(b, 4)), 'float32');
  },
  hardSigmoid: (m) => g.hardSigmoid(g.cast(m.uint(m.shape(), 9), 'float32'), 0.25, -0.5),
  where: (m) => {
    const [a, b] = m.pair();
    const [c] = m.pair();
    return g.where(
      g.greaterEqual(
        m.uint([1], 4),
        m.uint(
          c.map(() => 1),
          4,
        ),
      ),
      m.float(a),
      m.float(b),
    );
  },
  sum: (m) => {
    const x = m.float(m.shape(1 + m.random.below(3)));
    const axes = x.shape.map((_, i) => i).filter(() => m.random.below(2) === 0);
    return g.sum(x, axes.length > 0 ? axes : [-1], m.random.below(2) === 0);
  },
  softmax: (m) => g.softmax(m.float(m.shape(1 + m.random.below(3)))),
  logSoftmax: (m) => g.logSoftmax(m.float(m.shape(1 + m.random.below(3)))),
  rmsNorm: (m) => {
    const shape = m.shape(1 + m.random.below(3));
    return g.rmsNorm(m.float(shape), m.float([shape.at(-1)!]), 1e-2);
  },
  matmul: (m) => {
    const [leadA, leadB] = m.pair();
    const [a, b, c] = [m.size(), m.size(), m.size()];
    const [transA, transB] = [m.random.below(2) === 0, m.random.below(2) === 0];
    const left = m.float([...leadA, ...(transA ? [b, a] : [a, b])]);
    return g.matmul(left, m.float([...leadB, ...(transB ? [c, b] : [b, c])]), { transA, transB });
  },
  reshape: (m) => {
    const shape = m.shape(3);
    return g.reshape(m.float(shape), [g.dimProduct(shape[0]!, shape[1]!), shape[2]!]);
  },
  expand: (m) => {
    const [a, b] = m.pair();
    return g.expand(
      m.float(a.length < b.length ? a : b.map((d) => (m.random.below(2) ? 1 : d))),
      g.broadcastShapes(a, b),
    );
  },
  transpose: (m) =>
    g.transpose(
      m.float(m.shape(3)),
      [
        [0, 2, 1],
        [2, 0, 1],
        [1, 0, 2],
        [0, 1, 2],
      ][m.random.below(4)]!,
    ),
  concat: (m) => {
    const shape = m.shape(2);
    const axis = m.random.below(2);
    return g.concat([m.float(shape), m.float(shape.with(axis, m.size())), m.float(shape)], axis);
  },
  slice: (m) => {
    const x = m.float(m.shape(2));
    const start = m.random.below(x.shape[1] as number);
    return g.slice(x, 1, start, start + 1 + m.random.below((x.shape[1] as number) - start));
  },
  pad: (m) => g.pad(m.float(m.shape(2)), m.random.below(2), m.random.below(3), m.random.below(3)),
  gather: (m) => {
    const x = m.float(m.shape(3));
    const axis = m.random.below(3);
    return g.gather(x, m.index(m.shape(1 + m.random.below(2)), x.shape[axis] as number), axis);
  },
  scatterAdd: (m) => {
    const [n, size] = [m.size(), m.size()];
    return g.scatterAdd(m.float([n, m.size()]), m.index([n], size), size);
  },
};

function makeCase(op: OpName, seed: number): Case {
  const maker = new Maker(seed);
  return { output: cases[op]!(maker), feeds: maker.feeds };
}

/** A scalar that weights every element of the output differently, so that no part of a gradient can hide. */
function weighted(output: Value): Value {
  const size = output.shape.reduce<number>((a, b) => a * (b as number), 1);
  const weights = g.constant(
    Float32Array.from({ length: size }, (_, i) => 1 + Math.sin(i + 1)),
    output.shape as number[],
  );
  return g.reshape(
    g.sum(
      g.mul(output, weights),
      output.shape.map((_, i) => i),
    ),
    [],
  );
}

function toFeeds(feeds: Map<Value, Array64>): Record<string, TensorData> {
  const out: Record<string, TensorData> = {};
  for (const [value, { data, shape }] of feeds) {
    let array: Data = Float32Array.from(data);
    if (value.dtype === 'int64') array = BigInt64Array.from(data, BigInt);
    if (value.dtype === 'uint32') array = Uint32Array.from(data);
    out[(value as Value<'input'>).attributes.name] = { data: array, shape };
  }
  return out;
}

function expectClose(got: ArrayLike<number>, want: ArrayLike<number>, tolerance: number): void {
  expect(got.length).toBe(want.length);
  const scale = Math.max(1, ...Array.from(want, Math.abs));
  const worst = Math.max(0, ...Array.from(want, (w, i) => Math.abs(w - got[i]!)));
  expect(worst / scale).toBeLessThan(tolerance);
}

const seeds = fc.integer({ min: 0, max: 2 ** 31 });

describe.each(opNames.filter((op) => cases[op] !== null))('op %s', (op) => {
  it('computes on ONNX Runtime what its definition says in float64', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const { output, feeds } = makeCase(op, seed);
        await using session = await g.compile({ output }, { threads: 1 });
        const got = (await session.run(toFeeds(feeds))).output;
        const [want] = evaluate([output], feeds);
        expect(got.shape).toEqual(want!.shape);
        expectClose(got.data, want!.data, 2e-6);
      }),
      { numRuns: 25 },
    );
  });

  it('has the gradient that central differences give in float64, and computes it on ONNX Runtime', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.boolean(), async (seed, gradientCheckpointing) => {
        const made = makeCase(op, seed);
        const { feeds } = made;
        // Between checkpoint boundaries, everything is computed again.
        const output = gradientCheckpointing
          ? g.checkpointBoundary(g.tanh(g.checkpointBoundary(made.output)))
          : made.output;
        const wrt = [...feeds.keys()].filter((v) => v.dtype === 'float32');
        // What a control dependency waits for is made first, and has no gradient.
        const floats = op === 'controlDependency' ? wrt.slice(1) : wrt;
        if (floats.length === 0) return;
        const loss = weighted(output);
        const grads = g.gradients(loss, floats, { gradientCheckpointing });
        const exact = evaluate(grads, feeds);
        const h = 1e-6;
        floats.forEach((x, k) => {
          const fed = feeds.get(x)!;
          const numeric = fed.data.map((value, i) => {
            const shifted = (by: number): number =>
              evaluate([loss], new Map(feeds).set(x, { ...fed, data: fed.data.with(i, value + by) }))[0]!.data[0]!;
            return (shifted(h) - shifted(-h)) / (2 * h);
          });
          expect(grads[k]!.shape).toEqual(x.shape);
          expectClose(exact[k]!.data, numeric, 1e-7);
        });
        await using session = await g.compile(Object.fromEntries(grads.map((v, k) => [`g${k}`, v])), { threads: 1 });
        const got = await session.run(toFeeds(usedBy(grads, feeds)));
        grads.forEach((_, k) => expectClose(got[`g${k}`]!.data, exact[k]!.data, 5e-6));
      }),
      { numRuns: 25 },
    );
  });
});

function usedBy(values: Value[], feeds: Map<Value, Array64>): Map<Value, Array64> {
  const used = new Set(g.valuesBelow(values));
  return new Map([...feeds].filter(([value]) => used.has(value)));
}

describe('shape errors', () => {
  it('name op, expectation and what came, at the line that made the node', () => {
    const a = g.input('a', 'float32', ['T', 3]);
    const b = g.input('b', 'float32', [4, 5]);
    expect(() => g.matmul(a, b)).toThrow(
      /matmul: expected equal inner sizes .* got input float32\[T,3\] and input float32\[4,5\]/,
    );
    expect(() => g.add(a, g.input('c', 'float32', ['U', 3]))).toThrow(/add: expected shapes that broadcast/);
    expect(g.siteOf(a)).toContain('ops.test.ts');
  });
  it('refuses a feed whose size contradicts another', async () => {
    const a = g.input('a', 'float32', ['T', 2]);
    const b = g.input('b', 'float32', ['T', 2]);
    await using session = await g.compile({ sum: g.add(a, b) }, { threads: 1 });
    const feed = (rows: number): TensorData => ({ data: new Float32Array(rows * 2), shape: [rows, 2] });
    await expect(session.run({ a: feed(3), b: feed(4) })).rejects.toThrow(
      /input b: expected \[T,2\] = \[3,2\], got \[4,2\]/,
    );
    await expect(session.run({ a: feed(3) })).rejects.toThrow(/input b: expected/);
  });
});
