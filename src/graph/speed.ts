// How fast this machine runs graphs: a few short measurements, from which the time of a graph follows by its costs.
import type { GraphCost } from './cost.ts';
import { bitXor, cast, constant, input, matmul, mul, scalar, shiftRight, sum } from './ops.ts';
import type { RunOptions } from './session.ts';
import { compile } from './session.ts';

/** Speeds of a machine. */
export interface MachineSpeed {
  /** Floating point operations a second of matrix products. */
  flops: number;
  /** Bytes a second that element-wise ops write. */
  writtenBytes: number;
  /** Bytes a second at which fresh memory is first written; virtual machines can be slow at that. */
  freshBytes: number;
}

/** Seconds of a call, the least of five after one to warm up: what else runs at that moment says nothing about a run of hours. */
async function seconds(call: () => Promise<unknown>): Promise<number> {
  await call();
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    const started = performance.now();
    await call();
    times.push((performance.now() - started) / 1000);
  }
  return Math.min(...times);
}

/** What was measured in this process, by provider and threads. */
const measured = new Map<string, Promise<MachineSpeed>>();

/**
 * Measures the machine, in about two seconds: a product of the size of a decoder's, ops like those of the dropout, fresh memory. A
 * process does so once for each provider and number of threads.
 * @param run - provider and threads
 */
export async function measureSpeed(run: RunOptions = {}): Promise<MachineSpeed> {
  const key = `${run.provider} ${run.threads}`;
  const known = measured.get(key) ?? measure(run);
  measured.set(key, known);
  return known.catch((error: unknown) => {
    measured.delete(key);
    throw error;
  });
}

async function measure(run: RunOptions): Promise<MachineSpeed> {
  const [M, K, N] = [384, 2048, 4096];
  const product = matmul(input('x', 'float32', [M, K]), input('w', 'float32', [N, K]), { transB: true });
  await using products = await compile({ y: sum(product, [0]) }, run);
  const feeds = {
    x: { data: new Float32Array(M * K).fill(0.5), shape: [M, K] },
    w: { data: new Float32Array(N * K).fill(0.5), shape: [N, K] },
  };
  const flops = (2 * M * K * N) / (await seconds(() => products.run(feeds)));

  const size = 1 << 22;
  const bits = input('bits', 'uint32', [size]);
  const mixed = bitXor(bits, shiftRight(bits, constant(Uint32Array.of(16), [1])));
  const written = mul(mul(cast(mixed, 'float32'), scalar(0.5)), cast(bits, 'float32'));
  await using elements = await compile({ y: sum(written, [0]) }, run);
  const fed = { bits: { data: new Uint32Array(size).fill(12_345), shape: [size] } };
  const writtenBytes = (6 * 4 * size) / (await seconds(() => elements.run(fed)));

  const started = performance.now();
  const bytes = 1 << 27;
  Buffer.allocUnsafeSlow(bytes).fill(1);
  return { flops, writtenBytes, freshBytes: bytes / ((performance.now() - started) / 1000) };
}

/**
 * Seconds that one run of a graph takes, once its memory is there.
 * @param cost - what it costs
 * @param speed - of the machine
 */
export function runSeconds(cost: GraphCost, speed: MachineSpeed): number {
  return cost.flops / speed.flops + cost.writtenBytes / speed.writtenBytes;
}
