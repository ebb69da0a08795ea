// What the layers above see of a clip: how its frames are to be taken, the plan of what was taken, and the model's input.
import type { MediaNote } from '../media/index.ts';
import type { VisionInput } from '../model/index.ts';

/**
 * Which frames of a video are taken; n is the number of frames that decoding it gives, k is `count`.
 * - `middle`: the k consecutive frames in the middle; for one frame, index ⌊n/2⌋;
 * - `first`: frames 0 … k-1; decoding stops there, so that `numFrames` stays unknown;
 * - `uniform`: the centres of k equal parts, index ⌊(i + ½)·n/k⌋;
 * - `random`: k different frames in order, fixed by `seed` and the file's content;
 * - `keyframe`: the centres of k equal parts of the list of keyframes.
 *
 * A clip with fewer (key) frames than asked for gives all that it has, none twice, and the plan notes it.
 */
export type FramePick = 'middle' | 'first' | 'uniform' | 'random' | 'keyframe';

/** How the frames of every clip are taken and brought to the model's size; what is not said of pixels is as they are stored. */
export interface FrameOptions extends Partial<PixelOptions> {
  /** Which frames. */
  pick: FramePick;
  /** How many frames; at least 1. A still picture is one frame. */
  count: number;
  /** What two or more frames are to the model: one video, or separate images. One frame is an image. */
  as: 'video' | 'images';
  /** Least number of pixels of a resized frame. */
  minPixels: number;
  /** Greatest number of pixels of a resized frame. */
  maxPixels: number;
  /** Seed of `random`. */
  seed: number;
  /** Side of a patch, in pixels (14 for Qwen2.5-VL). */
  patchSize: number;
  /** Patches per side of a merged patch (2); sizes are multiples of `patchSize * mergeSize`. */
  mergeSize: number;
  /** Frames per patch (2). */
  temporalPatchSize: number;
  /** Mean of red, green, blue, of values in 0–1. */
  mean: readonly [number, number, number];
  /** Standard deviation of red, green, blue, of values in 0–1. */
  std: readonly [number, number, number];
  /** Frames per second of clips that carry no timing, such as GIFs without delays; default 10. */
  assumedFps?: number;
  /** What decodes videos; default `node-av`. */
  decoder?: DecoderName;
}

/** What decodes videos: FFmpeg's libraries inside the package node-av, or the system's programs `ffmpeg` and `ffprobe`. */
export type DecoderName = 'node-av' | 'ffmpeg';

/** All decoders of videos. */
export const decoderNames: readonly DecoderName[] = ['node-av', 'ffmpeg'];

/** What is done to pixels that a player would not show as they are stored. */
export interface PixelOptions {
  /** HDR (PQ, HLG) to SDR by the curve of ITU-R BT.2390; `none`: the numbers are taken as SDR's. */
  toneMap: 'bt2390' | 'none';
  /** Frames of two fields by FFmpeg's filter bwdif; `none`: both fields are one picture. */
  deinterlace: 'bwdif' | 'none';
  /** Whether frames whose pixels are not square get the shape that they are shown in. */
  squarePixels: boolean;
  /** Pictures with a colour profile to sRGB by it; `ignore`: the numbers are taken as sRGB's. */
  profile: 'srgb' | 'ignore';
}

/** Pixels as a player shows them: what recipes do where they say nothing. */
export const shownPixels: Readonly<PixelOptions> = {
  toneMap: 'bt2390',
  deinterlace: 'bwdif',
  squarePixels: true,
  profile: 'srgb',
};

/** Pixels as they are stored: what cards and runs without these keys were made with, and what the reference does. */
export const storedPixels: Readonly<PixelOptions> = {
  toneMap: 'none',
  deinterlace: 'none',
  squarePixels: false,
  profile: 'ignore',
};

/** A media file; a row of a manifest is one. */
export interface ClipInput {
  /** Path of the file; never taken for an address, whatever its name. */
  path: string;
  /** What a table calls it. Its content decides how it is read; of an animation (GIF, APNG), `image` is the first picture. */
  kind: 'video' | 'image';
}

/** One frame of a plan. */
export interface FrameTime {
  /** Index in presentation order, from 0. */
  index: number;
  /** Seconds since the first frame; null for a still. */
  seconds: number | null;
}

/** A size in pixels. */
export interface FrameSize {
  /** Rows. */
  height: number;
  /** Columns. */
  width: number;
}

/** Which frames were taken of a clip, and how: what a score depends on beside model and prompt. */
export interface FramePlan {
  /** The file. */
  path: string;
  /** The frames in order: index in presentation order from 0, seconds since the first frame (null for a still). */
  frames: FrameTime[];
  /** Width of the source frames after rotation, in pixels. */
  sourceWidth: number;
  /** Height of the source frames after rotation, in pixels. */
  sourceHeight: number;
  /** Width that the model sees, in pixels. */
  width: number;
  /** Height that the model sees, in pixels. */
  height: number;
  /** Number of frames that decoding gave; null where decoding stopped early. */
  numFrames: number | null;
  /** Seconds from the start of the first frame to the end of the last; null for a still. */
  duration: number | null;
  /** Mean frames per second; null for a still. */
  fps: number | null;
  /** Where the seconds come from: the file, `assumedFps`, or none for a still. */
  timing: 'container' | 'assumed' | 'none';
  /** What the model takes: one image, several, or a video. */
  as: 'image' | 'images' | 'video';
  /** What decoded it, with its version, where that was not node-av: `ffmpeg 5.1.9`. */
  decoder?: string;
  /** How the file's colours became RGB. */
  colour: string;
  /** What was done to the pixels besides: tone mapping, deinterlacing, square pixels, a colour profile; mostly nothing. */
  corrections: string[];
  /** SHA-256 (hexadecimal) of the resized 8-bit RGB pixels of all frames, one after the other. */
  sha256: string;
  /** What a careful user should know, such as HDR without tone mapping or assumed timing: `KIND: wording` each. */
  notes: MediaNote[];
}

/** A picture of 8-bit RGB. */
export interface RgbFrame {
  /** Columns. */
  width: number;
  /** Rows. */
  height: number;
  /** Values, [height, width, 3]. */
  data: Uint8Array;
}

/** A clip, read. */
export interface ClipFrames {
  /** What was taken. */
  plan: FramePlan;
  /** What the frames are to the model: one image or one video, or one image per frame. */
  visions: VisionInput[];
  /** The resized frames, in order. */
  rgb: RgbFrame[];
}

/** What one clip may cost; beyond it, the clip is an error. */
export interface DecodeLimits {
  /** Size of the file, in bytes; default 2 GiB. */
  maxBytes: number;
  /** Pixels of one decoded frame or picture; default 2²⁷ (134 million). */
  maxPixels: number;
  /** Frames of a video that are decoded; default 36,000 (20 minutes at 30 frames a second). */
  maxFrames: number;
  /** Milliseconds of processor time, of all threads together; default 120,000. */
  maxMilliseconds: number;
  /** Milliseconds without a sign of life from the decoding process, a last resort; default 600,000. */
  maxSilentMilliseconds: number;
  /** Resident memory of the decoding process, in bytes; default 2 GiB. */
  maxMemory: number;
}

/** The limits that hold where nothing else is said. */
export const defaultLimits: Readonly<DecodeLimits> = {
  maxBytes: 2 ** 31,
  maxPixels: 2 ** 27,
  maxFrames: 36_000,
  maxMilliseconds: 120_000,
  maxSilentMilliseconds: 600_000,
  maxMemory: 2 ** 31,
};
