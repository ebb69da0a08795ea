// Who sees whom, as a bias on attention scores: causal rows, branches of a scoring pass, padding.
import { invariant } from '../../../core/index.ts';
import type { TokenRows } from '../sizes.ts';

/** Bias of a row that is not seen: exp() of it is exactly 0 in fp32, and no sum with a score becomes infinite. */
export const hiddenBias = -1e9;

/**
 * The bias that is added to attention scores before the softmax.
 * @param examples - B examples; each has at most `length` rows, at the front, and padding behind
 * @param length - T, rows of the batch. Default: those of the longest example
 * @param past - P, rows before those of the examples that all of them see. Default 0
 * @returns [B, T, P+T] fp32, row-major (batch, row that looks, row looked at): 0 where seen, {@link hiddenBias} elsewhere. A padding
 * row sees itself only and is seen by nobody else.
 */
export function attentionBias(
  examples: readonly Pick<TokenRows, 'branchParent'>[],
  length: number = Math.max(...examples.map((example) => example.branchParent.length)),
  past = 0,
): Float32Array {
  const width = past + length;
  const bias = new Float32Array(examples.length * length * width).fill(hiddenBias);
  examples.forEach(({ branchParent }, b) => {
    invariant(branchParent.length <= length, `example of ${branchParent.length} rows in a batch of ${length}`);
    for (let row = 0; row < length; row++) {
      const start = (b * length + row) * width + past;
      bias[start + row] = 0;
      if (row >= branchParent.length) continue;
      bias.fill(0, start - past, start);
      const parent = branchParent[row]!;
      invariant(parent < row, `branch row ${row} hangs on the later row ${parent}`);
      if (parent < 0) {
        bias.fill(0, start, start + row);
      } else {
        const parentStart = (b * length + parent) * width + past;
        for (let seen = 0; seen <= parent; seen++) bias[start + seen] = bias[parentStart + seen]!;
      }
    }
  });
  return bias;
}
