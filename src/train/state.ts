// Checkpoints of a run: what trains, the optimizer and the place in the run, written whole or not at all.
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, show } from '../core/index.ts';
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
import type { StateTensor } from '../engine/index.ts';

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
  evaluationsSinceBest: number;
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
 * @param write - writes what trains and its optimizer into a folder that is empty
 * @param keep - number of latest checkpoints to keep in addition to the best one
 */
export async function saveState(
  out: string,
  position: RunPosition,
  write: (folder: string) => Promise<void>,
  keep: number,
): Promise<void> {
  const path = checkpointFolder(out, position.step);
  // Not with the folders above it: where the run's own is gone, none is to be made in its place.
  await mkdir(join(out, 'checkpoints')).catch((error: unknown) => {
    if (!isCode(error, 'EEXIST')) throw error;
  });
  await writeFolderAtomic(
    path,
    async (folder) => {
      await write(folder);
      await writeFileAtomic(join(folder, STATE_FILE), `${JSON.stringify({ format: 1, ...position }, null, 2)}\n`);
    },
    { parents: false },
  );
  await prune(out, position, keep);
}

const STATE_FILE = 'state.json';
const OPTIMIZER_FILE = 'optimizer.safetensors';

/**
 * Writes the moments of an optimizer, one at a time.
 * @param folder - of the checkpoint
 * @param moments - `m.NAME` and `v.NAME`
 */
export async function writeOptimizer(folder: string, moments: readonly StateTensor[]): Promise<void> {
  const tensors = moments.map(({ name, shape, read }) => [name, { data: read, shape }] as const);
  await writeSafetensors(join(folder, OPTIMIZER_FILE), new Map(tensors));
}

/**
 * Reads the moments of an optimizer, one at a time.
 * @param folder - of the checkpoint
 * @param expected - names and shapes
 * @throws UserError `bad-checkpoint` when it is not of these parameters
 */
export async function* readOptimizer(
  folder: string,
  expected: readonly Pick<StateTensor, 'name' | 'shape'>[],
): AsyncGenerator<readonly [string, Float32Array], void> {
  const header = await readSafetensorsHeader(join(folder, OPTIMIZER_FILE));
  for (const { name, shape } of expected) {
    const got = header.tensors.get(name)?.shape;
    if (got?.join() !== shape.join()) {
      const text = `${name} of shape ${show(shape)}, got ${show(got ?? null)}`;
      throw new UserError('bad-checkpoint', `${header.file}: expected ${text}`);
    }
    yield [name, await readTensor(header, name)];
  }
}

/**
 * Makes pointer and folders agree with a place in a run; also mends what a kill left between two of these steps.
 * @param out - the run folder
 * @param position - the place in the run
 * @param keep - number of latest checkpoints to keep in addition to the best one
 */
export async function prune(out: string, position: RunPosition, keep: number): Promise<void> {
  const folder = join(out, 'checkpoints');
  const best = position.best?.step ?? position.step;
  await pointTo(join(folder, 'best'), `step-${best}`);
  const steps = await checkpointSteps(out);
  const latest = steps.filter((step) => step <= position.step).slice(-keep);
  for (const step of steps)
    if (step !== best && !latest.includes(step)) await removeFolderAtomic(checkpointFolder(out, step));
  await removeLeftovers(folder);
}

/** A checkpoint that was found. */
export interface SavedState {
  /** The place in the run. */
  position: RunPosition;
  /** Its folder, which holds adapter or model, and the optimizer. */
  folder: string;
}

/**
 * Finds the latest checkpoint of a run.
 * @param out - the run folder
 * @returns the checkpoint; null when there is none
 * @throws UserError `bad-checkpoint` when its state is not that of its step
 */
export async function findLatestState(out: string): Promise<SavedState | null> {
  const step = (await checkpointSteps(out)).at(-1);
  if (step === undefined) return null;
  const folder = checkpointFolder(out, step);
  const stateFile = join(folder, STATE_FILE);
  const state = (await readJson(stateFile, 'bad-checkpoint')) as StoredPosition | undefined;
  if (state?.format !== 1 || state.step !== step) {
    throw new UserError('bad-checkpoint', `${stateFile}: expected the state of step ${step}, got ${show(state)}`);
  }
  const { best, evaluationsSinceBest = state.stale ?? 0, ended, gentle } = state;
  return { position: { step, best, evaluationsSinceBest, ended, ...(gentle !== undefined && { gentle }) }, folder };
}

/** A place as it is stored. Until version 0.1.0 `evaluationsSinceBest` was called `stale`. */
type StoredPosition = Omit<RunPosition, 'evaluationsSinceBest'> & {
  format: number;
  evaluationsSinceBest?: number;
  stale?: number;
};
