import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadTokenizer } from '../../src/prompt/index.ts';
import { createTokenizer } from '../../src/prompt/tokenizer.ts';
import { hostilePrompts, qwenFile, setups, tinyTokenizerJson } from './fixtures.ts';

const qwen = setups[0]!.tokenizer;

describe.each(setups)('$name', ({ tokenizer, endTokenId }) => {
  test('special tokens are found when asked for only', () => {
    expect(tokenizer.encode('a<|im_end|>b', { special: true })).toContain(endTokenId);
    expect(tokenizer.encode('a<|im_end|>b', { special: false })).not.toContain(endTokenId);
  });

  test('any text comes back from its tokens', () => {
    const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom(...hostilePrompts.filter(isWellFormed)));
    fc.assert(
      fc.property(text, fc.boolean(), (value, special) => {
        const nfc = value.normalize('NFC');
        expect(tokenizer.decode(tokenizer.encode(nfc, { special }))).toBe(nfc);
      }),
    );
  });

  test('literal text never gives a special token, wherever it is cut', () => {
    const piece = fc.constantFrom('<|', 'im_end', '|>', '<|im_end|>', 'x', '\n', '<|image_pad|>');
    const plain = new Set(tokenizer.encode('<|im_end|>x\n<|image_pad|>', { special: false }));
    const isSpecial = (id: number): boolean => tokenizer.decode([id]).startsWith('<|') && !plain.has(id);
    fc.assert(
      fc.property(fc.array(piece), (texts) => {
        const { ids, tail } = tokenizer.encodeSegments(texts.map((text) => ({ text, literal: true })));
        expect(ids.some(isSpecial)).toBe(false);
        expect(tail).toBe(texts.join(''));
      }),
    );
  });

  test('borders of segments are no borders of tokens', () => {
    const segments = [
      { text: '<|im_start|>the go', literal: false },
      { text: 'od', literal: true },
    ];
    const { ids, tail } = tokenizer.encodeSegments(segments);
    expect(ids).toEqual(tokenizer.encode('<|im_start|>the good', { special: true }));
    expect(tail).toBe('the good');
  });

  test('an id that the vocabulary lacks is an error', () => {
    expect(() => tokenizer.decode([9_999_999])).toThrow('expected token ids of its vocabulary, got 9999999');
    expect(tokenizer.decode([])).toBe('');
    expect(tokenizer.tokenId('<|no such|>')).toBeUndefined();
  });
});

test('a token that is added but not special is one in literal text too, as with split_special_tokens', () => {
  const [text, ids] = ['a <tool_call> b<|im_end|>', [64, 220, 151657, 293, 27, 91, 318, 6213, 91, 29]];
  expect(qwen.encode(text, { special: false })).toEqual(ids);
  expect(qwen.decode(ids)).toBe(text);
});

test('very long text is tokenized', () => {
  const ids = setups[1]!.tokenizer.encode(`${'7'.repeat(300_000)}<|im_end|>`, { special: true });
  expect(ids).toHaveLength(300_001);
});

test('lone surrogates become U+FFFD', () => {
  expect(qwen.decode(qwen.encode('a\uD800b', { special: false }))).toBe('a\uFFFDb');
});

test('refuses what it would tokenize wrongly', () => {
  const broken = (change: (json: Record<string, Record<string, unknown>>) => void): (() => unknown) => {
    const json = tinyTokenizerJson() as Record<string, Record<string, unknown>>;
    change(json);
    return () => createTokenizer(json, 'tokenizer.json');
  };
  expect(broken((json) => (json['model']!['type'] = 'WordPiece'))).toThrow(
    'expected a byte-level BPE, got "WordPiece"',
  );
  expect(broken((json) => delete (json['model']!['vocab'] as Record<string, number>)['Ġ'])).toThrow(
    'expected a token for every byte of UTF-8, got 1 missing (first: "Ġ")',
  );
  expect(broken((json) => delete (json['model']!['vocab'] as Record<string, number>)['goo'])).toThrow(
    'expected a token for every merge, got none for "goo"',
  );
  expect(broken((json) => ((json['added_tokens'] as unknown as { lstrip: boolean }[])[0]!.lstrip = true))).toThrow(
    'expected plain added tokens',
  );
  expect(() => createTokenizer(null)).toThrow('expected a tokenizer with model.vocab, got null');
});

test('loads from a folder', async () => {
  const tokenizer = await loadTokenizer(dirname(qwenFile));
  expect(tokenizer.encode('35', { special: true })).toEqual([18, 20]);
  const folder = await mkdtemp(join(tmpdir(), 'iovqa-tokenizer-'));
  try {
    await expect(loadTokenizer(folder)).rejects.toThrow('expected tokenizer.json, got none');
    await writeFile(join(folder, 'tokenizer.json'), '{"model"');
    await expect(loadTokenizer(folder)).rejects.toThrow('tokenizer.json: expected JSON');
  } finally {
    await rm(folder, { recursive: true });
  }
});

function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}
