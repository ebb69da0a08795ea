// Vision features kept by content: the tower runs once for a clip, however often the clip is used.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readSafetensorsHeader, readTensor, removeLeftovers, writeSafetensors } from '../files/index.ts';

/** Keeps features. */
export interface FeatureCache {
  /**
   * The features of a key, computed at the first call.
   * @param key - a file name that says which pixels they are of
   * @param compute - runs the tower
   */
  get: (key: string, compute: () => Promise<Float32Array>) => Promise<Float32Array>;
}

/** A cache in memory, without a limit. */
export function memoryFeatureCache(): FeatureCache {
  const held = new Map<string, Promise<Float32Array>>();
  return {
    get: async (key, compute) => {
      const known = held.get(key);
      if (known !== undefined) return known;
      const features = compute();
      held.set(key, features);
      features.catch(() => held.delete(key));
      return features;
    },
  };
}

/**
 * A cache in a folder, one safetensors file a key; found again by a later run.
 * @param folder - made when missing; holds the features of one model only
 */
export function folderFeatureCache(folder: string): FeatureCache {
  const running = new Map<string, Promise<Float32Array>>();
  let opened: Promise<unknown> | undefined;
  const load = async (key: string, compute: () => Promise<Float32Array>): Promise<Float32Array> => {
    await (opened ??= removeLeftovers(folder));
    const file = join(folder, `${key}.safetensors`);
    try {
      return await readTensor(await readSafetensorsHeader(file), 'features');
    } catch (error) {
      const { cause } = error as { cause?: NodeJS.ErrnoException };
      if (cause?.code !== 'ENOENT') throw error;
    }
    const features = await compute();
    await mkdir(folder, { recursive: true });
    await writeSafetensors(file, new Map([['features', { data: features, shape: [features.length] }]]));
    return features;
  };
  return {
    get: async (key, compute) => {
      const known = running.get(key);
      if (known !== undefined) return known;
      const features = load(key, compute);
      running.set(key, features);
      const done = (): boolean => running.delete(key);
      features.then(done, done);
      return features;
    },
  };
}
