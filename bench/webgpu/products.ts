// How fast a provider multiplies: the sizes of the 304 million model's layers, in each of the forms that a step uses.
//   npx tsx bench/webgpu/products.ts webgpu
import type { Provider } from '../../src/core/index.ts';
import type { Value } from '../../src/graph/index.ts';
import { compile, constant, input, controlDependency, matmul, sum } from '../../src/graph/index.ts';

const [provider = 'webgpu'] = process.argv.slice(2);
const cases = [
  { name: 'x W', sizes: [1024, 4096, 4096], flags: {} },
  { name: 'x Wᵀ', sizes: [1024, 4096, 4096], flags: { transB: true } },
  { name: 'x W', sizes: [382, 896, 4864], flags: {} },
  { name: 'x Wᵀ', sizes: [382, 896, 4864], flags: { transB: true } },
  { name: 'xᵀ g', sizes: [896, 382, 4864], flags: { transA: true } },
  { name: 'x Aᵀ', sizes: [382, 896, 32], flags: { transB: true } },
  { name: 'dᵀ x', sizes: [32, 382, 896], flags: { transA: true } },
];
console.log('| product | sizes | ms | GFLOP/s |\n|---|---|---|---|');
for (const { name, sizes, flags } of cases) {
  const [M, K, N] = sizes as [number, number, number];
  const { transA = false, transB = false } = flags as { transA?: boolean; transB?: boolean };
  const w = constant(
    new Float32Array(K * N).map((_, i) => Math.sin(i)),
    transB ? [N, K] : [K, N],
  );
  const x = input('x', 'float32', transA ? [K, M] : [M, K]);
  const REPEATS = 50;
  // Each product waits for the one before, so that none is taken for another; of each only a sum is read back.
  const graph = (repeats: number): Value => {
    let from: Value = x;
    let y: Value = x;
    for (let i = 0; i < repeats; i++) {
      y = matmul(from, w, flags);
      from = controlDependency(x, y);
    }
    return sum(y, [0, 1], true);
  };
  const secondsOf = async (repeats: number): Promise<number> => {
    await using session = await compile({ y: graph(repeats) }, { provider: provider as Provider });
    const feeds = { x: { data: new Float32Array(M * K).map((_, i) => Math.cos(i)), shape: x.shape as number[] } };
    let least = Infinity;
    for (let i = 0; i < 4; i++) {
      const started = performance.now();
      await session.run(feeds);
      least = Math.min(least, (performance.now() - started) / 1000);
    }
    return least;
  };
  const seconds = ((await secondsOf(REPEATS + 1)) - (await secondsOf(1))) / REPEATS;
  console.log(
    `| ${name} | ${M}×${K}×${N} | ${(seconds * 1000).toFixed(3)} | ${((2 * M * K * N) / seconds / 1e9).toFixed(0)} |`,
  );
}
