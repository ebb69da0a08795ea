// The frames of a clip of known quality: a still camera before a photograph, and four faults of known strengths.
import type { RandomStream } from '../../src/core/index.ts';
import { randomStream } from '../../src/core/index.ts';
import { cameraMotion, pictureDistortions } from '../../src/synthesis/index.ts';
import type { RgbFrame } from '../../src/video/index.ts';
import { crop } from '../sets/crop.ts';
import type { SubScores } from './quality.ts';
import { strengthOf } from './quality.ts';

/** Frames of a clip, and how many a second. */
export const [NUM_FRAMES, FPS] = [8, 8];
/** Side of a clip, in pixels. */
export const SIZE = 256;
/** How far the camera goes from its place at strength 1, in pixels. */
export const FARTHEST = 12;
/** What the camera sees before it shakes. */
const VIEW = SIZE + 2 * FARTHEST;
/** Least side of a photograph, in pixels; `cameraMotion` wants 1.25 times what it shows. */
export const LEAST_SIDE: number = Math.ceil(1.25 * VIEW);

/** What the strengths mean, for files. */
export const faultFormulas = {
  strength: 's = (5 - score) / 4; none at 0',
  blur: "pictureDistortions['gaussian-blur'] at s",
  motion: `frame 0 in place; frame k displaced by round(${FARTHEST} * s * (cos, sin)(a + 2 pi k / 1.618...)) pixels, a random`,
  noise: "pictureDistortions['gaussian-noise'] at s, anew in each frame",
  compression: "pictureDistortions['jpeg'] at s, each frame for itself",
} as const;

/**
 * Makes the frames. Blur, noise and compression are seen in each frame; the camera's shaking only by a second one: a frame is a part of the
 * photograph as sharp as any other, without an edge that repeats. The first frame does not depend on it.
 * @param photo - of at least {@link LEAST_SIDE} pixels on each side
 * @param scores - what is to be wrong with them
 * @param key - seed and number of the clip; clips of one key differ in nothing but their faults
 * @returns {@link NUM_FRAMES} frames of {@link SIZE}×{@link SIZE}
 */
export async function knownFrames(
  photo: RgbFrame,
  scores: SubScores,
  key: readonly [seed: number, clip: number],
): Promise<RgbFrame[]> {
  const [seed, clip] = key;
  const stream = (purpose: number): RandomStream => randomStream(seed, 3, clip, purpose);
  let view = cameraMotion(photo, { width: VIEW, height: VIEW, numFrames: 1, stream: stream(0) });
  const [blur, motion, noise, compression] = [scores.blur, scores.motion, scores.noise, scores.compression].map(
    strengthOf,
  ) as [number, number, number, number];
  if (blur > 0) view = pictureDistortions['gaussian-blur'](view, blur, stream(1));
  let frames = shake(view[0]!, FARTHEST * motion, stream(2));
  if (noise > 0) frames = pictureDistortions['gaussian-noise'](frames, noise, stream(3));
  if (compression > 0) frames = await pictureDistortions.jpeg(frames, compression, stream(4));
  return frames;
}

/** A turn's share between two frames: no two of a clip then show nearly the same place. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** The middle of a picture, then places `distance` pixels around it; whole pixels, since between them a frame would be softer. */
function shake(picture: RgbFrame, distance: number, stream: RandomStream): RgbFrame[] {
  const start = stream.uniform();
  return Array.from({ length: NUM_FRAMES }, (_, k) => {
    const angle = 2 * Math.PI * (start + k * GOLDEN);
    const reach = k === 0 ? 0 : distance;
    const [left, top] = [Math.cos(angle), Math.sin(angle)].map((part) => FARTHEST + Math.round(reach * part));
    return crop(picture, left!, top!, SIZE);
  });
}
