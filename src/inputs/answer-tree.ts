// A prompt with one branch token per inner trie node: all legal answers scored by one forward pass.
import { invariant, show } from '../core/index.ts';
import type { AnswerTrie, EncodedPrompt } from '../prompt/index.ts';
import type { AnswerTree } from './prepared-example.ts';
import { promptRows, type Positions, type TokenRows } from './token-rows.ts';

/** The rows of a scoring pass, and which of them give the answers. */
export interface ScoringExample extends TokenRows, AnswerTree {}

/**
 * Builds the rows of one scoring pass (also fed by the losses that need the distribution). A branch row carries the token that
 * leads to its node, the position that this token would have in text, and sees the prompt and its own ancestors only; so its
 * logits are those of a pass over the prompt and that beginning of an answer alone.
 * @param prompt - the encoded prompt
 * @param trie - the legal answers, tokenized behind the same text as the prompt ends with
 * @param how - how rows get their positions
 * @returns P + N - 1 rows, for N inner nodes
 */
export function buildScoringExample(prompt: EncodedPrompt, trie: AnswerTrie, how: Positions): ScoringExample {
  const { tail } = prompt;
  const behind = trie.contexts.map(show).join(' and ');
  invariant(trie.contexts.includes(tail), `trie built behind ${behind}, prompt ends ${show(tail)}`);
  const branches = trie.nodes.slice(1);
  const rows = promptRows(
    prompt,
    how,
    branches.map((node) => node.token),
  );
  const { positions, branchParent, promptLength } = rows;
  const length = rows.tokenIds.length;
  // Node i's row; node 0 is the root.
  const rowOf = (node: number): number => promptLength - 1 + node;
  branches.forEach((node, i) => {
    const row = rowOf(i + 1);
    branchParent[row] = rowOf(node.parent);
    for (let axis = 0; axis < 3; axis++) {
      positions[axis * length + row] = positions[axis * length + promptLength - 1]! + node.depth;
    }
  });
  return {
    ...rows,
    nodeRows: Int32Array.from(trie.nodes, (_, node) => rowOf(node)),
    columns: Int32Array.from(trie.columns),
    answers: trie.answers,
  };
}
