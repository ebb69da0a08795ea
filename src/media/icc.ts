// Colour profiles (ICC.1:2022, and version 2): what they are, and the curves and matrix of those that are that simple.

/** A colour profile. */
export type ColourProfile = {
  /** The name that it gives itself; shortened, without control characters. */
  name: string;
} & (
  | {
      /** Its numbers are sRGB's: nothing need be done. */
      kind: 'srgb';
    }
  | {
      /** Curves to linear light, then a matrix. */
      kind: 'matrix';
      /** Of red, green, blue: a value of 0–1 to linear light of 0–1. */
      curves: readonly [Curve, Curve, Curve];
      /** Linear red, green, blue to those of sRGB, row by row; results may lie outside of 0–1. */
      toSrgb: Matrix;
    }
  | {
      /** One curve, from grey to linear light. */
      kind: 'grey';
      /** A value of 0–1 to linear light of 0–1. */
      curve: Curve;
    }
  | {
      /** Tables that need a colour management module, such as those of printers. */
      kind: 'table';
    }
  | {
      /** Damaged, or of a kind that is unknown here. */
      kind: 'broken';
      /** What is wrong. */
      why: string;
    }
);

/** A value of 0–1 to linear light of 0–1. */
export type Curve = (value: number) => number;

/** Three rows of three numbers. */
export type Matrix = readonly [Row, Row, Row];
type Row = readonly [number, number, number];

/**
 * sRGB's colorants, adapted to the D50 of profiles by Bradford's transform: the columns are the XYZ of red, green and blue
 * (IEC 61966-2-1 with the chromatic adaptation of ICC.1:2022 Annex E; W3C CSS Color 4 has the same digits).
 */
const srgbToXyz: Matrix = [
  [0.436065742824811, 0.3851514688337912, 0.14307845442264197],
  [0.22249319175623702, 0.7168870538238823, 0.06061979053616537],
  [0.013923904500943465, 0.09708128566574634, 0.7140993584005155],
];
const xyzToSrgb = inverse(srgbToXyz);

/** How far sRGB's colorants may be off: those of profiles in use differ in the fourth digit. */
const COLORANT_TOLERANCE = 0.0025;
/** How far an encoded value may be off to count as sRGB's, in grey levels. */
const CURVE_TOLERANCE = 1.2;
/** Entries of a table of a curve, at most; more are a hostile file's. */
const MOST_POINTS = 65_536;

/**
 * Reads a colour profile.
 * @param bytes - the profile
 * @returns what it is; damage is told, never thrown
 */
export function readProfile(bytes: Uint8Array): ColourProfile {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let name = 'without a name';
  try {
    if (data.toString('latin1', 36, 40) !== 'acsp') throw new RangeError('no ICC profile');
    const tags = readTags(data);
    name = readName(tags.get('desc')) ?? name;
    const space = data.toString('latin1', 16, 20);
    const isXyz = data.toString('latin1', 20, 24) === 'XYZ ';
    if (tags.has('A2B0') || !isXyz) return { name, kind: 'table' };
    if (space === 'GRAY') {
      const curve = readCurve(need(tags, 'kTRC'));
      return isSrgbCurve(curve) ? { name, kind: 'srgb' } : { name, kind: 'grey', curve };
    }
    if (space !== 'RGB ') return { name, kind: 'table' };
    const curves = (['rTRC', 'gTRC', 'bTRC'] as const).map((tag) => readCurve(need(tags, tag)));
    const columns = (['rXYZ', 'gXYZ', 'bXYZ'] as const).map((tag) => readXyz(need(tags, tag)));
    const toXyz = [0, 1, 2].map((y) => columns.map((column) => column[y]!)) as unknown as Matrix;
    const isSrgb = toXyz.every((row, y) =>
      row.every((value, x) => Math.abs(value - srgbToXyz[y]![x]!) < COLORANT_TOLERANCE),
    );
    if (isSrgb && curves.every(isSrgbCurve)) return { name, kind: 'srgb' };
    return { name, kind: 'matrix', curves: curves as [Curve, Curve, Curve], toSrgb: product(xyzToSrgb, toXyz) };
  } catch (error) {
    // A RangeError is ours, or Buffer's where a tag runs beyond the end.
    if (!(error instanceof RangeError)) throw error;
    return {
      name,
      kind: 'broken',
      why: (error as NodeJS.ErrnoException).code === undefined ? error.message : 'cut short',
    };
  }
}

