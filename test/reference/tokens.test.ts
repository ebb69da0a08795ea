// Chat text and token ids of a thousand prompts against transformers: by golden everywhere, live where the reference is at hand.
// `npx vitest run test/reference/tokens.test.ts -u` writes the golden anew, from the reference's values.
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { byteTokenizer, chatTemplate } from '../../src/model/families/qwen2-5-vl/tokenizer.ts';
import type { TextTokenizer, VisionKind } from '../../src/prompt/index.ts';
import type { VisionInput } from '../../src/prompt/encode-prompt.ts';
import { createAnswerCodec, encodePrompt, parseTemplate } from '../../src/prompt/index.ts';
import { createChatTemplate } from '../../src/prompt/chat.ts';
import { createTokenizer } from '../../src/prompt/tokenizer.ts';
import { fourDimensions, qualityDimensions, singleDimension } from '../../src/prompt/templates.ts';
import { chatSource, modelWith, qwenFile, qwenJson } from '../prompt/fixtures.ts';
import { makePrompts } from './prompts.ts';
import { needsPython, python, runPython } from './python.ts';

/** A question about images and videos, of [height, width] or [frames, height, width]. */
interface Case {
  question: string;
  visions: { kind: VisionKind; size: number[] }[];
  /** Whether the processor is to expand the pads; for questions without markup only, which it would take for markup. */
  expand: boolean;
  /** Whether they stand behind the question. */
  framesLast?: boolean;
}

interface Reference {
  versions: Record<string, string>;
  cases: {
    text: string;
    whole: number[];
    ids: Record<string, number[]>;
    expanded?: { ids: number[]; grids: [number, number, number][] };
  }[];
  texts: number[][];
}

const image = { kind: 'image' as const, size: [84, 140] };
const video = { kind: 'video' as const, size: [4, 56, 112] };
const visionLists = [
  [image],
  [video],
  [image, { ...image, size: [200, 61] }],
  [image, image, image],
  [video, image],
  [],
];
const codecs = (['integer', 'decimal', 'level', 'raw'] as const).map((kind) => createAnswerCodec({ kind }));
const own = parseTemplate('The clip shows: {prompt}\nHow good is it? {answer_format}', 'own.txt');
const templates = [null, null, fourDimensions, null, singleDimension('alignment'), own];

const prompts = makePrompts(1000);
const asked = prompts.map((prompt, i): Case => {
  const template = prompt.trim() === '' ? null : templates[i % templates.length]!;
  const visions = visionLists[i % 7 === 0 ? 1 + (i % 5) : 0]!;
  const kind = visions[0]?.kind ?? 'image';
  const question = template === null ? prompt : template.render({ kind, prompt, codec: codecs[i % codecs.length]! });
  return { question, visions, expand: i % 10 === 0 && !question.includes('<') };
});
const withoutPrompt = (['image', 'video'] as const).flatMap((kind) =>
  [fourDimensions, ...qualityDimensions.filter((name) => name !== 'alignment').map(singleDimension)].flatMap(
    (template) =>
      codecs.map((codec): Case => {
        const visions = kind === 'image' ? [image] : [video];
        return { question: template.render({ kind, codec }), visions, expand: true };
      }),
  ),
);
// A question never begins with white space, which would join the line end before it.
const framesLast = asked
  .filter(({ question }) => /^\S/u.test(question))
  .slice(0, 100)
  .map((one): Case => ({ ...one, framesLast: true }));
const cases = [...asked, ...withoutPrompt, ...framesLast];

/** Every character that Unicode names (of Han, Hangul and private use a part), in all company that the splitting looks at. */
function characterTexts(): string[] {
  const texts: string[] = [];
  for (let code = 0; code < 0x110000; code++) {
    const c = String.fromCodePoint(code);
    if (/[\p{Cn}\p{Cs}]/u.test(c)) continue;
    if (/\p{Co}/u.test(c) && code % 1000 !== 0) continue;
    if (/[\p{Script=Han}\p{Script=Hangul}]/u.test(c) && code % 20 !== 0) continue;
    texts.push(`a${c}b1${c}1 ${c}${c}! ${c}\n${c} \u{345}${c}\u{334}'${c} ${c.normalize('NFD')}`);
  }
  return texts;
}

const tokenizers: Record<string, TextTokenizer> = {
  qwen: createTokenizer(qwenJson),
  init: createTokenizer(byteTokenizer().json),
};
const chat = createChatTemplate(chatTemplate);

const text = ({ question, visions, framesLast: last }: Case): string =>
  chat
    .render(
      question,
      visions.map(({ kind }) => kind),
      last,
    )
    .map((segment) => segment.text)
    .join('');

