import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashKey, mix32, nearest, randomStream, shuffledIndices } from '../../src/core/index.ts';

describe('counter-based random numbers', () => {
  it('mix32 matches the published lowbias32 on values computed with 64-bit integers', () => {
    const reference = (x: bigint): bigint => {
      const mask = 0xffffffffn;
      x ^= x >> 16n;
      x = (x * 0x7feb352dn) & mask;
      x ^= x >> 15n;
      x = (x * 0x846ca68bn) & mask;
      return x ^ (x >> 16n);
    };
    fc.assert(fc.property(fc.integer({ min: 0, max: 0xffffffff }), (x) => BigInt(mix32(x)) === reference(BigInt(x))));
  });

  it('draws depend on the key only, and differ between neighbouring keys', () => {
    const draws = (...key: number[]): number[] => {
      const stream = randomStream(...key);
      return Array.from({ length: 8 }, () => stream.uint32());
    };
    expect(draws(1, 2)).toEqual(draws(1, 2));
    expect(draws(1, 2)).not.toEqual(draws(2, 1));
    expect(hashKey(1, 2)).not.toBe(hashKey(1, 3));
  });

  it('uniform and normal draws have the moments of their distributions', () => {
    const stream = randomStream(7);
    const n = 20_000;
    const uniform = Array.from({ length: n }, () => stream.uniform());
    const normal = Array.from({ length: n }, () => stream.normal());
    const mean = (v: number[]): number => v.reduce((a, b) => a + b, 0) / n;
    expect(Math.abs(mean(uniform) - 0.5)).toBeLessThan(0.01);
    expect(Math.abs(mean(normal))).toBeLessThan(0.03);
    expect(Math.abs(mean(normal.map((x) => x * x)) - 1)).toBeLessThan(0.05);
  });

  it('shuffledIndices is a permutation', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.integer(), (n, key) => {
        const order = shuffledIndices(n, key);
        expect(order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
      }),
    );
  });
});

describe('nearest', () => {
  it('suggests a near word and nothing for a far one', () => {
    expect(nearest('epoch', ['epochs', 'seed'])).toBe('epochs');
    expect(nearest('zzzzz', ['epochs', 'seed'])).toBeUndefined();
    expect(nearest('gpu', ['cpu', 'cuda', 'webgpu', 'coreml', 'dml'])).toBe('webgpu');
    expect(nearest('cpus', ['cpu', 'webgpu'])).toBe('cpu');
  });
});
