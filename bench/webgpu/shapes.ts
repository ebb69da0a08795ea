// Products on a provider against the CPU, in all sizes that could be special: multiples of 4 and of tiles, and others.
//   npx tsx bench/webgpu/shapes.ts webgpu
import { randomStream } from '../../src/core/index.ts';
import type { Provider } from '../../src/core/index.ts';
import { add, compile, input, matmul } from '../../src/graph/index.ts';
import { relative } from './common.ts';

const [provider = 'webgpu'] = process.argv.slice(2);
const sizes: [number, number, number][] = [
  [640, 320, 1708],
  [1708, 320, 640],
  [320, 1708, 640],
  [320, 640, 1708],
  [640, 1280, 1708],
  [640, 16384, 192],
  [32, 382, 896],
  [30, 50, 70],
  [64, 64, 12],
  [128, 100, 44],
];
const random = randomStream(7);
const fill = (length: number): Float32Array => Float32Array.from({ length }, () => random.normal());
console.log('| M×K×N | a b | aᵀ b | a bᵀ | aᵀ bᵀ | a bᵀ + c |\n|---|---|---|---|---|---|');
for (const [M, K, N] of sizes) {
  const [a, b, c] = [fill(M * K), fill(K * N), fill(M * N)];
  const off: string[] = [];
  for (const [transA, transB, plus] of [
    [false, false, false],
    [true, false, false],
    [false, true, false],
    [true, true, false],
    [false, true, true],
  ] as const) {
    const [shapeA, shapeB] = [transA ? [K, M] : [M, K], transB ? [N, K] : [K, N]];
    const results: Float32Array[] = [];
    for (const place of ['cpu', provider as Provider] as const) {
      const product = matmul(input('a', 'float32', shapeA), input('b', 'float32', shapeB), { transA, transB });
      const y = plus ? add(product, input('c', 'float32', [M, N])) : product;
      const session = await compile({ y }, { provider: place });
      const feeds = { a: { data: a, shape: shapeA }, b: { data: b, shape: shapeB } };
      const given = plus ? { ...feeds, c: { data: c, shape: [M, N] } } : feeds;
      results.push((await session.run(given)).y.data);
      await session[Symbol.asyncDispose]();
    }
    const [want, got] = results as [Float32Array, Float32Array];
    const wrong = want.reduce((count, v, i) => count + (Math.abs(got[i]! - v) > 1e-3 * Math.sqrt(K) ? 1 : 0), 0);
    off.push(`${relative(got, want).toExponential(1)}${wrong > 0 ? ` (${wrong} wrong)` : ''}`);
  }
  console.log(`| ${M}×${K}×${N} | ${off.join(' | ')} |`);
}
