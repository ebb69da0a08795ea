// What a frozen part of a model makes of an input, kept by all that it depends on: computed once, whoever asks for it.
import type { CacheStore } from './store.ts';
import { cacheKey } from './store.ts';

/** What a frozen part of a model makes of an input. */
export interface Features {
  /** The numbers. */
  values: Float32Array;
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
  find: (input: string) => Promise<Float32Array | null>;
  /**
   * What is kept, or else computed now and kept. Calls for one input at a time share one computation.
   * @param input - says what goes in
   * @param compute - runs that part of the model
   */
  get: (input: string, compute: () => Promise<Float32Array>) => Promise<Features>;
}

/** The part of a model that computes. */
export interface FrozenPart {
  /** What it is, such as `vision`. */
  what: string;
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
  const keyOf = async (input: string): Promise<string> => cacheKey(part.what, [await (partKey ??= part.key()), input]);

  const find = async (input: string): Promise<Float32Array | null> => {
    if (store === null) return null;
    const bytes = await store.read(await keyOf(input), 'f32');
    return bytes === null
      ? null
      : new Float32Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / 4);
  };
  const load = async (input: string, compute: () => Promise<Float32Array>): Promise<Features> => {
    const kept = await find(input);
    if (kept !== null) return { values: kept, cached: true };
    const values = await compute();
    if (store !== null && (await part.isCurrent())) {
      await store.write(await keyOf(input), 'f32', new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
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