/** Ids of a case; each image or video has one pad, if its grid is not given. */
function tokenIds(tokenizer: TextTokenizer, one: Case, grids?: [number, number, number][]): number[] {
  const { question, visions, framesLast: last = false } = one;
  const inputs = visions.map(({ kind }, i): VisionInput => {
    const [t, h, w] = grids?.[i] ?? [1, 2, 2];
    return { kind, grid: { t, h, w } };
  });
  const model = modelWith(tokenizer);
  return [...encodePrompt({ tokenizer, chat, question, visions: inputs, framesLast: last, model }).tokenIds];
}

const hash = (value: string, length: number): string =>
  createHash('sha256').update(value).digest('hex').slice(0, length);

/** The golden file: 12 hexadecimal digits a case, ten cases a line. */
function goldenOf(versions: Record<string, string>, results: { text: string; ids: number[] }[]): string {
  const hashes = results.map((result) => hash(`${result.text}\0${result.ids.join(',')}`, 12));
  const lines = Array.from({ length: Math.ceil(hashes.length / 10) }, (_, i) =>
    hashes.slice(i * 10, i * 10 + 10).join(' '),
  );
  return `${JSON.stringify({ versions, questions: hash(JSON.stringify(cases), 64), cases: lines }, null, 1)}\n`;
}

const golden = fileURLToPath(new URL('golden/tokens.json', import.meta.url));

it('asks a thousand different well-formed prompts', () => {
  expect(new Set(prompts).size).toBe(1000);
  expect(prompts.filter((prompt) => /\p{Surrogate}/u.test(prompt))).toEqual([]);
  expect(chatTemplate).toBe(chatSource);
});

it('chat text and token ids are those of the golden', () => {
  const stored = readFileSync(golden, 'utf8');
  const { versions } = JSON.parse(stored) as { versions: Record<string, string> };
  const ours = cases.map((one) => ({ text: text(one), ids: tokenIds(tokenizers['qwen']!, one) }));
  expect(goldenOf(versions, ours)).toBe(stored);
});

describe.skipIf(python === undefined)(`against transformers (${needsPython})`, async () => {
  const folder = python === undefined ? '' : mkdtempSync(join(tmpdir(), 'iovqa-tokens-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const texts = python === undefined ? [] : characterTexts();
  const reference = python === undefined ? { versions: {}, cases: [], texts: [] } : await ask();

  async function ask(): Promise<Reference> {
    writeFileSync(join(folder, 'cases.json'), JSON.stringify({ tokenizers: Object.keys(tokenizers), cases, texts }));
    writeFileSync(join(folder, 'chat.jinja'), chatSource);
    mkdirSync(join(folder, 'qwen'));
    for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
      copyFileSync(join(dirname(qwenFile), name), join(folder, 'qwen', name));
    }
    mkdirSync(join(folder, 'init'));
    writeFileSync(join(folder, 'init', 'tokenizer.json'), JSON.stringify(byteTokenizer().json));
    writeFileSync(join(folder, 'init', 'tokenizer_config.json'), '{"tokenizer_class":"PreTrainedTokenizerFast"}');
    return (await runPython('tokens.py', folder)) as Reference;
  }

  it('chat text is equal', () => {
    expect(cases.map(text)).toEqual(reference.cases.map((one) => one.text));
  });

  it.each(Object.keys(tokenizers))('token ids are equal: %s', (name) => {
    for (const [i, one] of cases.entries()) {
      expect([one.question, tokenIds(tokenizers[name]!, one)]).toEqual([one.question, reference.cases[i]!.ids[name]]);
    }
  });

  it('the segments of a question without special tokens are tokenized as the whole', () => {
    let count = 0;
    for (const [i, { question }] of cases.entries()) {
      if (question.includes('<|')) continue;
      expect(reference.cases[i]!.ids['qwen']).toEqual(reference.cases[i]!.whole);
      count++;
    }
    expect(count).toBeGreaterThan(500);
  });

  it('pads are expanded as the processor does', () => {
    let count = 0;
    for (const [i, { expanded }] of reference.cases.entries()) {
      if (expanded === undefined) continue;
      expect(tokenIds(tokenizers['qwen']!, cases[i]!, expanded.grids)).toEqual(expanded.ids);
      count++;
    }
    expect(count).toBeGreaterThan(90);
  });

  it('every character is tokenized as there', () => {
    const different = texts.filter((value, i) => {
      const ids = tokenizers['qwen']!.encode(value, { special: false });
      return ids.join() !== reference.texts[i]!.join();
    });
    expect(different).toEqual([]);
  });

  it('the golden is what transformers gives', async () => {
    const results = reference.cases.map((one) => ({ text: one.text, ids: one.ids['qwen']! }));
    await expect(goldenOf(reference.versions, results)).toMatchFileSnapshot(golden);
  });
});
