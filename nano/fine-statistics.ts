// Statistics of what is fine in a small square of a picture: traces of blocks, of few levels, of single pixels, of lost resolution.
import type { RgbFrame } from '../src/video/index.ts';

/** Luma and both differences of colour, Cb and Cr, of R, G and B (BT.601). */
export const bt601 = {
  luma: [0.299, 0.587, 0.114],
  blue: [-0.169, -0.331, 0.5],
  red: [0.5, -0.419, -0.081],
} as const;

/** Luma and both differences of colour of a square, 0–255 and −128–127. */
export interface Planes {
  /** Luma. */
  luma: Float32Array;
  /** Cb. */
  blue: Float32Array;
  /** Cr. */
  red: Float32Array;
}

/** Splits a picture. */
export function planesOf({ data }: RgbFrame): Planes {
  const n = data.length / 3;
  const planes = { luma: new Float32Array(n), blue: new Float32Array(n), red: new Float32Array(n) };
  for (let i = 0, p = 0; i < n; i++, p += 3) {
    const [r, g, b] = [data[p]!, data[p + 1]!, data[p + 2]!];
    for (const plane of ['luma', 'blue', 'red'] as const) {
      const [ofRed, ofGreen, ofBlue] = bt601[plane];
      planes[plane][i] = ofRed * r + ofGreen * g + ofBlue * b;
    }
  }
  return planes;
}

/** The statistics by name, each with its mean and deviation over cells of distorted photographs. */
export const fineStatistics = {
  /** log2 of the mean step over the borders of 8×8 blocks over the mean step elsewhere. */
  'grid of 8': [0.1, 0.75],
  /** Of 16×16 blocks. */
  'grid of 16': [0, 0.85],
  /** Share of neighbours of (nearly) one luma, as a root. */
  flatness: [0.6, 0.25],
  /** Mean step over the root of the mean square: 0.8 where steps are distributed normally, less where few are large. */
  evenness: [0.56, 0.2],
  /** Share of pixels far from all four neighbours on one side, as a root. */
  specks: [0.01, 0.04],
  /** log2 of the mean step over two pixels over that over one: what is blurred rises for longer. */
  'rise to 2': [0.65, 0.27],
  /** Of four over two. */
  'rise to 4': [0.55, 0.28],
  /** Of eight over four. */
  'rise to 8': [0.48, 0.3],
  /** log2 of the mean steps of both colours. */
  'colour steps': [0.3, 1.8],
  /** log2 of the same over two pixels over that over one. */
  'colour rise': [0.45, 0.3],
} as const satisfies Record<string, readonly [mean: number, deviation: number]>;

const log = (value: number): number => Math.log2(value + 0.25);

/** Mean step between pixels `lag` apart, in rows and columns. */
function meanStep(x: Float32Array, side: number, lag: number): number {
  let total = 0;
  for (let y = 0; y < side; y++) {
    for (let at = y * side + lag; at < (y + 1) * side; at++) total += Math.abs(x[at]! - x[at - lag]!);
  }
  const up = lag * side;
  for (let at = up; at < x.length; at++) total += Math.abs(x[at]! - x[at - up]!);
  return total / (2 * side * (side - lag));
}

/** What steps between neighbours are like. */
function steps(x: Float32Array, side: number): { eights: number; sixteens: number; flat: number; even: number } {
  let [all, square, equal, on8, on16] = [0, 0, 0, 0, 0];
  for (let place = 1; place < side; place++) {
    let here = 0;
    for (let line = 0; line < side; line++) {
      const across = Math.abs(x[line * side + place]! - x[line * side + place - 1]!);
      const down = Math.abs(x[place * side + line]! - x[(place - 1) * side + line]!);
      here += across + down;
      square += across * across + down * down;
      if (across < 0.75) equal++;
      if (down < 0.75) equal++;
    }
    all += here;
    if (place % 8 === 0) on8 += here;
    if (place % 16 === 0) on16 += here;
  }
  const each = 2 * side; // steps at one place
  const [n, n8, n16] = [side - 1, Math.floor((side - 1) / 8), Math.floor((side - 1) / 16)];
  const against = (on: number, count: number): number =>
    log(on / (each * count)) - log((all - on) / (each * (n - count)));
  return {
    eights: against(on8, n8),
    sixteens: against(on16, n16),
    flat: Math.sqrt(equal / (each * n)),
    even: all / (each * n) / Math.sqrt(square / (each * n) + 0.01),
  };
}

/** How far a pixel of luma is from its neighbours. */
const FAR = 30;

function specks(x: Float32Array, side: number): number {
  let found = 0;
  for (let y = 1; y < side - 1; y++) {
    for (let at = y * side + 1; at < y * side + side - 1; at++) {
      const c = x[at]!;
      const [l, r, u, d] = [c - x[at - 1]!, c - x[at + 1]!, c - x[at - side]!, c - x[at + side]!];
      if ((l > FAR && r > FAR && u > FAR && d > FAR) || (l < -FAR && r < -FAR && u < -FAR && d < -FAR)) found++;
    }
  }
  return Math.sqrt(found / (side - 2) ** 2);
}

/**
 * Measures a square.
 * @param planes - of it
 * @param side - in pixels, more than 16
 * @returns {@link fineStatistics} in their order, of a mean and deviation of about 0 and 1
 */
export function measureFine({ luma, blue, red }: Planes, side: number): number[] {
  const { eights, sixteens, flat, even } = steps(luma, side);
  const rises = [1, 2, 4, 8].map((lag) => log(meanStep(luma, side, lag)));
  const colour = [1, 2].map((lag) => log(meanStep(blue, side, lag) + meanStep(red, side, lag)));
  const values = [
    eights,
    sixteens,
    flat,
    even,
    specks(luma, side),
    rises[1]! - rises[0]!,
    rises[2]! - rises[1]!,
    rises[3]! - rises[2]!,
    colour[0]!,
    colour[1]! - colour[0]!,
  ];
  return Object.values(fineStatistics).map(([mean, deviation], i) => (values[i]! - mean) / deviation);
}
