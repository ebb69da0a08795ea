// What a clip of pretraining shows, and what is known of it: a pure function of the seed and its place in the run.
import type { RandomStream } from '../src/core/index.ts';
import { randomStream } from '../src/core/index.ts';
import { psnr, ssim } from '../src/metrics/full-reference/index.ts';
import type { RgbFrame } from '../src/video/index.ts';
import { resizeBicubic } from '../src/video/index.ts';
import type { MotionDistortionKind, PictureDistortionKind } from '../src/synthesis/index.ts';
import { cameraMotion, generatedScene, motionDistortions, pictureDistortions } from '../src/synthesis/index.ts';
import { heldOutStrengths } from '../src/quickstart/index.ts';
import type { Statistics } from './statistics.ts';
import { pictureStatistics } from './statistics.ts';

/** One picture, two of the same scene, or a short video. */
export type SampleShape = 'image' | 'pair' | 'video';

/** A fault with its strength, above 0 and at most 1. */
export interface Applied<Kind extends string> {
  /** Which fault. */
  kind: Kind;
  /** How strong. */
  strength: number;
}

/** What is known of a picture or video. */
export interface Facts {
  /** Faults of its pictures, in the order in which they came; none for an undistorted one. */
  applied: Applied<PictureDistortionKind>[];
  /** The fault of its motion; null for a picture, and for undisturbed motion. */
  motion: Applied<MotionDistortionKind> | null;
  /** Against the undistorted original, mean over frames. */
  ssim: number;
  /** Against the undistorted original in decibels, mean over frames, at most 60. */
  psnr: number;
  /** Of the (first) picture: of all of it, of its middle half, and of it at half its size. */
  statistics: Record<StatisticOf, Statistics>;
}

/** What a statistic is of. */
export type StatisticOf = 'whole' | 'centre' | 'half-size';

/** A clip of pretraining. */
export interface Sample {
  /** What it is. */
  shape: SampleShape;
  /** Its pictures. */
  frames: RgbFrame[];
  /** One for a picture or video, two for a pair. */
  facts: Facts[];
}

/** Samples of one size, which go through the graph together. */
export interface SampleGroup {
  /** What they are. */
  shape: SampleShape;
  /** Width and height in pixels, a multiple of 32. */
  size: number;
  /** How many. */
  count: number;
}

/** Frames of a video, two to a patch. */
const FRAMES = 4;

/** A run first teaches the tower what is known of the cells of pictures, then the whole model to answer questions. */
export type Stage = 'cells' | 'questions';

/** Side of a cell in pixels: four patches of the preset nano, which become one token. */
const CELL = 32;

/**
 * What each of the threads that share an update computes of it: for all of them the same sizes, so that none waits for another.
 * @param seed - of the run
 * @param round - from 0
 * @param stage - of the run
 */
export function groupsOf(seed: number, round: number, stage: Stage): SampleGroup[] {
  const stream = randomStream(seed, 1, round);
  const side = (least: number, count: number): number => CELL * (least + stream.below(count));
  if (stage === 'cells') {
    // Faults are seen in a small piece: more pictures are worth more than larger ones.
    const size = stream.below(6) === 0 ? side(5, 3) : side(3, 2);
    return [{ shape: 'image', size, count: size > 4 * CELL ? 12 : 32 }];
  }
  const groups: SampleGroup[] = [{ shape: 'image', size: side(3, 5), count: 8 }];
  const more = stream.below(4);
  if (more === 0) groups.push({ shape: 'pair', size: side(3, 2), count: 4 });
  if (more === 1) groups.push({ shape: 'video', size: side(3, 2), count: 4 });
  if (more === 2) groups.push({ shape: 'image', size: side(11, 6), count: 1 });
  return groups;
}

/** Gives a photograph's pixels. */
export interface Content {
  /** Paths of all photographs. */
  paths: readonly string[];
  /** Decodes one. */
  open: (path: string) => Promise<RgbFrame>;
}

/** One picture in so many is a generated scene. */
const GENERATED = 12;

/** A version of a clip with what was done to it. */
interface Version extends Pick<Facts, 'applied' | 'motion'> {
  /** Its pictures. */
  frames: RgbFrame[];
}

/** Pictures of a sample before anything is measured. */
export interface Pictures {
  /** What they are. */
  shape: SampleShape;
  /** Undistorted. */
  originals: RgbFrame[];
  /** One for a picture or video, two for a pair. */
  versions: Version[];
}

/**
 * Makes pictures.
 * @param content - photographs
 * @param group - their shape and size
 * @param key - integers that name them: seed, round, worker, group, place in the group
 */
export async function makePictures(
  content: Content,
  { shape, size }: Pick<SampleGroup, 'shape' | 'size'>,
  ...key: number[]
): Promise<Pictures> {
  const stream = randomStream(...key);
  const photo =
    stream.below(GENERATED) === 0
      ? generatedScene({ width: Math.ceil(1.2 * size), height: Math.ceil(1.2 * size), stream })
      : await content.open(content.paths[stream.below(content.paths.length)]!);
  if (shape === 'video') {
    const options = { width: size, height: size, numFrames: FRAMES, stream };
    const originals = cameraMotion(enlarged(photo, Math.ceil(1.3 * size)), options);
    const moved = disturbMotion(originals, stream);
    const disturbed = await disturbPictures(moved.frames, stream, 0.35);
    return { shape, originals, versions: [{ ...disturbed, motion: moved.motion }] };
  }
  const originals = [viewOf(photo, size, stream)];
  const versions: Version[] = [];
  for (let i = 0; i < (shape === 'pair' ? 2 : 1); i++) {
    versions.push({ ...(await disturbPictures(originals, stream, 0.88)), motion: null });
  }
  return { shape, originals, versions };
}

