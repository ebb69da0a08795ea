// From a path to a model with its card: a run, an adapter on its base, or a model of its own.
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../core/index.ts';
import { readPointer } from '../files/index.ts';
import type { Adapter, Card, Checkpoint } from '../model/index.ts';
import { findModelFolder, openCheckpoint, readAdapter, readAdapterConfig, readCard } from '../model/index.ts';

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
 * @param source - the folder of a run (its best checkpoint), an adapter or a model; or an adapter's or model's name on the hub
 * @param model - the base model's folder or name, where an adapter does not find it at the place that it names
 * @param open - opens a checkpoint by folder or name, or gives one that is open already
 * @throws UserError `bad-checkpoint` when it is none of these or does not fit its base model
 */
export async function openModel(
  source: string,
  model?: string,
  open: (source: string) => Promise<Checkpoint> = openCheckpoint,
): Promise<OpenedModel> {
  const path = await findModelFolder(source);
  const info = await stat(path).catch((cause: unknown) => {
    throw new UserError('bad-checkpoint', `${path}: expected the folder of a run, an adapter or a model, got none`, {
      cause,
    });
  });
  if (!info.isDirectory()) throw new UserError('bad-checkpoint', `${path}: expected a folder, got a file`);
  if (await exists(join(path, 'recipe.yaml'))) {
    const best = await readPointer(join(path, 'checkpoints', 'best'));
    if (best !== null) return openModel(join(path, 'checkpoints', best), model, open);
    throw new UserError('bad-checkpoint', `${path}: expected a run with a checkpoint, got none yet`);
  }
  if (await exists(join(path, 'adapter_config.json'))) return loadAdapter(path, model, open);
  if (await exists(join(path, 'config.json'))) {
    return { folder: path, checkpoint: await open(source), adapter: null, card: await readCard(path) };
  }
  throw new UserError(
    'bad-checkpoint',
    `${path}: expected recipe.yaml (a run), adapter_config.json (an adapter) or config.json (a model), got none of them`,
  );
}

/** An adapter, and its base model: where the caller says, else where the card does, else where adapter_config.json does. */
async function loadAdapter(
  folder: string,
  model: string | undefined,
  open: (source: string) => Promise<Checkpoint>,
): Promise<OpenedModel> {
  const card = await readCard(folder);
  const base = model ?? card?.baseModel ?? (await readAdapterConfig(folder)).baseModel;
  const hint = 'Say where it is: --model FOLDER, or the option model.';
  if (base === null) {
    throw new UserError('bad-checkpoint', `${folder}: expected its base model, got an adapter that names none`, {
      hint,
    });
  }
  if (!(await exists(join(await findModelFolder(base), 'config.json')))) {
    throw new UserError('bad-checkpoint', `${folder}: expected its base model, got none at ${base}`, { hint });
  }
  const checkpoint = await open(base);
  return { folder, checkpoint, adapter: await readAdapter(folder, checkpoint), card };
}
