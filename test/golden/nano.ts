// The first updates of pretraining nano: both stages, from random weights, on the photographs of the development dependencies.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonLines } from '../../src/files/index.ts';
import { hashTensors, here } from './measure.ts';

/** Updates of each stage. */
const STEPS = 25;

/** What a stage came to. */
export interface StageGolden {
  /** Loss and gradient norm of each update. */
  steps: [number, number][];
  /** Hashes of the tensors of each file of the last checkpoint. */
  tensors: Record<string, string>;
}

/** Pretrains in a process of its own, as its command does. */
export async function makeNano(out: string): Promise<Record<string, StageGolden>> {
  const script = here('../../nano/pretrain.ts');
  const flags = { 'tower-steps': STEPS, steps: STEPS, 'save-every': STEPS, seed: 0, out };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], {
    cwd: here('../..'),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)));
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${said}`);
  return { cells: await stageOf(join(out, 'cells')), questions: await stageOf(out) };
}

async function stageOf(folder: string): Promise<StageGolden> {
  const lines = (await readJsonLines(join(folder, 'events.jsonl'))) as { loss?: number; gradientNorm?: number }[];
  const last = join(folder, 'checkpoints', `step-${STEPS}`);
  const files = (await readdir(last)).filter((name) => name.endsWith('.safetensors')).sort();
  return {
    steps: lines.flatMap(({ loss, gradientNorm }): [number, number][] =>
      loss === undefined || gradientNorm === undefined ? [] : [[loss, gradientNorm]],
    ),
    tensors: Object.fromEntries(
      await Promise.all(files.map(async (file) => [file, await hashTensors(join(last, file))] as const)),
    ),
  };
}
