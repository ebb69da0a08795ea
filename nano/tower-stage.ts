// What trains in the first stage of pretraining, the tower and a head on it, and the checkpoints of both.
import { join } from 'node:path';
import { invariant } from '../src/core/index.ts';
import { readSafetensorsHeader, readTensor, writeSafetensors } from '../src/files/index.ts';
import type { Checkpoint } from '../src/model/index.ts';
import { openCheckpoint, writeCheckpoint } from '../src/model/index.ts';
import { towerOf } from './family.ts';
import { firstFilters } from './first-filters.ts';
import type { Shapes } from './shared-numbers.ts';
import { headShapes } from './tower.ts';

/** The file of the head, beside the model. */
const HEAD = 'cells.safetensors';

type Values = ReadonlyMap<string, Float32Array>;

/** What trains, and its checkpoints. */
export interface TowerStage {
  /** Names and shapes: of the tower as in the model, and of the head. */
  shapes: Shapes;
  /** Values to begin with: the model's, first filters by formula, a head of zeros. */
  first: (model: Values) => Map<string, Float32Array>;
  /** Writes a model with this tower, whose other weights are `model`'s, and the head. */
  write: (folder: string, model: Values, trained: Values) => Promise<void>;
  /** Reads tower and head. */
  read: (folder: string) => Promise<Map<string, Float32Array>>;
}

/** The stage of a model. */
export function openTowerStage(checkpoint: Checkpoint): TowerStage {
  const { processor, stored } = checkpoint;
  const vision = towerOf(checkpoint);
  const names = checkpoint.names.filter((name) => name.startsWith('visual.'));
  const head = headShapes(vision);
  return {
    shapes: new Map([...names.map((name) => [name, stored(name).shape] as const), ...head]),
    first: (model) => {
      const values = new Map(names.map((name) => [name, model.get(name)!]));
      values.set('visual.patch_embed.proj.weight', firstFilters(vision, processor.std));
      for (const [name, shape] of head) values.set(name, new Float32Array(shape.reduce((a, b) => a * b, 1)));
      return values;
    },
    write: async (folder, model, trained) => {
      const whole = new Map([...model].map(([name, values]) => [name, trained.get(name) ?? values]));
      await writeCheckpoint(folder, checkpoint, whole);
      const tensors = new Map([...head].map(([name, shape]) => [name, { data: trained.get(name)!, shape }]));
      await writeSafetensors(join(folder, HEAD), tensors);
    },
    read: async (folder) => {
      const from = await openCheckpoint(folder);
      const values = new Map<string, Float32Array>();
      for (const name of names) values.set(name, await from.read(name));
      const file = join(folder, HEAD);
      const header = await readSafetensorsHeader(file);
      for (const [name, shape] of head) {
        const got = header.tensors.get(name)?.shape;
        invariant(
          got?.join() === shape.join(),
          `${file}: expected ${name} of ${shape.join('×')}, got ${got?.join('×')}`,
        );
        values.set(name, await readTensor(header, name));
      }
      return values;
    },
  };
}
