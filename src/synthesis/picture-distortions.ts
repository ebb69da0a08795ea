// The faults of a picture, by kind, and what a strength means to each.
import type { RandomStream } from '../core/index.ts';
import type { RgbFrame } from '../video/index.ts';
import { defocus, gaussianBlur, motionBlur } from './blur.ts';
import { passThroughCodec } from './codec.ts';
import { jpegQuality, recompressJpeg } from './jpeg.ts';
import { chromaNoise, gaussianNoise, impulseNoise } from './noise.ts';
import { downscale, pixelate, sharpen } from './resolution.ts';
import { castColour, expose, lowerContrast, posterise, saturate } from './tone.ts';
import type { ImmediateDistortion, LaterDistortion } from './types.ts';
import { checkDistortion, geometric } from './types.ts';

type Frames = readonly RgbFrame[];

/** Checks its arguments before a distortion that answers at once. */
function now(distort: (frames: Frames, strength: number, stream: RandomStream) => RgbFrame[]) {
  return (frames: Frames, strength: number, stream: RandomStream): RgbFrame[] => {
    checkDistortion(frames, strength);
    return distort(frames, strength, stream);
  };
}

/** The same for one that answers later and draws nothing. */
function coded(distort: (frames: Frames, strength: number) => Promise<RgbFrame[]>) {
  return async (frames: Frames, strength: number, _stream: RandomStream): Promise<RgbFrame[]> => {
    checkDistortion(frames, strength);
    return distort(frames, strength);
  };
}

const turn = 2 * Math.PI;
/** FFmpeg's `FF_QP2LAMBDA`. */
const lambdaPerScale = 118;
const rounded = (value: number): string => String(Math.round(value));

/** Kinds that go through a real codec. */
type CodedKind = 'jpeg' | 'h264' | 'hevc' | 'av1' | 'mjpeg';

/**
 * Distortions of each picture of a clip: with the same parameters for all of its frames, noise apart, which differs from frame to
 * frame. What strength s, above 0 and at most 1, is to each; most are steps of equal ratio, which look about equal:
 *
 * | kind | parameter | at s | 0.1 | 0.5 | 1 |
 * |---|---|---|---|---|---|
 * | `gaussian-blur` | standard deviation, pixels | 0.45·(5.5/0.45)^s | 0.58 | 1.6 | 5.5 |
 * | `motion-blur` | length of a movement in a random direction, pixels | 1.5·(24/1.5)^s | 2 | 6 | 24 |
 * | `defocus` | radius of the disc, pixels | 0.6·(7.5/0.6)^s | 0.77 | 2.1 | 7.5 |
 * | `gaussian-noise` | standard deviation of each of R, G, B, grey levels | 2·(50/2)^s | 2.8 | 10 | 50 |
 * | `chroma-noise` | standard deviation of each of Cb, Cr in blots of 2×2, levels | 3·(60/3)^s | 4 | 13 | 60 |
 * | `impulse-noise` | share of pixels that are black or white | 0.0003·(0.2/0.0003)^s | 0.06% | 0.8% | 20% |
 * | `banding` | levels that each of R, G, B keeps | 64·(2.7/64)^s | 47 | 13 | 2.7 |
 * | `downscale` | by which each side is divided, then bicubic up again | 8^s | 1.2 | 2.8 | 8 |
 * | `pixelate` | side of a block, pixels | 14^s | 1.3 | 3.7 | 14 |
 * | `overexposure` | stops | 3.2·s | 0.3 | 1.6 | 3.2 |
 * | `underexposure` | stops | −5·s | −0.5 | −2.5 | −5 |
 * | `low-contrast` | what is left of the distance from the clip's mean luma | 0.13^s | 0.82 | 0.36 | 0.13 |
 * | `desaturation` | what is left of the distance from grey | 1 − s | 0.9 | 0.5 | 0 |
 * | `oversaturation` | by which the distance from grey is multiplied | 5^s | 1.2 | 2.2 | 5 |
 * | `colour-cast` | shift in a random direction of Cb and Cr, levels | 4·(60/4)^s | 5 | 15 | 60 |
 * | `sharpening-halo` | amount of an unsharp mask of 1.4 pixels | 0.3·(6/0.3)^s | 0.4 | 1.3 | 6 |
 * | `jpeg` | libjpeg's scale of the quantisation tables, 4:2:0, percent | 30·(1500/30)^s | 44 | 212 | 1500 |
 * | `h264` | quantisation parameter of libx264 (veryfast), 0–51 | 22 + 29·s | 25 | 36 | 51 |
 * | `hevc` | quantisation parameter of libx265 (ultrafast), 0–51 | 22 + 29·s | 25 | 36 | 51 |
 * | `av1` | constant rate factor of SVT-AV1 (preset 12), 0–63 | 63 − 43·(1 − s)^1.3 | 26 | 46 | 63 |
 * | `mjpeg` | quantiser scale of FFmpeg's encoder, 2–31 | 2·(31/2)^s | 3 | 8 | 31 |
 *
 * Those in pixels do not scale with the picture. The codecs encode the clip at 25 frames a second and decode it again, of one
 * picture one keyframe; `jpeg` codes each frame for itself. They throw a `UserError` `not-supported` where FFmpeg was built without
 * the encoder. `jpeg` and the codecs answer later, the others at once.
 */
