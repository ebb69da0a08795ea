/**
 * Clips to the vision tower's input: still pictures and videos decoded in confined child processes, frames picked by declared
 * rules, resized and cut into patches exactly as the reference processor does, and the plan that says what was taken.
 * @module video
 */
export type { Confinement, Refusals, SandboxMode } from './confinement/sandbox.ts';
export { bestConfinement, confinementFor, onUnconfined, sandboxMode, sandboxModes } from './confinement/sandbox.ts';
export type { Tools } from './confinement/tools.ts';
export type { DecoderBuild } from './decoder-build.ts';
export { decoderBuild, licenceOf } from './decoder-build.ts';
export type { SystemFfmpeg } from './ffmpeg/programs.ts';
export { systemFfmpeg } from './ffmpeg/programs.ts';
export { withNodeAv } from './node-av.ts';
export type { PatchOptions } from './patches.ts';
export { cutPatches } from './patches.ts';
export type { NearDuplicate } from './picture-hash.ts';
export { nearDuplicates, pictureHash } from './picture-hash.ts';
export { writePng } from './png.ts';
export type { FrameReader, FrameReaderOptions } from './reader.ts';
export { openFrameReader } from './reader.ts';
export { resizeBicubic, smartResize } from './resize.ts';
export type {
  ClipFrames,
  ClipInput,
  DecodeLimits,
  DecoderName,
  FrameOptions,
  FramePick,
  FramePlan,
  FrameSize,
  FrameTime,
  PatchGrid,
  PixelOptions,
  RgbFrame,
  VisionPixels,
} from './types.ts';
export { decoderNames, defaultLimits, shownPixels, storedPixels } from './types.ts';
