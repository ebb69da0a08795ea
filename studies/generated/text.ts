// Texts about brightness and colour, and pictures that fit them or do not.
import type { RgbFrame } from '../../src/video/index.ts';

const texts: Readonly<Record<string, readonly [low: string, high: string]>> = {
  brightness: ['a dark scene at night', 'a bright scene in sunlight'],
  colour: ['a scene in cold, blue light', 'a scene in warm, red light'],
};

/**
 * The text of a clip.
 * @param about - `brightness` or `colour`
 * @param isHigh - bright or warm, not dark or cold
 */
export function textOf(about: string, isHigh: boolean): string {
  return texts[about]![isHigh ? 1 : 0];
}

/** Stops of exposure, and of red against blue, at strength 1. */
const [EXPOSURE, WARMTH] = [1.6, 1];

/**
 * Makes pictures brighter or darker, warmer or colder: each value times a power of two in linear light of exponent 2.2, cut at white.
 * @param frames - pictures
 * @param fault - `brightness-low`, `brightness-high`, `colour-low` (cold) or `colour-high` (warm)
 * @param strength - above 0, at most 1
 */
export function tint(frames: readonly RgbFrame[], fault: string, strength: number): RgbFrame[] {
  const direction = fault.endsWith('-high') ? strength : -strength;
  const stops = fault.startsWith('brightness') ? [EXPOSURE, EXPOSURE, EXPOSURE] : [WARMTH, 0, -WARMTH];
  const tables = stops.map((stop) => {
    const gain = 2 ** ((direction * stop) / 2.2);
    return Uint8Array.from({ length: 256 }, (_, value) => Math.min(255, Math.round(value * gain)));
  });
  return frames.map(({ width, height, data }) => {
    const out = new Uint8Array(data.length);
    for (let i = 0; i < data.length; i++) out[i] = tables[i % 3]![data[i]!]!;
    return { width, height, data: out };
  });
}
