import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildAnswerTrie, createAnswerCodec, tokenizeAnswer, type AnswerTrie } from '../../src/prompt/index.ts';
import { createTokenizer } from '../../src/prompt/tokenizer.ts';
import { setups, tinyTokenizerJson } from './fixtures.ts';

const context = 'assistant\n';

function pathTokens(trie: AnswerTrie, answer: number): number[] {
  return trie.answers[answer]!.path.map((step) => step.token);
}

/** Every property that a trie must have, whatever the tokenizer and the answers. */
function checkTrie(trie: AnswerTrie, texts: readonly string[], decode: (ids: number[]) => string): void {
  expect(trie.answers.map((answer) => answer.text)).toEqual(texts);
  expect(trie.nodes[0]).toEqual({ parent: -1, token: -1, depth: 0 });
  const edges = new Set<string>();
  for (const [i, answer] of trie.answers.entries()) {
    expect(decode(pathTokens(trie, i))).toBe(answer.text);
    expect(answer.path[0]!.node).toBe(0);
    for (const [k, step] of answer.path.entries()) {
      expect(trie.columns[step.column]).toBe(step.token);
      expect(trie.nodes[step.node]!.depth).toBe(k);
      const before = answer.path[k - 1];
      const cameFrom = { parent: before?.node ?? -1, token: before?.token ?? -1 };
      expect(trie.nodes[step.node]).toMatchObject(cameFrom);
      edges.add(`${step.node}:${step.token}`);
    }
  }
  // Bijective: as many leaves as answers, and every node lies on some answer's way.
  expect(edges.size - (trie.nodes.length - 1)).toBe(texts.length);
  const nodesOnPaths = new Set(trie.answers.flatMap((answer) => answer.path.map((step) => step.node)));
  expect(nodesOnPaths.size).toBe(trie.nodes.length);
  trie.nodes.slice(1).forEach((node, i) => expect(node.parent).toBeLessThan(i + 1));
  expect(trie.columns).toEqual([...new Set(trie.columns)].sort((a, b) => a - b));
}

const codecs = [
  createAnswerCodec(),
  createAnswerCodec({ step: 0.2 }),
  createAnswerCodec({ step: 0.5 }),
  createAnswerCodec({ step: 1 }),
  createAnswerCodec({ kind: 'decimal' }),
  createAnswerCodec({ kind: 'decimal', step: 0.5 }),
  createAnswerCodec({ kind: 'level' }),
];

describe.each(setups)('$name', ({ tokenizer }) => {
  test.each(codecs)('$kind with step $step', (codec) => {
    const answers = codec.legalAnswers()!;
    const trie = buildAnswerTrie(tokenizer, context, answers);
    checkTrie(
      trie,
      answers.map((answer) => answer.text),
      (ids) => tokenizer.decode(ids),
    );
  });

  test('any set of words that are no beginnings of each other', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.stringMatching(/^[a-e0-3 .]{0,5}$/u), { minLength: 1, maxLength: 12 }), (words) => {
        const texts = words.map((word) => `${word}#`);
        const answers = texts.map((text, value) => ({ text, value }));
        checkTrie(buildAnswerTrie(tokenizer, context, answers), texts, (ids) => tokenizer.decode(ids));
      }),
      { numRuns: 60 },
    );
  });
});

test("Qwen's 41 integers are a root and five first digits over ten columns", () => {
  const trie = buildAnswerTrie(setups[0]!.tokenizer, context, createAnswerCodec().legalAnswers()!);
  expect(trie.nodes).toHaveLength(6);
  expect(trie.columns).toEqual([15, 16, 17, 18, 19, 20, 21, 22, 23, 24]);
  expect(pathTokens(trie, 25)).toEqual([18, 20]);
});

test('nothing assumes a token per digit', () => {
  const trie = buildAnswerTrie(setups[2]!.tokenizer, context, createAnswerCodec().legalAnswers()!);
  expect(new Set(trie.answers.map((answer) => answer.path.length))).toEqual(new Set([1, 2]));
});

test('refuses answers that begin one another, and joins with the prompt', () => {
  const { tokenizer } = setups[1]!;
  const answers = [
    { text: '35', value: 3.5 },
    { text: '3', value: 3 },
  ];
  expect(() => buildAnswerTrie(tokenizer, context, answers)).toThrow('got "3" and "35"');
  const joining = createTokenizer(tinyTokenizerJson({ joinDigits: true }));
  expect(() => tokenizeAnswer(joining, 'score: 1', '0')).toThrow(
    'expected the answer "0" behind "score: 1" to be tokens of its own',
  );
  expect(tokenizer.decode(tokenizeAnswer(tokenizer, 'score: 1', '0'))).toBe('0');
});
