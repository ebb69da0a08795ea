// The trie of legal answers over token ids: what one forward pass needs to score every answer exactly.
import { invariant, show, UserError } from '../core/index.ts';
import type { LegalAnswer } from './answer.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** An inner node: a beginning of an answer after which more tokens follow. */
export interface TrieNode {
  /** Index of the parent node; -1 for the root. */
  parent: number;
  /** Token that leads here from the parent; -1 for the root. */
  token: number;
  /** Tokens from the root to here. */
  depth: number;
}

/** One step of an answer: the token chosen at a node. */
export interface TrieStep {
  /** Index of the node. */
  node: number;
  /** Token id. */
  token: number;
  /** Index of the token in {@link AnswerTrie.columns}. */
  column: number;
}

/** An answer and its way through the trie. */
export interface TrieAnswer extends LegalAnswer {
  /** One step per token; the answer's probability is the product of the steps' full-vocabulary probabilities. */
  path: TrieStep[];
}

/** All legal answers as a trie over tokens. */
export interface AnswerTrie {
  /** The texts that the answers were tokenized behind, with the same tokens; one of them is a prompt's `tail`. */
  contexts: readonly string[];
  /** Inner nodes, parents before children; the root is the first. Leaves are not listed. */
  nodes: TrieNode[];
  /** Token ids on any edge, rising, without repeats. */
  columns: number[];
  /** The answers in the order given. */
  answers: TrieAnswer[];
}

/**
 * Tokenizes an answer as the continuation of a prompt.
 * @param tokenizer - the model's tokenizer
 * @param context - the prompt's text behind its last special token (`tail`)
 * @param answer - the answer's characters; nothing in them is taken for a special token
 * @returns the answer's token ids, at least one
 * @throws UserError `not-supported` when the tokenizer joins the end of the prompt with the start of the answer
 */
export function tokenizeAnswer(tokenizer: TextTokenizer, context: string, answer: string): number[] {
  const before = tokenizer.encode(context, { special: false });
  const whole = tokenizer.encode(context + answer, { special: false });
  const ids = whole.slice(before.length);
  if (ids.length === 0 || before.some((id, i) => id !== whole[i])) {
    const text = `${show(answer)} behind ${show(context.slice(-20))}`;
    throw new UserError(
      'not-supported',
      `tokenizer: expected the answer ${text} to be tokens of its own, got joined ones`,
    );
  }
  return ids;
}

/**
 * Builds the trie of legal answers.
 * @param tokenizer - the model's tokenizer
 * @param context - the prompt's text behind its last special token (`tail`)
 * @param answers - the legal answers
 * @returns the trie
 * @throws UserError `not-supported` when an answer's tokens are the beginning of another's: its probability would include the
 * other's, because the end of an answer is not a target. No built-in codec gives such answers with a byte-level tokenizer that
 * keeps digits apart.
 */
export function buildAnswerTrie(
  tokenizer: TextTokenizer,
  context: string,
  answers: readonly LegalAnswer[],
): AnswerTrie {
  invariant(answers.length > 0, 'a trie needs at least one answer');
  const tokenized = answers.map((answer) => ({ ...answer, ids: tokenizeAnswer(tokenizer, context, answer.text) }));
  refusePrefixes(tokenized);
  const columns = [...new Set(tokenized.flatMap((answer) => answer.ids))].sort((a, b) => a - b);
  const columnOf = new Map(columns.map((token, column) => [token, column]));
  const nodes: TrieNode[] = [{ parent: -1, token: -1, depth: 0 }];
  const children = new Map<string, number>();
  const childOf = (parent: number, token: number): number => {
    const key = `${parent}:${token}`;
    const known = children.get(key);
    if (known !== undefined) return known;
    const index = nodes.push({ parent, token, depth: nodes[parent]!.depth + 1 }) - 1;
    children.set(key, index);
    return index;
  };
  const paths = tokenized.map(({ text, value, ids }): TrieAnswer => {
    let node = 0;
    const path = ids.map((token, i): TrieStep => {
      if (i > 0) node = childOf(node, ids[i - 1]!);
      return { node, token, column: columnOf.get(token)! };
    });
    return { text, value, path };
  });
  return { contexts: [context], nodes, columns, answers: paths };
}

function refusePrefixes(tokenized: readonly { text: string; ids: number[] }[]): void {
  const owners = new Map(tokenized.map(({ text, ids }) => [ids.join(' '), text]));
  invariant(owners.size === tokenized.length, 'two legal answers have the same tokens');
  for (const { text, ids } of tokenized) {
    for (let length = 1; length < ids.length; length++) {
      const shorter = owners.get(ids.slice(0, length).join(' '));
      if (shorter === undefined) continue;
      const got = `${show(shorter)} and ${show(text)}`;
      throw new UserError('not-supported', `answers: expected no answer's tokens to begin another's, got ${got}`);
    }
  }
}
