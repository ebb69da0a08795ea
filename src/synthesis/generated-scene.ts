// Pictures by formula that have something of the statistics of photographs: a scene of overlapping things of all sizes.
import type { RandomStream } from '../core/index.ts';
import { invariant } from '../core/index.ts';
import type { RgbFrame } from '../video/index.ts';
import type { NoiseFields } from './scene-noise.ts';
import { noiseFields } from './scene-noise.ts';
import type { Shape } from './scene-shapes.ts';
import { disc, polygon, stroke } from './scene-shapes.ts';

/** What {@link generatedScene} makes. */
export interface SceneOptions {
  /** Columns. */
  width: number;
  /** Rows. */
  height: number;
  /** What the picture is drawn from. */
  stream: RandomStream;
}

type Rgb = readonly [number, number, number];

/** What a thing looks like at a place. */
interface Material {
  colour: Rgb;
  /** Grey levels a pixel to the right and down, from the middle of the picture. */
  slope: readonly [number, number];
  /** Grey levels of each field of noise. */
  rough: number;
  fine: number;
  tint: number;
  /** Whether the noise is mirrored from left to right, from top to bottom. */
  mirrored: readonly [boolean, boolean];
  /** Waves a pixel in radians, amplitude in grey levels (0 for none) and steepness of the stripes' edges. */
  stripes: { x: number; y: number; amplitude: number; steepness: number };
}

/**
 * Draws a scene: a ground with gradients, and discs, polygons, stripes and lines of strokes like writing on it, each with a colour,
 * gradient and texture of noise of several octaves of its own. There are the more of a size the smaller it is (r⁻³, the "dead
 * leaves" of which the spectra of photographs fall as 1/f), some with soft edges.
 * @param options - size, at least 16×16, and the random stream
 * @returns the picture
 */
export function generatedScene({ width, height, stream }: SceneOptions): RgbFrame {
  invariant(
    Number.isInteger(width) && Number.isInteger(height) && Math.min(width, height) >= 16,
    `a scene must be of at least 16×16 pixels, got ${width}×${height}`,
  );
  const data = new Uint8ClampedArray(width * height * 3);
  const noise = noiseFields(width, height, stream);
  const side = Math.min(width, height);
  const ground = drawMaterial(side, stream);
  paint(data, width, height, { bounds: [0, 0, width, height], cover: () => 1 }, ground, noise);
  const shapes = drawShapes(width, height, stream);
  for (const shape of shapes) paint(data, width, height, shape, drawMaterial(side, stream), noise);
  if (stream.uniform() < 0.6) {
    const ink = plain(drawColour(stream));
    for (const shape of drawWriting(width, height, stream)) paint(data, width, height, shape, ink, noise);
  }
  return { width, height, data: new Uint8Array(data.buffer) };
}

function drawShapes(width: number, height: number, stream: RandomStream): Shape[] {
  const side = Math.min(width, height);
  const [least, greatest] = [0.015 * side, 0.5 * side];
  const count = 30 + stream.below(120);
  const sizes = Array.from({ length: count }, () => {
    // The inverse of the distribution with density r⁻³ between the bounds.
    const u = stream.uniform();
    return least / Math.sqrt(1 - u * (1 - (least / greatest) ** 2));
  });
  // A few large things, which are few by that law, and the smaller ones mostly in front.
  for (let i = 0; i < 4; i++) sizes.push(side * (0.15 + 0.35 * stream.uniform()));
  const order = sizes
    .map((size) => ({ size, depth: size * (0.3 + stream.uniform()) }))
    .sort((a, b) => b.depth - a.depth);
  return order.map(({ size }) => {
    const [x, y] = [stream.uniform() * width, stream.uniform() * height];
    const softness = stream.uniform() < 0.15 ? 1 + 0.04 * side * stream.uniform() : 1;
    if (stream.uniform() < 0.4)
      return disc(x, y, size, 0.4 + 0.6 * stream.uniform(), stream.uniform() * Math.PI, softness);
    const corners = 3 + stream.below(4);
    const start = stream.uniform() * 2 * Math.PI;
    const aspect = 0.3 + 0.7 * stream.uniform();
    const points = Array.from({ length: corners }, (_, i) => {
      const angle = start + ((i + 0.7 * (stream.uniform() - 0.5)) * 2 * Math.PI) / corners;
      return [x + size * Math.cos(angle), y + size * aspect * Math.sin(angle)] as const;
    });
    return polygon(points, softness);
  });
}

