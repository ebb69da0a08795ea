// What the runtime does at best on this machine: a 1024×4096×4096 product of float32, its right side constant and laid out beforehand.
import type { RunOptions } from '../src/graph/index.ts';
import { compile, constant, input, matmul } from '../src/graph/index.ts';

const [M, K, N] = [1024, 4096, 4096];
/** Operations of the product. */
export const limitFlops: number = 2 * M * K * N;
/** Runs the product; gives the least seconds of five. */
export type Limit = () => Promise<number>;

/** Compiles the product. */
export async function openLimit(run: RunOptions): Promise<Limit> {
  const y = matmul(input('x', 'float32', [M, K]), constant(new Float32Array(K * N).fill(0.01), [K, N]));
  const session = await compile({ y }, { ...run, prepack: true });
  const feeds = { x: { data: new Float32Array(M * K).fill(0.5), shape: [M, K] } };
  const into = new Map([['y', new Float32Array(M * N)]]);
  return async () => {
    let least = Infinity;
    for (let i = 0; i < 5; i++) {
      const started = performance.now();
      await session.run(feeds, into);
      least = Math.min(least, (performance.now() - started) / 1000);
    }
    return least;
  };
}