function readTags(data: Buffer): Map<string, Buffer> {
  const count = Math.min(data.readUInt32BE(128), 200);
  const tags = new Map<string, Buffer>();
  for (let at = 132; at < 132 + 12 * count; at += 12) {
    const start = data.readUInt32BE(at + 4);
    tags.set(data.toString('latin1', at, at + 4), data.subarray(start, start + data.readUInt32BE(at + 8)));
  }
  return tags;
}

function need(tags: ReadonlyMap<string, Buffer>, name: string): Buffer {
  const tag = tags.get(name);
  if (tag === undefined) throw new RangeError(`no ${name}`);
  return tag;
}

const fixed = (data: Buffer, at: number): number => data.readInt32BE(at) / 65_536;

const readXyz = (tag: Buffer): Row => [fixed(tag, 8), fixed(tag, 12), fixed(tag, 16)];

/** `curv`: a gamma, or a table to interpolate in; `para`: one of five formulas (ICC.1:2022, 10.6 and 10.18). */
function readCurve(tag: Buffer): Curve {
  const type = tag.toString('latin1', 0, 4);
  if (type === 'curv') {
    const count = tag.readUInt32BE(8);
    if (count === 0) return (x) => x;
    if (count === 1) {
      const gamma = tag.readUInt16BE(12) / 256;
      return (x) => x ** gamma;
    }
    if (count > MOST_POINTS) throw new RangeError(`a curve of ${count} points`);
    const points = Float64Array.from({ length: count }, (_, i) => tag.readUInt16BE(12 + 2 * i) / 65_535);
    return (x) => {
      const place = Math.min(1, Math.max(0, x)) * (count - 1);
      const low = Math.min(count - 2, Math.floor(place));
      return points[low]! + (points[low + 1]! - points[low]!) * (place - low);
    };
  }
  if (type !== 'para') throw new RangeError(`a curve of type ${JSON.stringify(type)}`);
  const kind = tag.readUInt16BE(8);
  const counts = [1, 3, 4, 5, 7];
  if (kind >= counts.length) throw new RangeError(`a curve of kind ${kind}`);
  const [g = 1, a = 1, b = 0, c = 0, d = 0, e = 0, f = 0] = Array.from({ length: counts[kind]! }, (_, i) =>
    fixed(tag, 12 + 4 * i),
  );
  const power = (x: number): number => Math.max(0, a * x + b) ** g;
  switch (kind) {
    case 0:
      return (x) => x ** g;
    case 1:
      return (x) => (a * x + b >= 0 ? power(x) : 0);
    case 2:
      return (x) => (a * x + b >= 0 ? power(x) : 0) + c;
    case 3:
      return (x) => (x >= d ? power(x) : c * x);
    default:
      return (x) => (x >= d ? power(x) + e : c * x + f);
  }
}

function isSrgbCurve(curve: Curve): boolean {
  return Array.from({ length: 33 }, (_, i) => i / 32).every(
    (x) => Math.abs(srgbEncode(curve(x)) - x) * 255 < CURVE_TOLERANCE,
  );
}

/**
 * Linear light to sRGB's encoded value (IEC 61966-2-1).
 * @param linear - 0–1; what lies outside is cut
 * @returns 0–1
 */
export function srgbEncode(linear: number): number {
  const x = Math.min(1, Math.max(0, linear));
  return x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055;
}

/** Version 2 has text in ASCII, version 4 in UTF-16 for several languages, of which the first is taken. */
function readName(tag: Buffer | undefined): string | undefined {
  const type = tag?.toString('latin1', 0, 4);
  let text = '';
  if (type === 'desc') text = tag!.toString('latin1', 12, 12 + Math.max(0, tag!.readUInt32BE(8) - 1));
  else if (type === 'mluc' && tag!.length >= 28) {
    const [length, start] = [tag!.readUInt32BE(20), tag!.readUInt32BE(24)];
    text = Buffer.from(tag!.subarray(start, start + Math.min(length & ~1, 400)))
      .swap16()
      .toString('utf16le');
  }
  const plain = text
    .replaceAll(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '')
    .slice(0, 60)
    .trim();
  return plain === '' ? undefined : plain;
}

function product(a: Matrix, b: Matrix): Matrix {
  return a.map((row) =>
    [0, 1, 2].map((x) => row.reduce((sum, value, i) => sum + value * b[i]![x]!, 0)),
  ) as unknown as Matrix;
}

function inverse(m: Matrix): Matrix {
  const [[a, b, c], [d, e, f], [g, h, i]] = m;
  const det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  return [
    [e * i - f * h, c * h - b * i, b * f - c * e].map((x) => x / det),
    [f * g - d * i, a * i - c * g, c * d - a * f].map((x) => x / det),
    [d * h - e * g, b * g - a * h, a * e - b * d].map((x) => x / det),
  ] as unknown as Matrix;
}