/**
 * Makes a sample: pictures, measured.
 * @param args - as of {@link makePictures}
 */
export async function makeSample(...args: Parameters<typeof makePictures>): Promise<Sample> {
  const { shape, originals, versions } = await makePictures(...args);
  return {
    shape,
    frames: versions.flatMap(({ frames }) => frames),
    facts: versions.map((version) => factsOf(originals, version)),
  };
}

function statisticsOf(picture: RgbFrame): Facts['statistics'] {
  const { width, height } = picture;
  const near = (at: number): number => 8 * Math.round(at / 8); // blocks of codecs begin there
  const centre = cut(picture, near(width / 4), near(height / 4), width >> 1, height >> 1);
  const half = resizeBicubic(picture, width >> 1, height >> 1, 'image');
  return {
    whole: pictureStatistics(picture),
    centre: pictureStatistics(centre),
    'half-size': pictureStatistics(half),
  };
}

/** A part of a picture. */
export function cut({ width, data }: RgbFrame, left: number, top: number, across: number, down: number): RgbFrame {
  const part = new Uint8Array(across * down * 3);
  for (let y = 0; y < down; y++) {
    const row = ((top + y) * width + left) * 3;
    part.set(data.subarray(row, row + across * 3), y * across * 3);
  }
  return { width: across, height: down, data: part };
}

/** A square part of a photograph, somewhat reduced, mirrored or not. */
function viewOf(photo: RgbFrame, size: number, stream: RandomStream): RgbFrame {
  const side = Math.min(photo.width, photo.height, Math.round(size * (1 + 0.5 * stream.uniform() ** 2)));
  const left = stream.below(photo.width - side + 1);
  const top = stream.below(photo.height - side + 1);
  const mirrored = stream.below(2) === 1;
  const part = cut(photo, left, top, side, side);
  return resizeBicubic(mirrored ? mirror(part) : part, size, size, 'image');
}

function mirror({ width, height, data }: RgbFrame): RgbFrame {
  const mirrored = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * width + width - 1 - x) * 3;
      mirrored.set(data.subarray(from, from + 3), (y * width + x) * 3);
    }
  }
  return { width, height, data: mirrored };
}

/** A photograph whose shorter side is at least so long. */
function enlarged(photo: RgbFrame, least: number): RgbFrame {
  const factor = least / Math.min(photo.width, photo.height);
  if (factor <= 1) return photo;
  return resizeBicubic(photo, Math.ceil(photo.width * factor), Math.ceil(photo.height * factor), 'image');
}

/** Faults of pictures, in a fixed order. */
export const pictureKinds = Object.keys(pictureDistortions) as PictureDistortionKind[];
/** Faults of tone and colour, and halos, come half as often as the others: the quick start has none of them. */
const seldom: readonly PictureDistortionKind[] = [
  'overexposure',
  'underexposure',
  'low-contrast',
  'desaturation',
  'oversaturation',
  'colour-cast',
  'sharpening-halo',
];
const drawn = pictureKinds.flatMap((kind) => (seldom.includes(kind) ? [kind] : [kind, kind]));
const motionKinds = Object.keys(motionDistortions) as MotionDistortionKind[];

/** A strength; weak ones are as frequent as strong ones. None near those that the quick start tests with. */
function strengthOf(stream: RandomStream): number {
  for (;;) {
    const strength = 0.04 + 0.96 * stream.uniform();
    if (heldOutStrengths.every((held) => Math.abs(held - strength) > 0.03)) return strength;
  }
}

async function disturbPictures(
  frames: readonly RgbFrame[],
  stream: RandomStream,
  share: number,
): Promise<Pick<Version, 'frames' | 'applied'>> {
  const applied: Applied<PictureDistortionKind>[] = [];
  let out = [...frames];
  if (stream.uniform() >= share) return { frames: out, applied };
  const count = stream.uniform() < 0.25 ? 2 : 1;
  for (let i = 0; i < count; i++) {
    const kind = drawn[stream.below(drawn.length)]!;
    if (applied.some((before) => before.kind === kind)) continue;
    const strength = strengthOf(stream);
    out = await pictureDistortions[kind](out, strength, stream);
    applied.push({ kind, strength });
  }
  return { frames: out, applied };
}

function disturbMotion(frames: readonly RgbFrame[], stream: RandomStream): Pick<Version, 'frames' | 'motion'> {
  if (stream.uniform() < 0.25) return { frames: [...frames], motion: null };
  const kind = motionKinds[stream.below(motionKinds.length)]!;
  const strength = strengthOf(stream);
  return { frames: motionDistortions[kind](frames, strength, stream), motion: { kind, strength } };
}

function factsOf(originals: readonly RgbFrame[], { frames, applied, motion }: Version): Facts {
  const mean = (of: (a: RgbFrame, b: RgbFrame) => number): number =>
    frames.reduce((total, frame, i) => total + of(originals[i]!, frame), 0) / frames.length;
  return {
    applied,
    motion,
    ssim: mean((a, b) => ssim(a, b)),
    psnr: mean((a, b) => Math.min(60, psnr(a, b))),
    statistics: statisticsOf(frames[0]!),
  };
}
