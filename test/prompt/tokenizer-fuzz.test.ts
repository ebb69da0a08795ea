// Tokenizers and chat templates that were spoilt or mean harm: used, or refused by name and reason, within bounds of work and memory.
// @module-tag long
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { loadChatTemplate, loadTokenizer } from '../../src/prompt/index.ts';
import { createChatTemplate } from '../../src/prompt/chat.ts';
import { createTokenizer } from '../../src/prompt/tokenizer.ts';
import type { TextTokenizer } from '../../src/prompt/index.ts';
import {
  byteChanges,
  changedBytes,
  changedJson,
  expectBounded,
  expectRefusal,
  jsonChanges,
  readOrRefuse,
} from '../files/hostile.ts';
import { temporaryFolder } from '../files/temporary.ts';
import { chatSource, tinyTokenizerJson } from './fixtures.ts';

const SEED = 3;
const text = 'Rate the good 35 é\u{1F600}\n<|im_end|> x';

interface File {
  model: { vocab: Record<string, number>; merges: unknown[] } & Record<string, unknown>;
  added_tokens: { id: number; content: string }[];
  [key: string]: unknown;
}
const file = (): File => tinyTokenizerJson() as File;

function caught(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

/** What a tokenizer that is taken must do: give ids of its own, that come back as the text. */
function use(tokenizer: TextTokenizer): void {
  for (const special of [true, false]) {
    const ids = tokenizer.encode(text, { special });
    expect(ids.every((id) => Number.isInteger(id) && id >= 0 && id < tokenizer.numIds)).toBe(true);
    expect(tokenizer.decode(ids).normalize('NFKC').trim()).toBe(text.normalize('NFKC'));
  }
}

describe('tokenizer.json', () => {
  it('with parts changed: tokenizes as before, or is refused', async () => {
    const folder = temporaryFolder();
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(jsonChanges, async (changes) => {
        writeFileSync(join(folder, 'tokenizer.json'), changedJson(file(), changes));
        const read = await readOrRefuse(() => loadTokenizer(folder), folder);
        if (read !== null) await readOrRefuse(() => use(read.value), folder);
        taken += read === null ? 0 : 1;
      }),
      { numRuns: 300, seed: SEED },
    );
    expect(taken).toBeGreaterThan(20);
  });

  it('with bytes changed: tokenizes to ids of its own, or is refused', async () => {
    const folder = temporaryFolder();
    const bytes = Buffer.from(JSON.stringify(file()));
    await fc.assert(
      fc.asyncProperty(byteChanges, async (changes) => {
        writeFileSync(join(folder, 'tokenizer.json'), changedBytes(bytes, changes));
        const read = await readOrRefuse(() => loadTokenizer(folder), folder);
        const encode = (): number[] => read!.value.encode(text, { special: true });
        if (read !== null) await readOrRefuse(encode, folder);
      }),
      { numRuns: 400, seed: SEED },
    );
  });

  const merged = (json: File, change: object): File => ({ ...json, ...change });
  const model = (change: object): File => merged(file(), { model: { ...file().model, ...change } });
  const vocab = (change: object): File => model({ vocab: { ...file().model.vocab, ...change } });
  const added = (...more: object[]): File => addedList(more);
  const addedList = (more: object[]): File =>
    merged(file(), { added_tokens: (file().added_tokens as object[]).concat(more) });
  const split = (pattern: unknown, more: object = {}): File => {
    const step = { type: 'Split', pattern, behavior: 'Isolated', invert: false, ...more };
    return merged(file(), { pre_tokenizer: { type: 'Sequence', pretokenizers: [step, { type: 'ByteLevel' }] } });
  };

  it.each<[string, () => unknown, string]>([
    ['an id of half', () => vocab({ x: 0.5 }), 'expected ids from 0 to 1048575, got 0.5 for "x"'],
    ['a huge id', () => vocab({ zzz: 2 ** 53 }), 'expected ids from 0 to 1048575, got 9007199254740992 for "zzz"'],
    ['an id twice', () => vocab({ zzz: 7 }), 'expected an id for every token, got 7 again for'],
    ['no list of merges', () => model({ merges: {} }), 'expected a list of merges, got {}'],
    ['merges of three', () => model({ merges: ['a b c'] }), 'expected merges of two, got "a b c"'],
    ['merges of numbers', () => model({ merges: [[1, 2]] }), 'expected merges of two, got [1,2]'],
    [
      'merges of unknown parts',
      () => model({ merges: [['th', 'qqq']] }),
      'a token for every merge, got none for "qqq"',
    ],
    ['merges of the prototype', () => model({ merges: ['con structor'] }), 'got none for "con"'],
    [
      'an added token of nothing',
      () => added({ id: 5000, content: '' }),
      'expected added_tokens of id and content: 7.content',
    ],
    ['an added id that is huge', () => added({ id: 1e9, content: '<x>' }), '7.id: Too big'],
    ['an added token twice', () => added({ id: 5000, content: '<|im_end|>' }), 'expected every added token once'],
    [
      'an added id of another token',
      () => added({ id: 7, content: '<x>' }),
      'an id of its own for the added token "<x>"',
    ],
    ['an added token with two ids', () => added({ id: 5000, content: 'the' }), 'for "the", as in vocab, got 5000'],
    [
      'an added token in text',
      () => added({ id: file().model.vocab['the'], content: 'the' }),
      'that ordinary text does not give',
    ],
    ['an added letter', () => added({ id: 120, content: 'x' }), 'that ordinary text does not give, got "x"'],
    [
      'words of no length',
      () => merged(file(), { pre_tokenizer: { type: 'FixedLength', length: 0 } }),
      'pre_tokenizer',
    ],
    [
      'text that is replaced',
      () => merged(file(), { normalizer: { type: 'Replace', pattern: { String: '' }, content: 'x' } }),
      'normalizer',
    ],
    ['text that is left out', () => split({ Regex: 'x' }, { behavior: 'Removed' }), 'pre_tokenizer'],
    ['no bytes', () => merged(file(), { pre_tokenizer: { type: 'Split', pattern: { String: 'x' } } }), 'pre_tokenizer'],
    ['ends of words', () => model({ end_of_word_suffix: '</w>' }), 'model.end_of_word_suffix'],
    ['random merges', () => model({ dropout: 0.1 }), 'model.dropout'],
    ['a pattern that is none', () => split({ Regex: '(' }), 'expected a tokenizer, got'],
    ['a long pattern', () => split({ Regex: 'x|'.repeat(1e5) }), 'pre_tokenizer'],
  ])('with %s is refused', (_, json, message) => {
    const error = caught(() => createTokenizer(json(), 'here/tokenizer.json'));
    expectRefusal(error, 'here/tokenizer.json');
    expect((error as Error).message).toContain(message);
  });

  it.each(['(a+)+$', String.raw`(\w|\w\w)+;`, String.raw`( +)+\n`])(
    'with the pattern %s, which backtracks without end, is refused when it is loaded',
    (pattern) => {
      const error = caught(() => createTokenizer(split({ Regex: pattern }), 'here/tokenizer.json'));
      expectRefusal(error, 'here/tokenizer.json: expected a pattern that splits any text, got ');
      expect((error as Error).message).toContain('(more than 3 s of work)');
    },
    60_000,
  );

  it('with a sound pattern that is not known is taken, and splits long texts without a look at the clock', () => {
    const tokenizer = createTokenizer(split({ Regex: String.raw`[\p{L}\p{M}]+|\p{N}|\s+|[^\s\p{L}\p{M}\p{N}]+` }));
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => {
      throw new Error('the clock was asked');
    });
    const date = vi.spyOn(Date, 'now').mockImplementation(() => {
      throw new Error('the clock was asked');
    });
    try {
      expect(tokenizer.encode('a b '.repeat(50_000), { special: false })).toHaveLength(200_000);
    } finally {
      clock.mockRestore();
      date.mockRestore();
    }
  });

  const many = (count: number, of: (i: number) => string): string[] => Array.from({ length: count }, (_, i) => of(i));
  /** The file's text with more in front of what one of its lists or records holds. */
  const withMore = (key: string, items: string[]): string =>
    JSON.stringify(file()).replace(new RegExp(`"${key}":[[{]`), (start) => `${start}${items.join()},`);
  it.each<[string, () => string, string]>([
    [
      'merges',
      () =>
        withMore(
          'merges',
          many(1e6, () => '"t h"'),
        ),
      'expected at most 500000 merges, got 1000006',
    ],
    [
      'pairs',
      () =>
        withMore(
          'merges',
          many(1e6, () => '["t","h"]'),
        ),
      'expected at most 2500000 values',
    ],
    [
      'tokens',
      () =>
        withMore(
          'vocab',
          many(1e6, (i) => `"x${i}":${i}`),
        ),
      'expected at most 500000 tokens, got 1000262',
    ],
    [
      'added tokens',
      () =>
        withMore(
          'added_tokens',
          many(1e6, (i) => `{"id":${i},"content":"<${i}>"}`),
        ),
      'at most 32000000 bytes',
    ],
    [
      'odd added tokens',
      () =>
        withMore(
          'added_tokens',
          many(1e6, () => '""'),
        ),
      'added_tokens of id and content',
    ],
  ])('with a million %s is refused', async (_, text, message) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'tokenizer.json'), text());
    await expectBounded(() => expect(loadTokenizer(folder)).rejects.toThrow(message), 10);
  });

  it('may have as many added tokens and characters as the limits say', () => {
    const most = many(9_993, (i) => `<${'x'.repeat(12)}${i}>`).map((content, i) => ({ id: 300 + i, content }));
    const tokenizer = createTokenizer(addedList(most));
    expect(tokenizer.encode(`a${most[5000]!.content}b`, { special: true })).toEqual([97, 5300, 98]);
  });
});

