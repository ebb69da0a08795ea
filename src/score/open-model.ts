// From a path to a model with its card: a run, an adapter on its base, or a model of its own.
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../core/index.ts';
import { readPointer } from '../files/index.ts';
import type { Adapter, Card, Checkpoint } from '../model/index.ts';
import { openCheckpoint, readAdapter, readAdapterConfig, readCard } from '../model/index.ts';

/** What a path holds. */
export interface OpenedModel {
  /** The folder of the adapter or model itself: a run's best checkpoint. */
  folder: string;
  /** The model, or the adapter's base. */
  checkpoint: Checkpoint;
  /** The adapter; null for a model of its own. */
  adapter: Adapter | null;
  /** How it is to be asked; null where iovqa did not write it. */
  card: Card | null;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/**
 * Opens a model to ask.
 * @param path - the folder of a run (its best checkpoint), an adapter or a model
 * @param model - the base model's folder, where an adapter does not find it at the place that it names
 * @throws UserError `bad-checkpoint` when it is none of these or does not fit its base model
 */
export async function openModel(path: string, model?: string): Promise<OpenedModel> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new UserError('bad-checkpoint', `${path}: expected the folder of a run, an adapter or a model, got none`, {
      cause,
    });
  });
  if (!info.isDirectory()) throw new UserError('bad-checkpoint', `${path}: expected a folder, got a file`);
  if (await exists(join(path, 'recipe.yaml'))) {
    const best = await readPointer(join(path, 'checkpoints', 'best'));
    if (best !== null) return openModel(join(path, 'checkpoints', best), model);
    throw new UserError('bad-checkpoint', `${path}: expected a run with a checkpoint, got none yet`);
  }
  if (await exists(join(path, 'adapter_config.json'))) return loadAdapter(path, model);
  if (await exists(join(path, 'config.json'))) {
    return { folder: path, checkpoint: await openCheckpoint(path), adapter: null, card: await readCard(path) };
  }
  throw new UserError(
    'bad-checkpoint',
    `${path}: expected recipe.yaml (a run), adapter_config.json (an adapter) or config.json (a model), got none of them`,
  );
}

/** An adapter, and its base model: where the caller says, else where the card does, else where adapter_config.json does. */
async function loadAdapter(folder: string, model: string | undefined): Promise<OpenedModel> {
  const card = await readCard(folder);
  const base = model ?? card?.baseModel ?? (await readAdapterConfig(folder)).baseModel;
  if (base === null || !(await exists(join(base, 'config.json')))) {
    const got = base === null ? 'an adapter that names none' : `none at ${base}`;
    throw new UserError('bad-checkpoint', `${folder}: expected its base model, got ${got}`, {
      hint: 'Say where it is: --model FOLDER, or the option model.',
    });
  }
  const checkpoint = await openCheckpoint(base);
  return { folder, checkpoint, adapter: await readAdapter(folder, checkpoint), card };
}
