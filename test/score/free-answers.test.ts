// What a model says by itself: which texts are legal answers, what it is given, and a model that learned to say a sentence.
import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OpenEngine } from '../../src/engine/index.ts';
import { openEngine } from '../../src/engine/index.ts';
import type { Clip, PreparedExample } from '../../src/inputs/index.ts';
import type { TextTokenizer } from '../../src/prompt/index.ts';
import { loadTokenizer } from '../../src/prompt/index.ts';
import type { ClipAnswer, FailedClip, ScorerOptions } from '../../src/score/index.ts';
import { loadScorer } from '../../src/score/index.ts';
import type { Workshop } from '../train/run-fixtures.ts';
import { openWorkshop, runAll } from '../train/run-fixtures.ts';

let shop: Workshop;
let tokenizer: TextTokenizer;
beforeAll(async () => {
  shop = await openWorkshop();
  tokenizer = await loadTokenizer(shop.at('model'));
});
afterAll(() => shop.remove());

const clipsOf = (count: number): Clip[] =>
  Array.from({ length: count }, (_, i) => ({ path: shop.at(`${i}.png`), kind: 'image' }));

async function answersOf(
  path: string,
  clips: readonly Clip[],
  options: ScorerOptions,
): Promise<(ClipAnswer | FailedClip)[]> {
  await using scorer = await loadScorer(path, { cache: false, workers: 1, ...options });
  const answers: (ClipAnswer | FailedClip)[] = [];
  for await (const answer of scorer.generate(clips)) answers.push(answer);
  return answers;
}

/** An engine that says given tokens, clip by clip, and remembers what it was given; it cuts what is too long as an engine does. */
function saying(given: readonly (readonly number[])[], asked: PreparedExample[]): OpenEngine {
  return async (checkpoint, options) => {
    const engine = await openEngine(checkpoint, options);
    const attach: typeof engine.attach = async (what) => {
      const attached = await engine.attach(what);
      const generate: typeof attached.generate = (examples, { maxTokens }) => {
        asked.push(...examples);
        const first = asked.length - examples.length;
        return Promise.resolve(examples.map((_, i) => given[first + i]!.slice(0, maxTokens)));
      };
      return { ...attached, generate };
    };
    return { ...engine, attach };
  };
}

const frames = { pick: 'middle', count: 1, as: 'video', minPixels: 3136, maxPixels: 3136, seed: 0 } as const;
const scale = { min: 0, max: 100, higherIsBetter: true };
const of = (number: string): string => `The overall quality of the image is ${number}.`;

describe.each([
  [
    { kind: 'integer', step: null } as const,
    '34',
    ['', '34.', ' 34', '34\n', '3', '51', '09', '3.4', '34 or so', of('34')],
  ],
  [{ kind: 'level', step: null } as const, 'good', ['Good', 'good.', 'goods', 'excellent good']],
  [{ kind: 'raw', step: null } as const, '3.25', ['3,25', ' 3.25', '5.1', '3.25.']],
  [
    { kind: 'integer', step: null, sentence: true } as const,
    of('34'),
    [
      '34',
      of('34').slice(0, -1),
      ` ${of('34')}`,
      `${of('34')}.`,
      of('3'),
      of(' 34'),
      of('34').replace('image', 'video'),
      of(''),
    ],
  ],
  [
    { kind: 'level', step: null, sentence: true } as const,
    of('good'),
    ['good', of('great'), of('good').replace(' is', '  is')],
  ],
  [{ kind: 'raw', step: null, sentence: true } as const, of('3.25'), ['3.25', of('3.25').slice(0, -1), of('3.25.')]],
])('%o', (answer, legal, others) => {
  test('a legal answer and nothing else is legal', async () => {
    const texts = [legal, ...others];
    // Two that go on up to the limit, one of them with what reads as a number there, and one that is no text.
    const long = Array.from({ length: 200 }, () => tokenizer.encode('!', { special: false })[0]!);
    const encoded = texts.map((text) => tokenizer.encode(text, { special: false }));
    const digits = tokenizer.encode(`3.${'1'.repeat(200)}`, { special: false });
    const given = [...encoded, [...encoded[0]!, ...long], digits, [10_000_000]];
    const asked: PreparedExample[] = [];
    const clips = given.map((): Clip => clipsOf(1)[0]!);
    const options = { settings: { answer, frames, scale }, openEngine: saying(given, asked) };
    const answers = (await answersOf(shop.at('model'), clips, options)) as ClipAnswer[];
    expect(answers.map(({ isLegal }) => isLegal)).toEqual([true, ...given.slice(1).map(() => false)]);
    expect(answers.map(({ text }) => text).slice(0, texts.length)).toEqual(texts);
    expect(answers.at(-1)!.text).toBe('\uFFFD');
    const value = { integer: 60, level: 75, raw: 56.25 }[answer.kind];
    expect(answers[0]).toMatchObject({ row: 1, value, cached: false, plan: { as: 'image' } });
    expect(answers[1]!.value).toBeNull();
    // Nothing of the sentence is given.
    const { rows, wanted } = asked[0]!;
    expect(wanted.kind).toBe('text');
    expect(tokenizer.decode([...rows.tokenIds])).toMatch(/<\|im_start\|>assistant\n$/);
  });
});

test('a clip that cannot be read gives its error, and a random model says what is not legal', async () => {
  const clips = [...clipsOf(1), { path: shop.at('clips.csv'), kind: 'image' as const }, clipsOf(2)[1]!];
  const answers = await answersOf(shop.at('model'), clips, { settings: { frames } });
  expect(answers.map((answer) => ('error' in answer ? answer.error.code : answer.isLegal))).toEqual([
    false,
    'unreadable-media',
    false,
  ]);
});

test('a model that learned one sentence says it', { tags: ['long'] }, async () => {
  const rows = Array.from({ length: 12 }, (_, i) => `${i}.png,3.4`);
  await writeFile(shop.at('same.csv'), ['image,mos', ...rows, ''].join('\n'));
  const data = { manifest: shop.at('same.csv'), validation: null };
  const learned = { loss: 'sentence', method: 'full', data, epochs: 20, optimizer: { learningRate: 5e-3 } } as const;
  await runAll(shop.recipe('learned', learned));
  const answers = (await answersOf(join(shop.at('learned')), clipsOf(4), {})) as ClipAnswer[];
  expect(answers.map(({ text, isLegal, value }) => ({ text, isLegal, value }))).toEqual(
    answers.map(() => ({ text: of('34'), isLegal: true, value: 3.4 })),
  );
});
