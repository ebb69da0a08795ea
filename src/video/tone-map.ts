// HDR frames to SDR on their own planes, the same for every decoder: PQ or HLG to light, the curve of BT.2390, BT.709's gamut, sRGB.
import { encodeSrgb } from './profile.ts';
import type { RgbFrame } from './types.ts';

/** A decoded frame of planar YUV. */
export interface HdrPlanes {
  /** Columns. */
  width: number;
  /** Rows. */
  height: number;
  /** Bits of a value. */
  depth: number;
  /** Luma, blue and red difference; a value of more than 8 bits takes two bytes, the lower first. */
  planes: readonly [Buffer, Buffer, Buffer];
  /** Bytes from row to row of each. */
  strides: readonly [number, number, number];
  /** 1 where chroma has half as many columns as luma, else 0. */
  shiftX: 0 | 1;
  /** 1 where chroma has half as many rows as luma, else 0. */
  shiftY: 0 | 1;
  /** Whether chroma lies on every second row, and not between two (UHD discs and broadcasts do that). */
  chromaOnRows: boolean;
  /** Whether values use their full range. */
  fullRange: boolean;
  /** Weights of red and blue in luma. */
  matrix: readonly [kr: number, kb: number];
  /** What values mean in light. */
  transfer: 'PQ' | 'HLG';
  /** Whose red, green and blue. */
  primaries: 'BT.2020' | 'P3' | 'BT.709';
}

/** Luminance of the brightest light that is told apart, in cd/m²: HLG's nominal peak, and where most PQ masters end. */
const HDR_PEAK = 1000;
/** Luminance that becomes SDR's white, in cd/m²: the reference white of ITU-R BT.2408. */
const SDR_WHITE = 203;

/**
 * What a plan says of it.
 * @param frame - the mapped frame
 */
export function toneMapped({ transfer }: Pick<HdrPlanes, 'transfer'>): string {
  return `HDR (${transfer}) of ${HDR_PEAK} cd/m² to SDR of ${SDR_WHITE} cd/m² by BT.2390`;
}

// SMPTE ST 2084, as in ITU-R BT.2100-2, table 4.
const [m1, m2, c1, c2, c3] = [2610 / 16384, (2523 / 4096) * 128, 3424 / 4096, (2413 / 4096) * 32, (2392 / 4096) * 32];

/**
 * PQ's value to luminance.
 * @param value - 0–1
 * @returns cd/m², up to 10,000
 */
export function pqToLight(value: number): number {
  const power = Math.max(0, value) ** (1 / m2);
  return 10_000 * (Math.max(0, power - c1) / (c2 - c3 * power)) ** (1 / m1);
}

/**
 * Luminance to PQ's value.
 * @param light - cd/m²
 * @returns 0–1
 */
export function lightToPq(light: number): number {
  const power = Math.max(0, light / 10_000) ** m1;
  return ((c1 + c2 * power) / (1 + c3 * power)) ** m2;
}

/**
 * HLG's value to light of the scene (ITU-R BT.2100-2, table 5, inverse OETF).
 * @param value - 0–1
 * @returns 0–1
 */
export function hlgToScene(value: number): number {
  const x = Math.max(0, value);
  const [a, b, c] = [0.17883277, 0.28466892, 0.55991073];
  return x <= 0.5 ? (x * x) / 3 : (Math.exp((x - c) / a) + b) / 12;
}

/**
 * The curve of ITU-R BT.2390-11, 5.4.1 (EETF), from {@link HDR_PEAK} to {@link SDR_WHITE}, both with a black of 0: as it is up to
 * the knee, then a Hermite spline in PQ's values.
 * @param light - cd/m²; above the peak it counts as the peak
 * @returns cd/m², at most {@link SDR_WHITE}
 */
export function compressLight(light: number): number {
  const top = lightToPq(HDR_PEAK);
  const most = lightToPq(SDR_WHITE) / top;
  const knee = 1.5 * most - 0.5;
  const value = Math.min(1, lightToPq(light) / top);
  if (value < knee) return pqToLight(value * top);
  const t = (value - knee) / (1 - knee);
  const spline =
    (2 * t ** 3 - 3 * t ** 2 + 1) * knee + (t ** 3 - 2 * t ** 2 + t) * (1 - knee) + (-2 * t ** 3 + 3 * t ** 2) * most;
  return pqToLight(spline * top);
}

/** Steps of the tables: a tenth of a 10-bit value. */
const STEPS = 16_384;
const table = (of: (x: number) => number): Float64Array =>
  Float64Array.from({ length: STEPS + 1 }, (_, i) => of(i / STEPS));
let tables: { pq: Float64Array; hlg: Float64Array; gain: Float64Array } | undefined;

/** Made when first needed. `gain` is what the curve multiplies light with, by the fourth root of light over the peak. */
const makeTables = (): NonNullable<typeof tables> => ({
  pq: table(pqToLight),
  hlg: table(hlgToScene),
  gain: table((x) => {
    const light = Math.max(1e-4, x ** 4 * HDR_PEAK);
    return compressLight(light) / light / SDR_WHITE;
  }),
});

