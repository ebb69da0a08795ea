// What a frozen part of a model makes of an input, kept by all that it depends on: computed once, whoever asks for it.
import { invariant } from '../../core/index.ts';
import type { FeatureArray } from '../features.ts';
import type { CacheStore } from './store.ts';
import { cacheKey } from './store.ts';

/** What a frozen part of a model makes of an input. */
export interface Features {
  /** The numbers. */
  values: FeatureArray;
  /** Whether they were kept from before. */
  cached: boolean;
}

/** Numbers that a frozen part of a model computes, by what it computes them from. */
export interface FeatureCache {
  /**
   * What is kept.
   * @param input - says what goes in
   * @returns null when it is not kept
   */
  find: (input: string) => Promise<FeatureArray | null>;
  /**
   * What is kept, or else computed now and kept. Calls for one input at a time share one computation.
   * @param input - says what goes in
   * @param compute - runs that part of the model
   */
  get: (input: string, compute: () => Promise<FeatureArray>) => Promise<Features>;
}

/** The part of a model that computes. */
export interface FrozenPart {
  /** What it is, such as `vision`. */
  what: string;
  /** Element type of its numbers; default float32. */
  dtype?: 'f32' | 'bf16';
  /** Names its weights, sizes and the way it is run: all that its numbers depend on besides the input. Asked for once. */
  key: () => Promise<string>;
  /** Whether the weights on disk are still those of the key. */
  isCurrent: () => Promise<boolean>;
}

/**
 * Makes a cache.
 * @param store - where numbers are kept; null: they are computed whenever they are asked for
 * @param part - what computes them
 */
export function createFeatureCache(store: CacheStore | null, part: FrozenPart): FeatureCache {
  const running = new Map<string, Promise<Features>>();
  let partKey: Promise<string> | undefined;
  const { dtype = 'f32' } = part;
  const keyOf = async (input: string): Promise<string> => cacheKey(part.what, [await (partKey ??= part.key()), input]);

  const find = async (input: string): Promise<FeatureArray | null> => {
    if (store === null) return null;
    const bytes = await store.read(await keyOf(input), dtype);
    if (bytes === null) return null;
    const { buffer, byteOffset, byteLength } = bytes;
    return dtype === 'f32'
      ? new Float32Array(buffer, byteOffset, byteLength / 4)
      : new Uint16Array(buffer, byteOffset, byteLength / 2);
  };
  const load = async (input: string, compute: () => Promise<FeatureArray>): Promise<Features> => {
    const kept = await find(input);
    if (kept !== null) return { values: kept, cached: true };
    const values = await compute();
    if (store !== null && (await part.isCurrent())) {
      invariant((dtype === 'f32') === values instanceof Float32Array, `features that are not ${dtype}`);
      await store.write(await keyOf(input), dtype, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
    return { values, cached: false };
  };
  return {
    find,
    get: (input, compute) => {
      const known = running.get(input);
      if (known !== undefined) return known;
      const features = load(input, compute);
      running.set(input, features);
      const done = (): boolean => running.delete(input);
      features.then(done, done);
      return features;
    },
  };
}
