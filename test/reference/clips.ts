// The clips of models.py: text around the tokens of random pixels, as the graphs take them.
import type { TokenRows } from '../../src/inputs/token-rows.ts';
import { positionsOf as positionsBy } from '../../src/inputs/index.ts';
import type { Checkpoint, PositionRule, VisionPatches } from '../../src/model/index.ts';
import { compileTower } from '../../src/engine/onnx/tower.ts';
import type { VisionSpan } from '../../src/prompt/index.ts';

/** An image or video as the scripts describe it. */
export interface VisionDescription {
  kind: 'image' | 'video';
  grid: [number, number, number];
  secondsPerGrid: number | null;
}

/** Tokens before the first image or video. */
const BEFORE = 7;

/** Where the images or videos of a clip lie. */
export function spansOf(visions: readonly VisionDescription[]): VisionSpan[] {
  let start = BEFORE;
  return visions.map(({ kind, grid: [t, h, w], secondsPerGrid }): VisionSpan => {
    const length = (t * h * w) / 4;
    const span = { kind, grid: { t, h, w }, start: start + 1, length };
    start += length + 2;
    return secondsPerGrid === null ? span : { ...span, secondsPerGrid };
  });
}

/** Positions by either rule, [3, length]. */
export function positionsOf(
  checkpoint: Checkpoint,
  visions: readonly VisionSpan[],
  length: number,
  rule: PositionRule,
): Int32Array {
  return positionsBy(checkpoint, rule)(length, visions);
}

/** A clip as rows of the text graph, with the positions of the reference at hand. */
export function rowsOf(checkpoint: Checkpoint, visions: readonly VisionSpan[], ids: ArrayLike<number>): TokenRows {
  const visionSlots = new Int32Array(ids.length).fill(-1);
  let slot = 0;
  for (const { start, length } of visions) for (let i = 0; i < length; i++) visionSlots[start + i] = slot++;
  return {
    tokenIds: Int32Array.from(ids),
    positions: positionsOf(checkpoint, visions, ids.length, 'transformers-5.17'),
    visionSlots,
    branchParent: new Int32Array(ids.length).fill(-1),
    promptLength: ids.length,
  };
}

/** Features of a clip's pixels, [M, C]. */
export async function featuresOf(
  checkpoint: Checkpoint,
  visions: readonly VisionSpan[],
  pixels: Float32Array,
): Promise<Float32Array> {
  let start = 0;
  const patches = visions.map(({ grid }): VisionPatches => {
    const end = start + grid.t * grid.h * grid.w * 1176;
    const own = { grid, pixels: pixels.subarray(start, end) };
    start = end;
    return own;
  });
  await using tower = await compileTower(checkpoint);
  return await tower.encode(patches);
}
