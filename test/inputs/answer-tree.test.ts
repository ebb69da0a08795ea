import { describe, expect, test } from 'vitest';
import { buildScoringExample, promptRows } from '../../src/inputs/index.ts';
import { attentionBias, hiddenBias } from '../../src/model/families/shared/attention-bias.ts';
import { buildAnswerTrie, createAnswerCodec, encodePrompt } from '../../src/prompt/index.ts';
import type { VisionInput } from '../../src/prompt/encode-prompt.ts';
import { setups } from '../prompt/fixtures.ts';
import { positions } from './fixtures.ts';

const video: VisionInput = { kind: 'video', grid: { t: 2, h: 2, w: 4 }, secondsPerGrid: 0.5 };
const codecs = [
  createAnswerCodec(),
  createAnswerCodec({ kind: 'decimal', step: 0.5 }),
  createAnswerCodec({ kind: 'level' }),
];

/** Which rows a row sees, read from the bias. */
function seen(bias: Float32Array, length: number, row: number, batch = 0): number[] {
  const start = (batch * length + row) * length;
  const values = [...bias.subarray(start, start + length)];
  expect(values.every((value) => value === 0 || value === hiddenBias)).toBe(true);
  return values.flatMap((value, i) => (value === 0 ? [i] : []));
}

describe.each(setups)('$name', (setup) => {
  const prompt = encodePrompt({ ...setup, question: 'Rate.', visions: [video] });

  describe.each(codecs)('$kind', (codec) => {
    const trie = buildAnswerTrie(setup.tokenizer, prompt.tail, codec.legalAnswers()!);
    const example = buildScoringExample(prompt, trie, positions);
    const length = example.tokenIds.length;

    test('has one row per inner node but the root', () => {
      expect(length).toBe(prompt.tokenIds.length + trie.nodes.length - 1);
      expect(example.nodeRows[0]).toBe(prompt.tokenIds.length - 1);
      expect([...example.columns]).toEqual(trie.columns);
    });

    test('each node looks like the row of an ordinary pass over the prompt and its own beginning of an answer', () => {
      const bias = attentionBias([example]);
      for (const { path } of example.answers) {
        for (const [depth, step] of path.entries()) {
          const row = example.nodeRows[step.node]!;
          const alone = promptRows(
            prompt,
            positions,
            path.slice(0, depth).map(({ token }) => token),
          );
          const last = alone.tokenIds.length - 1;
          const visible = seen(bias, length, row);
          // What it sees, in order: the same tokens at the same positions as in that pass.
          expect(visible.map((i) => example.tokenIds[i])).toEqual([...alone.tokenIds]);
          for (let axis = 0; axis < 3; axis++) {
            const shown = visible.map((i) => example.positions[axis * length + i]);
            expect(shown).toEqual([...alone.positions.subarray(axis * (last + 1), (axis + 1) * (last + 1))]);
          }
          expect(example.columns[step.column]).toBe(step.token);
        }
      }
    });
  });

  test('a trie for another prompt ending is a bug', () => {
    const trie = buildAnswerTrie(setup.tokenizer, 'bot: ', codecs[0]!.legalAnswers()!);
    expect(() => buildScoringExample(prompt, trie, positions)).toThrow(
      'trie built behind "bot: ", prompt ends "assistant\\n"',
    );
  });
});

test('attention bias: causal, branches, padding', () => {
  const causal = { branchParent: Int32Array.from([-1, -1, -1]) };
  const tree = { branchParent: Int32Array.from([-1, -1, 1, 1, 2]) };
  const bias = attentionBias([causal, tree], 6);
  const rows = (batch: number): number[][] => Array.from({ length: 6 }, (_, row) => seen(bias, 6, row, batch));
  expect(rows(0)).toEqual([[0], [0, 1], [0, 1, 2], [3], [4], [5]]);
  expect(rows(1)).toEqual([[0], [0, 1], [0, 1, 2], [0, 1, 3], [0, 1, 2, 4], [5]]);
  expect(attentionBias([causal, tree])).toHaveLength(2 * 5 * 5);
  expect(() => attentionBias([tree], 4)).toThrow('example of 5 rows in a batch of 4');
  expect(() => attentionBias([{ branchParent: Int32Array.from([-1, 1]) }])).toThrow('hangs on the later row 1');
});
