// GPUs of a study on PyTorch: each run at a time has its own.
import { inspectTorch } from '../../engine/index.ts';
import type { StudyRun } from './plan.ts';

/**
 * The GPUs of this machine, divided among runs that go on at the same time: `runtime.devices` for each, or one where it is `auto`.
 * @param runs - all that are to be done
 * @param environment - variables of the process
 * @returns for each run at a time its `CUDA_VISIBLE_DEVICES`; null where no run is on PyTorch, or there is no GPU
 */
export async function shareGpus(
  runs: readonly StudyRun[],
  environment: NodeJS.ProcessEnv = process.env,
): Promise<string[] | null> {
  const onTorch = runs.map(({ resolved }) => resolved.recipe.runtime).filter(({ engine }) => engine === 'torch');
  if (onTorch.length === 0) return null;
  const { devices } = await inspectTorch(undefined);
  if (devices?.device !== 'cuda') return null;
  return cutGpus(
    devices.names.length,
    Math.max(...onTorch.map(({ devices: wanted }) => (wanted === 'auto' ? 1 : wanted))),
    environment['CUDA_VISIBLE_DEVICES'],
  );
}

/**
 * Cuts GPUs into equal parts.
 * @param count - how many there are
 * @param each - how many a part has
 * @param visible - names of those that there are, joined by commas; undefined: 0, 1 and so on
 * @returns the names of each part, joined by commas; one part of all where there are fewer than `each`
 */
export function cutGpus(count: number, each: number, visible: string | undefined): string[] {
  const names = visible === undefined ? Array.from({ length: count }, (_, i) => `${i}`) : visible.split(',');
  const parts = Math.max(1, Math.floor(count / each));
  return Array.from({ length: parts }, (_, i) =>
    (parts === 1 ? names : names.slice(i * each, (i + 1) * each)).join(','),
  );
}
