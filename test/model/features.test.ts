// Features as float32 and as the bits of bfloat16: conversions, numbers that are not finite, and both kinds in the cache.
import { describe, expect, test } from 'vitest';
import { asBfloat16, asFloat32, createFeatureCache, firstNotFinite, openCacheStore } from '../../src/model/index.ts';
import { temporaryFolder } from '../files/temporary.ts';

/** 1, −2.5, 0 as bfloat16. */
const bits = new Uint16Array([0x3f80, 0xc020, 0]);

describe('features', () => {
  test('are converted exactly where they can be, and not at all where they are what is wanted', () => {
    expect([...asFloat32(bits)]).toEqual([1, -2.5, 0]);
    expect(asBfloat16(bits)).toBe(bits);
    const numbers = new Float32Array([1, -2.5, 1.001]);
    expect(asFloat32(numbers)).toBe(numbers);
    expect([...asBfloat16(numbers)]).toEqual([0x3f80, 0xc020, 0x3f80]);
  });

  test.each([
    [new Float32Array([1, Infinity, NaN]), Infinity],
    [new Float32Array([NaN, 1]), NaN],
    [new Uint16Array([0x3f80, 0xff80]), -Infinity],
    [new Uint16Array([0x7fc0]), NaN],
    [bits, undefined],
    [new Float32Array([3e38, -1]), undefined],
  ])('the first of %s that is not finite: %s', (features, wanted) => expect(firstNotFinite(features)).toBe(wanted));

  test.each(['f32', 'bf16'] as const)('of the element type %s come out of the cache as they went in', async (dtype) => {
    const store = openCacheStore({ folder: temporaryFolder() });
    const part = { what: 'vision', dtype, key: async () => 'key', isCurrent: async () => true };
    const values = dtype === 'f32' ? new Float32Array([1, 2.001]) : bits;
    expect(await createFeatureCache(store, part).get('clip', async () => values)).toEqual({ values, cached: false });
    const again = await createFeatureCache(store, part).get('clip', () => Promise.reject(new Error('it is kept')));
    expect(again).toEqual({ values, cached: true });
    const other = { ...part, dtype: dtype === 'f32' ? ('bf16' as const) : ('f32' as const) };
    expect(await createFeatureCache(store, other).find('clip')).toBeNull();
  });
});
