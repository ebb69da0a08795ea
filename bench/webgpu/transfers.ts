// What it costs to bring numbers to a provider's memory and back, in one tensor and in many.
//   npx tsx bench/webgpu/transfers.ts webgpu
import type { Provider } from '../../src/core/index.ts';
import type { TensorData, Value } from '../../src/graph/index.ts';
import { add, compile, expand, input, sum } from '../../src/graph/index.ts';

const [provider = 'webgpu'] = process.argv.slice(2);
async function secondsOf(outputs: Record<string, Value>, feeds: Record<string, TensorData>): Promise<number> {
  await using session = await compile(outputs, { provider: provider as Provider });
  const sizeOf = (shape: readonly unknown[]): number => shape.reduce<number>((a, b) => a * (b as number), 1);
  const into = new Map(Object.entries(outputs).map(([name, { shape }]) => [name, new Float32Array(sizeOf(shape))]));
  const times: number[] = [];
  for (let i = 0; i < 8; i++) {
    const started = performance.now();
    await session.run(feeds, into);
    times.push((performance.now() - started) / 1000);
  }
  return Math.min(...times);
}

console.log('| direction | tensors | MB | ms |\n|---|---|---|---|');
for (const [count, size] of [
  [1, 1],
  [128, 1],
  [1, 5_300_000],
  [128, 41_400],
  [1, 19_300_000],
] as const) {
  const names = Array.from({ length: count }, (_, i) => `x${i}`);
  const one = { data: Float32Array.of(1), shape: [1] };
  const inputs = names.map((name) => input(name, 'float32', [size]));
  const feeds = Object.fromEntries(
    names.map((name) => [name, { data: new Float32Array(size).fill(1), shape: [size] }]),
  );
  const all = inputs.map((x) => sum(x, [0])).reduce((a, b) => add(a, b));
  const up = await secondsOf({ all }, feeds);
  const seed = input('seed', 'float32', [1]);
  const down = await secondsOf(Object.fromEntries(names.map((name) => [name, expand(seed, [size])])), { seed: one });
  const line = (way: string, seconds: number): void =>
    console.log(`| ${way} | ${count} | ${((count * size * 4) / 1e6).toFixed(1)} | ${(seconds * 1000).toFixed(2)} |`);
  line('to it', up);
  line('back', down);
}
