// Positions of tokens in time, height and width (M-RoPE of Qwen2.5-VL).
import type { VisionSpan, PositionRule } from '../sizes.ts';
import type { PositionsInput } from '../types.ts';
import type { QwenVisionConfig } from './config.ts';

/**
 * Positions as `get_rope_index` of transformers' `Qwen2_5_VLModel` gives them: text counts on in all three axes; a patch has the
 * position where its image or video starts plus its own time, row and column; text goes on after the larger of rows and columns.
 * @param input - length, spans and rule
 * @param vision - patches merged to one token, and time indices a second
 * @returns [3, T] positions, row-major: time, height, width
 */
export function ropePositions(
  { length, visions, rule }: PositionsInput,
  { spatialMergeSize: mergeSize, tokensPerSecond }: Pick<QwenVisionConfig, 'spatialMergeSize' | 'tokensPerSecond'>,
): Int32Array {
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