/** Lines of short strokes, three or four to a letter. */
function drawWriting(width: number, height: number, stream: RandomStream): Shape[] {
  const side = Math.min(width, height);
  const letter = side * (0.03 + 0.05 * stream.uniform());
  const thickness = Math.max(0.8, letter * (0.06 + 0.08 * stream.uniform()));
  const [numLines, numLetters] = [1 + stream.below(4), 4 + stream.below(12)];
  const [left, top] = [stream.uniform() * 0.6 * width, stream.uniform() * 0.8 * height];
  const shapes: Shape[] = [];
  for (let line = 0; line < numLines; line++) {
    for (let k = 0; k < numLetters; k++) {
      if (stream.uniform() < 0.15) continue; // between words
      const [x, y] = [left + k * letter * 0.8, top + line * letter * 1.7];
      const corner = (): readonly [number, number] => [
        x + (stream.below(3) / 2) * letter * 0.55,
        y + (stream.below(3) / 2) * letter,
      ];
      let from = corner();
      for (let i = 3 + stream.below(2); i > 0; i--) {
        const to = corner();
        shapes.push(stroke(from, to, thickness));
        from = to;
      }
    }
  }
  return shapes;
}

/** A colour of any luma, mostly of low saturation, as in photographs. */
function drawColour(stream: RandomStream): Rgb {
  const luma = 20 + 205 * stream.uniform();
  const chroma = 80 * stream.uniform() ** 3;
  const angle = stream.uniform() * 2 * Math.PI;
  const [cb, cr] = [chroma * Math.cos(angle), chroma * Math.sin(angle)];
  return [luma + 1.402 * cr, luma - 0.344136 * cb - 0.714136 * cr, luma + 1.772 * cb];
}

function plain(colour: Rgb): Material {
  const stripes = { x: 0, y: 0, amplitude: 0, steepness: 1 };
  return { colour, slope: [0, 0], rough: 0, fine: 0, tint: 0, mirrored: [false, false], stripes };
}

function drawMaterial(side: number, stream: RandomStream): Material {
  const slope = (): number => (40 * stream.normal()) / side;
  const amplitude = stream.uniform() < 0.25 ? 10 + 50 * stream.uniform() : 0;
  const period = side * (0.015 + 0.1 * stream.uniform() ** 2);
  const angle = stream.uniform() * Math.PI;
  const wave = (2 * Math.PI) / Math.max(3, period);
  return {
    colour: drawColour(stream),
    slope: [slope(), slope()],
    rough: 28 * stream.uniform() ** 2,
    fine: 30 * stream.uniform() ** 1.5,
    tint: 12 * stream.uniform() ** 2,
    mirrored: [stream.uniform() < 0.5, stream.uniform() < 0.5],
    stripes: { x: wave * Math.cos(angle), y: wave * Math.sin(angle), amplitude, steepness: 1 + 3 * stream.uniform() },
  };
}

/** Paints a thing over what is there. */
function paint(
  data: Uint8ClampedArray,
  width: number,
  height: number,
  { bounds, cover }: Shape,
  material: Material,
  noise: NoiseFields,
): void {
  const { colour, slope, rough, fine, tint, mirrored, stripes } = material;
  const [red, green, blue] = colour;
  const [left, top] = [Math.max(0, Math.floor(bounds[0])), Math.max(0, Math.floor(bounds[1]))];
  const [right, bottom] = [Math.min(width, Math.ceil(bounds[2])), Math.min(height, Math.ceil(bounds[3]))];
  const textured = rough > 0 || fine > 0 || tint > 0;
  for (let y = top; y < bottom; y++) {
    const noiseRow = (mirrored[1] ? height - 1 - y : y) * width;
    for (let x = left; x < right; x++) {
      const share = cover(x + 0.5, y + 0.5);
      if (share <= 0) continue;
      let light = slope[0] * (x - width / 2) + slope[1] * (y - height / 2);
      let warm = 0;
      if (textured) {
        const i = (noiseRow + (mirrored[0] ? width - 1 - x : x)) * 3;
        light += rough * noise[i]! + fine * noise[i + 1]!;
        warm = tint * noise[i + 2]!;
      }
      if (stripes.amplitude > 0) {
        const wave = stripes.steepness * Math.sin(stripes.x * x + stripes.y * y);
        light += stripes.amplitude * Math.max(-1, Math.min(1, wave));
      }
      const o = (y * width + x) * 3;
      data[o]! += share * (red + light + warm - data[o]!);
      data[o + 1]! += share * (green + light - data[o + 1]!);
      data[o + 2]! += share * (blue + light - warm - data[o + 2]!);
    }
  }
}
