// Pixels with a colour profile of curves and a matrix to sRGB: relative colorimetric, the white of the one on the white of the other.
import { invariant } from '../core/index.ts';
import type { ColourProfile } from '../media/index.ts';
import { srgbEncode } from '../media/index.ts';

/** Steps of linear light from black to white; the steepest part of sRGB's curve then errs by a twentieth of a grey level. */
const STEPS = 65_535;

/** Linear light, in steps, to sRGB's 8 bits. */
const encoded: Uint8Array = Uint8Array.from({ length: STEPS + 1 }, (_, i) => Math.round(srgbEncode(i / STEPS) * 255));

/**
 * Linear light to sRGB's 8 bits.
 * @param linear - what lies outside of 0–1 is cut
 */
export function encodeSrgb(linear: number): number {
  return encoded[Math.round(Math.min(1, Math.max(0, linear)) * STEPS)]!;
}

/**
 * Converts pixels in place.
 * @param data - values, [pixels, channels]: red, green, blue, and alpha where there are four
 * @param channels - 3 or 4
 * @param profile - of curves; grey pixels have three equal values
 */
export function applyProfile(data: Uint8Array, channels: 3 | 4, profile: ColourProfile): void {
  if (profile.kind === 'grey') {
    const table = Uint8Array.from({ length: 256 }, (_, i) => encodeSrgb(profile.curve(i / 255)));
    for (let p = 0; p < data.length; p += channels) data.fill(table[data[p]!]!, p, p + 3);
    return;
  }
  invariant(profile.kind === 'matrix', `a profile of kind ${profile.kind}`);
  const [red, green, blue] = profile.curves.map((curve) =>
    Float64Array.from({ length: 256 }, (_, i) => curve(i / 255)),
  );
  const [[rr, rg, rb], [gr, gg, gb], [br, bg, bb]] = profile.toSrgb;
  for (let p = 0; p < data.length; p += channels) {
    const [r, g, b] = [red![data[p]!]!, green![data[p + 1]!]!, blue![data[p + 2]!]!];
    data[p] = encodeSrgb(rr * r + rg * g + rb * b);
    data[p + 1] = encodeSrgb(gr * r + gg * g + gb * b);
    data[p + 2] = encodeSrgb(br * r + bg * g + bb * b);
  }
}
