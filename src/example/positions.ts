// Positions of tokens in time, height and width (M-RoPE of Qwen2.5-VL).
import type { VisionSpan } from '../prompt/index.ts';

/**
 * Which transformers the positions of videos are those of.
 * - `transformers` (5.18): the time index of a temporal patch is the whole part of patch · seconds per patch · tokens a second;
 * - `transformers-5.17`: seconds per patch are truncated to whole ones first, so that all frames sampled at more than two a
 *   second share one time index.
 */
export type PositionRule = 'transformers' | 'transformers-5.17';

/** What {@link ropePositions} needs. */
export interface PositionInput {
  /** Number of tokens, T. */
  length: number;
  /** The images and videos among them, in order. */
  visions: readonly VisionSpan[];
  /** Patches merged to one token, along each side. Default 2. */
  mergeSize?: number;
  /** Time indices a second, `vision_config.tokens_per_second`. Default 2, as in all Qwen2.5-VL checkpoints. */
  tokensPerSecond?: number;
  /** Which rule. Default `transformers`. */
  rule?: PositionRule;
}

/**
 * Positions as `get_rope_index` of transformers' `Qwen2_5_VLModel` gives them: text counts on in all three axes; a patch has the
 * position where its image or video starts plus its own time, row and column; text goes on after the larger of rows and columns.
 * @param input - length and spans
 * @returns [3, T] positions, row-major: time, height, width
 */
export function ropePositions(input: PositionInput): Int32Array {
  const { length, visions, mergeSize = 2, tokensPerSecond = 2, rule = 'transformers' } = input;
  const positions = new Int32Array(3 * length);
  let next = 0;
  let index = 0;
  const text = (end: number): void => {
    for (; index < end; index++, next++) {
      for (let axis = 0; axis < 3; axis++) positions[axis * length + index] = next;
    }
  };
  for (const vision of visions) {
    text(vision.start);
    const rows = vision.grid.h / mergeSize;
    const columns = vision.grid.w / mergeSize;
    const interval = timeInterval(vision, tokensPerSecond, rule);
    for (let t = 0; t < vision.grid.t; t++) {
      const time = Math.trunc(Math.fround(t * interval));
      for (let y = 0; y < rows; y++) {
        for (let x = 0; x < columns; x++, index++) {
          positions[index] = next + time;
          positions[length + index] = next + y;
          positions[2 * length + index] = next + x;
        }
      }
    }
    next += Math.max(rows, columns);
  }
  text(length);
  return positions;
}

/** The reference computes in float32, and so decides on which side of a whole number a product falls. */
function timeInterval(vision: VisionSpan, tokensPerSecond: number, rule: PositionRule): number {
  if (vision.kind === 'image') return 1;
  const seconds = Math.fround(vision.secondsPerGrid ?? 1);
  return Math.fround(tokensPerSecond * (rule === 'transformers' ? seconds : Math.trunc(seconds)));
}
