import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/index.ts';
import {
  commonScales,
  fromMos5,
  parseScale,
  scaleName,
  stdFromMos5,
  stdToMos5,
  toMos5,
} from '../../src/dataset/index.ts';

describe('MOS scales', () => {
  it('reads names, and writes them back', () => {
    expect(parseScale('1-5')).toEqual({ min: 1, max: 5, higherIsBetter: true });
    expect(parseScale('dmos-0-100')).toEqual({ min: 0, max: 100, higherIsBetter: false });
    expect(parseScale('0-0.5')).toEqual({ min: 0, max: 0.5, higherIsBetter: true });
    for (const name of commonScales) expect(scaleName(parseScale(name))).toBe(name);
  });

  it('survives JSON, and so an adapter card', () => {
    const scale = parseScale('dmos-0-100');
    expect(parseScale(JSON.parse(JSON.stringify(scale)))).toEqual(scale);
  });

  it.each(['', '5', '5-1', '1-1', 'mos', '1–5', 'DMOS-0-100', '1-5 '])('refuses %j', (name) => {
    expect(() => parseScale(name)).toThrow(UserError);
  });

  it('refuses ends that are not finite and ascending', () => {
    expect(() => parseScale({ min: 0, max: Infinity, higherIsBetter: true })).toThrow(/MOS scale/);
    expect(() => parseScale({ min: 5, max: 1, higherIsBetter: false })).toThrow(/MOS scale/);
  });

  it('maps the ends and the middle', () => {
    const score = (name: string, x: number): number => toMos5(parseScale(name), x);
    expect([0, 50, 100].map((x) => score('0-100', x))).toEqual([1, 3, 5]);
    expect([0, 50, 100].map((x) => score('dmos-0-100', x))).toEqual([5, 3, 1]);
    expect([0, 0.25, 1].map((x) => score('0-1', x))).toEqual([1, 2, 5]);
    expect(fromMos5(parseScale('dmos-0-100'), 5)).toBe(0);
    expect(stdToMos5(parseScale('dmos-0-100'), 25)).toBe(1);
    expect(stdFromMos5(parseScale('0-1'), 1)).toBe(0.25);
  });

  it('is the identity to the bit on 1-5', () => {
    const scale = parseScale('1-5');
    fc.assert(
      fc.property(
        fc.double({ min: 1, max: 5, noNaN: true }),
        (x) => toMos5(scale, x) === x && fromMos5(scale, x) === x,
      ),
    );
  });

  it('goes there and back, and keeps or turns the order', () => {
    const scales = fc.constantFrom(...commonScales).map((name) => parseScale(name));
    const unit = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(scales, unit, unit, (scale, u, v) => {
        const [x, y] = [u, v].map((w) => scale.min + w * (scale.max - scale.min)) as [number, number];
        const [a, b] = [toMos5(scale, x), toMos5(scale, y)];
        expect(Math.abs(fromMos5(scale, a) - x)).toBeLessThan(1e-12 * (scale.max - scale.min) + 1e-12);
        expect(a).toBeGreaterThanOrEqual(1);
        expect(a).toBeLessThanOrEqual(5 + 1e-12);
        expect(x >= y || (scale.higherIsBetter ? a <= b : a >= b)).toBe(true);
      }),
    );
  });
});