/** Linear light of one gamut to another's: ITU-R BT.2087, and the like for P3 with D65's white (SMPTE EG 432-1). */
const toBt709 = {
  'BT.2020': [1.660491, -0.587641, -0.07285, -0.12455, 1.1329, -0.008349, -0.018151, -0.100579, 1.11873],
  P3: [1.22494, -0.22494, 0, -0.042057, 1.042057, 0, -0.019638, -0.078636, 1.098274],
  'BT.709': [1, 0, 0, 0, 1, 0, 0, 0, 1],
} as const;

/** Weights of light in luminance (ITU-R BT.2100-2), for HLG's system gamma of 1.2 at 1000 cd/m². */
const LUMINANCE = [0.2627, 0.678, 0.0593] as const;
const SYSTEM_GAMMA = 1.2;

/**
 * Maps a frame to SDR. Red, green and blue are multiplied with one factor, that of the brightest of them, so that hues stay; what then
 * lies outside of BT.709's gamut is cut.
 * @returns its pixels in sRGB
 */
export function toneMap(frame: HdrPlanes): RgbFrame {
  const { width, height, depth, fullRange, transfer, matrix, primaries } = frame;
  const { pq, hlg, gain } = (tables ??= makeTables());
  const isPq = transfer === 'PQ';
  const curve = isPq ? pq : hlg;
  const [kr, kb] = matrix;
  const kg = 1 - kr - kb;
  const unit = 2 ** (depth - 8);
  const [black, span, chromaSpan] = fullRange
    ? [0, 2 ** depth - 1, 2 ** depth - 1]
    : [16 * unit, 219 * unit, 224 * unit];
  const [redOfV, blueOfU] = [2 * (1 - kr), 2 * (1 - kb)];
  const [rr, rg, rb, gr, gg, gb, br, bg, bb] = toBt709[primaries];
  const [u, v] = [1, 2].map((plane) => chromaRows(frame, plane as 1 | 2));
  const luma = values(frame, 0);
  const at = (x: number): number => Math.round(Math.min(1, Math.max(0, x)) * STEPS);
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, o = 0; y < height; y++) {
    const [us, vs] = [u!(y), v!(y)];
    for (let x = 0; x < width; x++, o += 3) {
      const grey = (luma(y, x) - black) / span;
      const [cb, cr] = [(us[x]! - 128 * unit) / chromaSpan, (vs[x]! - 128 * unit) / chromaSpan];
      const [red, blue] = [grey + redOfV * cr, grey + blueOfU * cb];
      const green = (grey - kr * red - kb * blue) / kg;
      let [r, g, b] = [curve[at(red)]!, curve[at(green)]!, curve[at(blue)]!];
      if (!isPq) {
        const scene = LUMINANCE[0] * r + LUMINANCE[1] * g + LUMINANCE[2] * b;
        const shown = HDR_PEAK * scene ** (SYSTEM_GAMMA - 1);
        [r, g, b] = [r * shown, g * shown, b * shown];
      }
      const brightest = Math.min(HDR_PEAK, Math.max(r, g, b));
      const factor = gain[Math.round(Math.sqrt(Math.sqrt(brightest / HDR_PEAK)) * STEPS)]!;
      [r, g, b] = [r * factor, g * factor, b * factor];
      data[o] = encodeSrgb(rr * r + rg * g + rb * b);
      data[o + 1] = encodeSrgb(gr * r + gg * g + gb * b);
      data[o + 2] = encodeSrgb(br * r + bg * g + bb * b);
    }
  }
  return { width, height, data };
}

function values({ depth, planes, strides }: HdrPlanes, plane: 0 | 1 | 2): (row: number, column: number) => number {
  const [bytes, stride] = [planes[plane], strides[plane]];
  return depth > 8
    ? (row, column) => bytes[row * stride + 2 * column]! | (bytes[row * stride + 2 * column + 1]! << 8)
    : (row, column) => bytes[row * stride + column]!;
}

/** Rows of a chroma plane at luma's size, linear between samples; samples lie on every second column, and between rows or on them. */
function chromaRows(frame: HdrPlanes, plane: 1 | 2): (row: number) => Float64Array {
  const { width, height, shiftX, shiftY, chromaOnRows } = frame;
  const value = values(frame, plane);
  const [columns, rows] = [(width + shiftX) >> shiftX, (height + shiftY) >> shiftY];
  const line = new Float64Array(width);
  const sums = new Float64Array(columns);
  return (row) => {
    const place = shiftY === 0 ? row : chromaOnRows ? row / 2 : (row - 0.5) / 2;
    const low = Math.floor(place);
    const [first, second] = [Math.min(rows - 1, Math.max(0, low)), Math.min(rows - 1, Math.max(0, low + 1))];
    const part = place - low;
    for (let i = 0; i < columns; i++) sums[i] = value(first, i) * (1 - part) + value(second, i) * part;
    if (shiftX === 0) return sums;
    for (let x = 0; x < width; x++) {
      const i = x >> 1;
      line[x] = (x & 1) === 0 ? sums[i]! : (sums[i]! + sums[Math.min(columns - 1, i + 1)]!) / 2;
    }
    return line;
  };
}
