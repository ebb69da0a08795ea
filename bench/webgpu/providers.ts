// Which of the runtime's providers work on this machine, and with what words the others refuse.
//   npx tsx bench/webgpu/providers.ts
import type { Provider } from '../../src/core/index.ts';
import { providers } from '../../src/core/index.ts';
import { compile, input, matmul } from '../../src/graph/index.ts';

async function attempt(provider: Provider): Promise<string> {
  const x = input('x', 'float32', ['N', 64]);
  await using session = await compile({ y: matmul(x, x, { transB: true }) }, { provider });
  const { y } = await session.run({ x: { data: new Float32Array(64 * 64).fill(0.5), shape: [64, 64] } });
  return y.data.every((v) => v === 16) ? 'works' : `wrong: ${y.data[0]} instead of 16`;
}

console.log('| provider | |\n|---|---|');
for (const provider of providers) {
  const result = await attempt(provider).catch((error: Error) => error.message.split('\n')[0]!);
  console.log(`| ${provider} | ${result} |`);
}