export const pictureDistortions: Readonly<
  Record<Exclude<PictureDistortionKind, CodedKind>, ImmediateDistortion> & Record<CodedKind, LaterDistortion>
> = {
  /** Gaussian blur. */
  'gaussian-blur': now((frames, s) => gaussianBlur(frames, geometric(0.45, 5.5, s))),
  /** The blur of a straight movement in a random direction. */
  'motion-blur': now((frames, s, stream) => motionBlur(frames, geometric(1.5, 24, s), (stream.uniform() * turn) / 2)),
  /** The blur of a lens out of focus. */
  defocus: now((frames, s) => defocus(frames, geometric(0.6, 7.5, s))),
  /** Normal noise of every value. */
  'gaussian-noise': now((frames, s, stream) => gaussianNoise(frames, geometric(2, 50, s), stream)),
  /** Noise of colour, in blots. */
  'chroma-noise': now((frames, s, stream) => chromaNoise(frames, geometric(3, 60, s), stream)),
  /** Black and white pixels. */
  'impulse-noise': now((frames, s, stream) => impulseNoise(frames, geometric(0.0003, 0.2, s), stream)),
  /** Few levels a channel. */
  banding: now((frames, s) => posterise(frames, geometric(64, 2.7, s))),
  /** Lost resolution, smooth. */
  downscale: now((frames, s) => downscale(frames, 8 ** s)),
  /** Lost resolution, in blocks. */
  pixelate: now((frames, s) => pixelate(frames, 14 ** s)),
  /** Too much light, clipped. */
  overexposure: now((frames, s) => expose(frames, 3.2 * s)),
  /** Too little light. */
  underexposure: now((frames, s) => expose(frames, -5 * s)),
  /** Everything near the mean luma. */
  'low-contrast': now((frames, s) => lowerContrast(frames, 0.13 ** s)),
  /** Pale colours. */
  desaturation: now((frames, s) => saturate(frames, 1 - s)),
  /** Gaudy colours. */
  oversaturation: now((frames, s) => saturate(frames, 5 ** s)),
  /** All colours shifted in a random direction. */
  'colour-cast': now((frames, s, stream) => castColour(frames, geometric(4, 60, s), stream.uniform() * turn)),
  /** Halos of sharpening along edges. */
  'sharpening-halo': now((frames, s) => sharpen(frames, geometric(0.3, 6, s), 1.4)),
  /** JPEG, each frame for itself. */
  jpeg: coded((frames, s) => recompressJpeg(frames, jpegQuality(geometric(30, 1500, s)))),
  /** H.264. */
  h264: coded((frames, s) =>
    passThroughCodec(frames, {
      encoder: 'libx264',
      decoder: 'h264',
      fullRange: false,
      options: { preset: 'veryfast', qp: rounded(22 + 29 * s) },
    }),
  ),
  /** H.265. */
  hevc: coded((frames, s) =>
    passThroughCodec(frames, {
      encoder: 'libx265',
      decoder: 'hevc',
      fullRange: false,
      options: {
        preset: 'ultrafast',
        'x265-params': `qp=${rounded(22 + 29 * s)}:pools=none:frame-threads=1:log-level=none`,
      },
    }),
  ),
  /** AV1. */
  av1: coded((frames, s) =>
    passThroughCodec(frames, {
      encoder: 'libsvtav1',
      decoder: 'libdav1d',
      fullRange: false,
      options: { preset: '12', crf: rounded(63 - 43 * (1 - s) ** 1.3), 'svtav1-params': 'lp=1' },
    }),
  ),
  /** Motion JPEG; at 1 still milder than `jpeg`, since its encoder has no coarser setting. */
  mjpeg: coded((frames, s) =>
    passThroughCodec(frames, {
      encoder: 'mjpeg',
      decoder: 'mjpeg',
      fullRange: true,
      options: { flags: '+qscale' },
      quality: Math.round(geometric(2, 31, s) * lambdaPerScale),
    }),
  ),
};

/** Names of {@link pictureDistortions}. */
export type PictureDistortionKind =
  | CodedKind
  | 'gaussian-blur'
  | 'motion-blur'
  | 'defocus'
  | 'gaussian-noise'
  | 'chroma-noise'
  | 'impulse-noise'
  | 'banding'
  | 'downscale'
  | 'pixelate'
  | 'overexposure'
  | 'underexposure'
  | 'low-contrast'
  | 'desaturation'
  | 'oversaturation'
  | 'colour-cast'
  | 'sharpening-halo';
