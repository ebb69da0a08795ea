// Kinds of generated clips: what is wrong with them, and what their label is.
import type { RandomStream } from '../../src/core/index.ts';
import type { MotionDistortionKind, PictureDistortionKind } from '../../src/synthesis/index.ts';
import { motionDistortions, pictureDistortions } from '../../src/synthesis/index.ts';
import type { RgbFrame } from '../../src/video/index.ts';
import { textOf, tint } from './text.ts';

/** What a clip is drawn to be. */
export interface Drawn {
  /** Its label: 1–5 in tenths. */
  mos: number;
  /** What is wrong with it, or what its text is about. */
  fault: string;
  /** How strong that is: above 0, at most 1. */
  strength: number;
  /** The text that it is said to be generated from. */
  prompt: string;
}

/** A kind of clips. */
export interface GeneratedKind {
  /** What it is, in a sentence. */
  about: string;
  /** The label in words. */
  label: string;
  /** Side of a frame, in pixels. */
  size: number;
  /** Frames of a clip. */
  numFrames: number;
  /** Frames a second. */
  fps: number;
  /** Frames from one keyframe to the next; null: as the encoder likes. */
  keyInterval: number | null;
  /** Whether two neighbouring frames of each clip are written as a clip of their own, too. */
  hasNeighbours: boolean;
  /** Draws a clip. */
  draw: (stream: RandomStream) => Drawn;
  /** Puts into frames what was drawn. */
  apply: (frames: readonly RgbFrame[], drawn: Drawn, stream: RandomStream) => RgbFrame[] | Promise<RgbFrame[]>;
}

/** Short clips, and those that frames are picked from. */
const [SHORT, LONG] = [
  { size: 224, numFrames: 8, fps: 8, keyInterval: null, hasNeighbours: false },
  { size: 160, numFrames: 48, fps: 24, keyInterval: 12, hasNeighbours: true },
] as const;

const byStrength = 'mos = 5 - 4 * strength in tenths; strength even in 0-1, in hundredths';
const UNTOLD = 'a camera pans over a photograph';

/** One fault of a list, and a label from its strength. */
function drawFault(faults: readonly string[]): GeneratedKind['draw'] {
  return (stream) => {
    const fault = faults[stream.below(faults.length)]!;
    const strength = (1 + stream.below(100)) / 100;
    return { mos: Math.round(10 * (5 - 4 * strength)) / 10, fault, strength, prompt: UNTOLD };
  };
}

function ofPictures(
  about: string,
  faults: readonly PictureDistortionKind[],
  clip: typeof SHORT | typeof LONG,
): GeneratedKind {
  return {
    about,
    label: byStrength,
    ...clip,
    hasNeighbours: false,
    draw: drawFault(faults),
    apply: (frames, { fault, strength }, stream) =>
      pictureDistortions[fault as PictureDistortionKind](frames, strength, stream),
  };
}

function ofMotion(about: string, faults: readonly MotionDistortionKind[]): GeneratedKind {
  return {
    about,
    label: byStrength,
    ...LONG,
    draw: drawFault(faults),
    apply: (frames, { fault, strength }, stream) =>
      motionDistortions[fault as MotionDistortionKind](frames, strength, stream),
  };
}

/** All kinds, by name. */
export const generatedKinds = {
  codec: ofPictures('a codec each', ['jpeg', 'mjpeg', 'h264', 'hevc', 'av1'], SHORT),
  optical: ofPictures(
    'a fault of lens or sensor each',
    ['gaussian-blur', 'motion-blur', 'defocus', 'gaussian-noise', 'chroma-noise', 'impulse-noise'],
    SHORT,
  ),
  temporal: ofMotion('a fault in time each', ['flicker', 'shake']),
  spatial: ofPictures('a fault of every frame each', ['gaussian-blur', 'gaussian-noise', 'jpeg'], LONG),
  text: {
    about: 'a text that names brightness or colour, and a picture that fits it or does not',
    label:
      'mos = 3 + 2 * fit in tenths; fit = strength where the picture is as the text says, -strength where it is the opposite',
    ...SHORT,
    draw: (stream) => {
      const fault = stream.below(2) === 0 ? 'brightness' : 'colour';
      const strength = (1 + stream.below(100)) / 100;
      const [says, shows] = [stream.below(2), stream.below(2)];
      const mos = Math.round(10 * (3 + 2 * (says === shows ? strength : -strength))) / 10;
      return { mos, fault: `${fault}-${shows === 0 ? 'low' : 'high'}`, strength, prompt: textOf(fault, says === 1) };
    },
    apply: (frames, { fault, strength }) => tint(frames, fault, strength),
  },
} as const satisfies Record<string, GeneratedKind>;

/** A name of {@link generatedKinds}. */
export type GeneratedKindName = keyof typeof generatedKinds;