describe('chat templates', () => {
  const render = (source: string) => (): unknown =>
    createChatTemplate(source, 'here/chat_template.jinja').render('q', ['image']);
  const question = '{{ messages[0].content[1].text }}';

  it.each([
    ['a loop without end', '{% for i in range(10**9) %}{% endfor %}', /memory|of work/],
    ['a loop of loops', `${'{% for i in range(9999) %}'.repeat(4)}${'{% endfor %}'.repeat(4)}`, /of work/],
    [
      'a text that doubles',
      '{% set n = namespace(x="ab") %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}',
      /length|memory/,
    ],
    [
      'lists of lists',
      '{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = [n.x,n.x,n.x] %}{% endfor %}{{ n.x }}',
      /length|memory|of work/,
    ],
    ['a list that holds itself', '{% set n = namespace() %}{% set n.x = n %}{{ n.x|tojson }}', /stack|JSON/],
    ['a macro that calls itself', '{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}', /not a function|of work/],
    ['wide lines', '{{ "a\nb"|indent(400000000)|upper }}', /memory|length|characters|of work/],
    ['a long text', `${question}{% for i in range(20000) %}x{% endfor %}`, /more than 10200 characters/],
    [
      'too long a text for a pipe',
      `{% for i in range(9000) %}${'y'.repeat(9000)}{% endfor %}`,
      /more than 10200 characters|memory/,
    ],
    ['a way to the machine', '{{ messages.constructor.constructor("return process")().exit() }}', /not a function/],
    ['a way by the prototype', '{{ "".__proto__.constructor("x") }}', /not a function/],
    ['an error in lines', '{{ raise_exception("a\n\nb") }}', /a\\n\\nb/],
  ])(
    'with %s are refused',
    (_, source, message) => {
      const error = caught(render(source));
      expectRefusal(error, 'here/chat_template.jinja: ');
      expect((error as Error).message).toMatch(message);
    },
    60_000,
  );

  it('that have no way to the machine by names in brackets give nothing', () => {
    const names = ['constructor', '__proto__', 'prototype', '__class__', 'toString'];
    const source = `${names.map((name) => `{{ messages['${name}'] }}{{ messages[0]['${name}'] }}{{ range['${name}'] }}`).join('')}${question}`;
    expect(render(source)()).toEqual([
      { text: '', literal: false },
      { text: 'q', literal: true },
      { text: '', literal: false },
    ]);
  });

  it.each([
    ['too long', 'x'.repeat(100_001), '100001 characters, more than 100000'],
    ['of spaces', ' '.repeat(100_000), 'more than 3 s of work'],
    ['of brackets', `{{ ${'('.repeat(90_000)}`, 'stack'],
    ['with the mark of the question', '\u{F8F0}\u{F8F1}question\u{F8F2}', 'the mark of the question'],
  ])('that are %s are refused at once', (_, source, message) => {
    expect(() => createChatTemplate(source)).toThrow(message);
  });

  it('with bytes changed: parsed, and rendered where few, or refused', async () => {
    const bytes = Buffer.from(chatSource);
    let rendered = 0;
    await fc.assert(
      fc.asyncProperty(byteChanges, async (changes) => {
        const source = changedBytes(bytes, changes).toString();
        const chat = await readOrRefuse(() => createChatTemplate(source, 'here'), 'here');
        if (chat === null) return;
        rendered++;
        const segments = await readOrRefuse(() => chat.value.render('q', ['image']), 'here');
        expect(segments?.value.length ?? 3).toBe(3);
      }),
      { numRuns: 40, seed: SEED }, // each in a process of its own
    );
    expect(rendered).toBeGreaterThan(2);
  });

  it.each(['tokenizer_config.json', 'chat_template.json'])(
    'in %s with parts changed: loaded or refused',
    async (name) => {
      const folder = temporaryFolder();
      const chat_template = [{ name: 'default', template: chatSource }];
      const json = { chat_template, bos_token: { content: '<s>' }, eos_token: '<|im_end|>' };
      await fc.assert(
        fc.asyncProperty(jsonChanges, async (changes) => {
          writeFileSync(join(folder, name), changedJson(json, changes));
          await readOrRefuse(() => loadChatTemplate(folder), folder);
        }),
        { numRuns: 100, seed: SEED },
      );
    },
  );

  it('render Qwen’s own, whatever NODE_OPTIONS say', () => {
    const before = process.env['NODE_OPTIONS'];
    process.env['NODE_OPTIONS'] = '--require=./no-such-file.cjs';
    try {
      expect(render(chatSource)()).toHaveLength(3);
    } finally {
      if (before === undefined) delete process.env['NODE_OPTIONS'];
      else process.env['NODE_OPTIONS'] = before;
    }
  });
});
