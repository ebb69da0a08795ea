// What a frozen tower makes of pictures, as an engine computes it: float32 numbers, or bfloat16 ones as their bits.
import { narrow, widen } from '../files/index.ts';

/** Numbers of a frozen part of a model: float32, or bfloat16 as their bits. */
export type FeatureArray = Float32Array | Uint16Array;

/**
 * Features as float32.
 * @param features - returned as they are where they are float32
 */
export function asFloat32(features: FeatureArray): Float32Array {
  if (features instanceof Float32Array) return features;
  const values = new Float32Array(features.length);
  widen('BF16', features, values);
  return values;
}

/**
 * Features as the bits of bfloat16.
 * @param features - returned as they are where they are bits; float32 is rounded
 */
export function asBfloat16(features: FeatureArray): Uint16Array {
  return features instanceof Uint16Array ? features : narrow('BF16', features);
}

/**
 * The first number that is infinite or undefined.
 * @returns undefined where all are finite
 */
export function firstNotFinite(features: FeatureArray): number | undefined {
  if (features instanceof Float32Array) {
    for (let i = 0; i < features.length; i++) if (features[i]! - features[i]! !== 0) return features[i];
    return undefined;
  }
  for (let i = 0; i < features.length; i++) {
    if ((features[i]! & 0x7f80) === 0x7f80) return asFloat32(features.subarray(i, i + 1))[0];
  }
  return undefined;
}
