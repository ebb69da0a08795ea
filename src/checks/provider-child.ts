// The main module of a process that tries a provider: drivers write to stderr as they like, and some end the process.
import type { Provider } from '../core/index.ts';
import { compile, constant, input, matmul } from '../graph/index.ts';

/** Multiplies two small matrices on the provider. Answers with the product, or with why there is none. */
async function product(provider: Provider): Promise<number[] | string> {
  try {
    const x = input('x', 'float32', ['N', 2]);
    await using session = await compile({ y: matmul(x, constant(Float32Array.of(1, 2, 3, 4), [2, 2])) }, { provider });
    const { y } = await session.run({ x: { data: Float32Array.of(1, 1), shape: [1, 2] } });
    return [...y.data].map(Number);
  } catch (error) {
    return (error as Error).message.split('\n')[0]!.slice(0, 120);
  }
}

process.on('disconnect', () => process.exit());
process.once('message', (provider: Provider) => {
  void product(provider).then((reply) => process.send!(reply, () => process.disconnect()));
});
