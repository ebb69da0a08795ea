/**
 * Clips to the vision tower's input: still pictures and videos decoded in confined child processes, frames picked by declared
 * rules, resized and cut into patches exactly as the reference processor does, and the plan that says what was taken.
 * @module video
 */
export type { SandboxMode } from './confinement/sandbox.ts';
export { bestConfinement, confinementFor, onUnconfined, sandboxMode } from './confinement/sandbox.ts';
export { decoderBuild } from './decoder-build.ts';
export { systemFfmpeg } from './ffmpeg/programs.ts';
export { withNodeAv } from './node-av.ts';
export type { PatchOptions } from './patches.ts';
export { cutPatches, patchGrid } from './patches.ts';
export { nearDuplicates, pictureHash } from './picture-hash.ts';
export { writePng } from './png.ts';
export type { FrameReader } from './reader.ts';
export { openFrameReader } from './reader.ts';
export type { Kernel } from './resize-simd.ts';
export { resizeVectors } from './resize-simd.ts';
export { resizeBicubic } from './resize.ts';
export type {
  ClipInput,
  DecoderName,
  FrameOptions,
  FramePick,
  FramePlan,
  FrameSize,
  FrameTime,
  PixelOptions,
  RgbFrame,
} from './types.ts';
export { decoderNames, defaultLimits, storedPixels } from './types.ts';
