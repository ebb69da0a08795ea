// Checkpoints of a run: what trains, the optimizer and the place in the run, written whole or not at all.
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, invariant, show } from '../core/index.ts';
import {
  isCode,
  pointTo,
  readJson,
  readSafetensorsHeader,
  readTensor,
  removeFolderAtomic,
  removeLeftovers,
  writeFileAtomic,
  writeFolderAtomic,
  writeSafetensors,
} from '../files/index.ts';
import type { AdamWState } from './adamw.ts';

/** The best evaluation so far. */
export interface BestEvaluation {
  /** Updates done when it was made. */
  step: number;
  /** Its score in the recipe's metric. */
  score: number;
}

/** The place in a run, besides numbers that train. */
export interface RunPosition {
  /** Updates done. */
  step: number;
  /** Step and score of the best evaluation; null before the first that is defined. */
  best: BestEvaluation | null;
  /** Evaluations since the best one. */
  stale: number;
  /** Whether the run ended with this step. */
  ended: boolean;
  /** Whether it trains at `optimizer.gentleLearningRate`; left out without one. */
  gentle?: boolean;
}

const stepFolder = /^step-(\d+)$/;

/**
 * Where a run's checkpoints lie.
 * @param out - the run folder
 * @param step - updates done
 */
export function checkpointFolder(out: string, step: number): string {
  return join(out, 'checkpoints', `step-${step}`);
}

/**
 * The steps that a run has checkpoints of, rising.
 * @param out - the run folder
 */
export async function checkpointSteps(out: string): Promise<number[]> {
  const names = await readdir(join(out, 'checkpoints')).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names
    .flatMap((name) => stepFolder.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/**
 * Writes a checkpoint, points `checkpoints/best` to the best one and removes what is neither best nor among the latest.
 * @param out - the run folder
 * @param position - the place in the run
 * @param optimizer - moments
 * @param shapes - shapes of what trains, by name
 * @param writeModel - writes adapter or model into a folder that is empty
 * @param keep - latest checkpoints that stay besides the best
 */
export async function saveState(
  out: string,
  position: RunPosition,
  optimizer: AdamWState,
  shapes: ReadonlyMap<string, readonly number[]>,
  writeModel: (folder: string) => Promise<void>,
  keep: number,
): Promise<void> {
  invariant(position.step === optimizer.step, `step ${position.step} with an optimizer at ${optimizer.step}`);
  const path = checkpointFolder(out, position.step);
  // Not with the folders above it: where the run's own is gone, none is to be made in its place.
  await mkdir(join(out, 'checkpoints')).catch((error: unknown) => {
    if (!isCode(error, 'EEXIST')) throw error;
  });
  await writeFolderAtomic(
    path,
    async (folder) => {
      await writeModel(folder);
      const moments = [...shapes].flatMap(([name, shape]) => [
        [`m.${name}`, { data: optimizer.m.get(name)!, shape }] as const,
        [`v.${name}`, { data: optimizer.v.get(name)!, shape }] as const,
      ]);
      await writeSafetensors(join(folder, 'optimizer.safetensors'), new Map(moments));
      await writeFileAtomic(join(folder, 'state.json'), `${JSON.stringify({ format: 1, ...position }, null, 2)}\n`);
    },
    { parents: false },
  );
  await settle(out, position, keep);
}

/**
 * Makes pointer and folders agree with a place in a run; also mends what a kill left between two of these steps.
 * @param out - the run folder
 * @param position - the place in the run
 * @param keep - latest checkpoints that stay besides the best
 */
export async function settle(out: string, position: RunPosition, keep: number): Promise<void> {
  const folder = join(out, 'checkpoints');
  const best = position.best?.step ?? position.step;
  await pointTo(join(folder, 'best'), `step-${best}`);
  const steps = await checkpointSteps(out);
  const latest = steps.filter((step) => step <= position.step).slice(-keep);
  for (const step of steps)
    if (step !== best && !latest.includes(step)) await removeFolderAtomic(checkpointFolder(out, step));
  await removeLeftovers(folder);
}

/** A checkpoint that was read. */
export interface SavedState {
  /** The place in the run. */
  position: RunPosition;
  /** Moments. */
  optimizer: AdamWState;
  /** Its folder, which holds adapter or model. */
  folder: string;
}

/**
 * Reads the latest checkpoint of a run.
 * @param out - the run folder
 * @param shapes - shapes of what trains, by name
 * @returns the checkpoint; null when there is none
 * @throws UserError `bad-checkpoint` when it is not of these parameters
 */
export async function loadLatestState(
  out: string,
  shapes: ReadonlyMap<string, readonly number[]>,
): Promise<SavedState | null> {
  const step = (await checkpointSteps(out)).at(-1);
  if (step === undefined) return null;
  const folder = checkpointFolder(out, step);
  const stateFile = join(folder, 'state.json');
  const state = (await readJson(stateFile, 'bad-checkpoint')) as (RunPosition & { format: number }) | undefined;
  if (state?.format !== 1 || state.step !== step) {
    throw new UserError('bad-checkpoint', `${stateFile}: expected the state of step ${step}, got ${show(state)}`);
  }
  const header = await readSafetensorsHeader(join(folder, 'optimizer.safetensors'));
  const optimizer: AdamWState = { step, m: new Map(), v: new Map() };
  for (const [name, shape] of shapes) {
    for (const [key, moments] of [['m', optimizer.m] as const, ['v', optimizer.v] as const]) {
      const got = header.tensors.get(`${key}.${name}`)?.shape;
      if (got?.join() !== shape.join()) {
        const text = `${key}.${name} of shape ${show(shape)}, got ${show(got ?? null)}`;
        throw new UserError('bad-checkpoint', `${header.file}: expected ${text}`);
      }
      moments.set(name, await readTensor(header, `${key}.${name}`));
    }
  }
  const { format: _format, ...position } = state;
  return { position, optimizer, folder };
}
