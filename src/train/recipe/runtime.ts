// The machine's part of a recipe as an engine takes it.
import type { RuntimeOptions } from '../../engine/index.ts';
import type { Recipe } from './types.ts';

/**
 * How an engine is to use the machine.
 * @param runtime - of a recipe
 */
export function engineRuntime({
  engine,
  provider,
  threads,
  prepack,
  devices,
  shard,
  precision,
}: Recipe['runtime']): RuntimeOptions {
  if (engine === 'onnx') return { provider, threads, prepack };
  return { engine, threads, devices, shard, precision };
}
