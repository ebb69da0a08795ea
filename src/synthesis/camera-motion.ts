// A camera that pans, zooms and turns over a photograph.
import type { RandomStream } from '../core/index.ts';
import { invariant, UserError } from '../core/index.ts';
import { resizeBicubic } from '../video/index.ts';
import type { RgbFrame } from '../video/index.ts';
import type { View } from './camera-path.ts';
import { drawPath, leastRatio } from './camera-path.ts';
import { replicateEdges } from './filter.ts';

/** What {@link cameraMotion} makes. */
export interface CameraMotionOptions {
  /** Columns of the frames. */
  width: number;
  /** Rows of the frames. */
  height: number;
  /** Number of frames. */
  numFrames: number;
  /** What the movement is drawn from. */
  stream: RandomStream;
}

/**
 * Moves a camera over a photograph: from one random view to another, by a random ease in and out, at most 2% of the frame's width,
 * 0.6% of zoom and 0.14° a frame (half as much again where the ease is steepest). It sees between 55% and all of what fits into the
 * photograph, never beyond its edges, and never less than a pixel of it to a pixel of the frame. For each frame the photograph is
 * resized to its resolution (antialiased bicubic, by way of twice the resolution of the closest view), then sampled once a pixel
 * (bicubic, Keys, a = −0.5).
 * @param photo - the photograph, at least 1.25 times as wide and as high as the frames
 * @param options - size and number of frames, and the random stream
 * @returns the frames
 * @throws UserError `bad-input` where the photograph is too small
 */
export function cameraMotion(photo: RgbFrame, options: CameraMotionOptions): RgbFrame[] {
  const { width, height, numFrames, stream } = options;
  invariant(
    [width, height, numFrames].every((n) => Number.isInteger(n) && n >= 1),
    `frames must be whole numbers of at least 1, got ${numFrames} of ${width}×${height}`,
  );
  const fit = Math.min(photo.width / width, photo.height / height);
  if (fit < leastRatio) {
    const [w, h] = [Math.ceil(width * leastRatio), Math.ceil(height * leastRatio)];
    throw new UserError(
      'bad-input',
      `camera motion: expected a photograph of at least ${w}×${h} pixels, got ${photo.width}×${photo.height}`,
      { hint: `It must be ${leastRatio} times as large as the frames (${width}×${height}) on each side.` },
    );
  }
  const views = drawPath(photo, { width, height }, numFrames, stream);
  const closest = Math.min(...views.map(({ scale }) => scale));
  const base = shrinkBy(photo, closest / 2);
  return views.map((view) =>
    render(photo, shrinkBy(base, (view.scale * base.width) / photo.width), view, width, height),
  );
}

/** Resizes to a share of 1/`factor`; a picture is never enlarged. */
function shrinkBy(picture: RgbFrame, factor: number): RgbFrame {
  const to = (side: number): number => Math.round(side / Math.max(1, factor));
  return resizeBicubic(picture, to(picture.width), to(picture.height), 'image');
}

/** Samples a frame from the photograph in about the frame's resolution. */
function render(photo: RgbFrame, source: RgbFrame, view: View, width: number, height: number): RgbFrame {
  const [toX, toY] = [source.width / photo.width, source.height / photo.height];
  // Steps in the source from one column of the frame to the next, and from one row to the next.
  const [cos, sin] = [Math.cos(view.angle) * view.scale, Math.sin(view.angle) * view.scale];
  const [ax, ay, bx, by] = [cos * toX, sin * toY, -sin * toX, cos * toY];
  // Where the middle of the first pixel lies; 1 for the pixel before, -0.5 for the middle of the source's first pixel.
  const x0 = view.x * toX + margin - 1.5 - (ax * (width - 1) + bx * (height - 1)) / 2;
  const y0 = view.y * toY + margin - 1.5 - (ay * (width - 1) + by * (height - 1)) / 2;
  const input = replicateEdges(source, margin);
  const stride = (source.width + 2 * margin) * 3;
  const data = new Uint8ClampedArray(width * height * 3);
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0; x < width; x++, o += 3) {
      const px = x0 + ax * x + bx * y;
      const py = y0 + ay * x + by * y;
      const left = Math.floor(px);
      const top = Math.floor(py);
      const i = Math.floor((px - left) * phases) * 4;
      const j = Math.floor((py - top) * phases) * 4;
      const w0 = weights[i]!;
      const w1 = weights[i + 1]!;
      const w2 = weights[i + 2]!;
      const w3 = weights[i + 3]!;
      let r = half;
      let g = half;
      let b = half;
      let p = top * stride + left * 3;
      for (let row = 0; row < 4; row++, p += stride) {
        const w = weights[j + row]!;
        r += w * (w0 * input[p]! + w1 * input[p + 3]! + w2 * input[p + 6]! + w3 * input[p + 9]!);
        g += w * (w0 * input[p + 1]! + w1 * input[p + 4]! + w2 * input[p + 7]! + w3 * input[p + 10]!);
        b += w * (w0 * input[p + 2]! + w1 * input[p + 5]! + w2 * input[p + 8]! + w3 * input[p + 11]!);
      }
      data[o] = r >> (2 * bits);
      data[o + 1] = g >> (2 * bits);
      data[o + 2] = b >> (2 * bits);
    }
  }
  return { width, height, data: new Uint8Array(data.buffer) };
}

/** Pixels by which a sample at an edge reaches beyond it. */
const margin = 2;
/** Places between two pixels that are told apart. */
const phases = 256;

/** Bits of a weight behind the point. */
const bits = 10;
const half = 1 << (2 * bits - 1);

/** Keys' cubic convolution (a = −0.5): for each place between pixels 0 and 1, the weights of the pixels −1 … 2. */
const weights = Int32Array.from({ length: phases * 4 }, (_, i) => {
  const t = ((i >> 2) + 0.5) / phases;
  const one = 1 << bits;
  const [before, at, beyond] = [
    Math.round(((2 - t) * t - 1) * t * 0.5 * one),
    Math.round(((1.5 * t - 2.5) * t * t + 1) * one),
    Math.round((t - 1) * t * t * 0.5 * one),
  ];
  return [before, at, one - before - at - beyond, beyond][i & 3]!;
});
