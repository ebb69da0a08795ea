import { describe, expect, test } from 'vitest';
import { assertMask, buildExample, formatMaskReport, maskReport } from '../../src/inputs/index.ts';
import type { Example, TargetRule } from '../../src/inputs/token-rows.ts';
import {
  builtInTemplate,
  createAnswerCodec,
  encodePrompt,
  parseTemplate,
  type AnswerCodec,
  type EncodedPrompt,
  type PromptTemplate,
} from '../../src/prompt/index.ts';
import { type VisionInput } from '../../src/prompt/encode-prompt.ts';
import { hostilePrompts, setups, type Setup } from '../prompt/fixtures.ts';
import { positions } from './fixtures.ts';

const image: VisionInput = { kind: 'image', grid: { t: 1, h: 4, w: 6 } };
const video: VisionInput = { kind: 'video', grid: { t: 2, h: 2, w: 4 }, secondsPerGrid: 0.5 };
const clips: Record<string, VisionInput[]> = { image: [image], video: [video], images: [image, image] };

const templates: PromptTemplate[] = [
  'four-dimensions',
  'single-dimension:image-quality',
  'single-dimension:alignment',
  'single-dimension:aesthetics',
  'single-dimension:temporal-quality',
].map(builtInTemplate);
templates.push(parseTemplate('{prompt} 34 {answer_format} 34', 'own.txt'));

const codecs: AnswerCodec[] = [
  ...([0.1, 0.2, 0.5, 1] as const).flatMap((step) => [
    createAnswerCodec({ kind: 'integer', step }),
    createAnswerCodec({ kind: 'decimal', step }),
  ]),
  createAnswerCodec({ kind: 'level' }),
  createAnswerCodec({ kind: 'raw' }),
];

function promptFor(setup: Setup, question: string, visions: VisionInput[]): EncodedPrompt {
  return encodePrompt({ ...setup, question, visions });
}

function targetText({ tokenizer }: Setup, example: Example): string {
  return tokenizer.decode(example.targets.map(({ token }) => token));
}

describe.each(setups)('$name: the mask', (setup) => {
  describe.each(templates)('$name', (template) => {
    test.each(codecs)('$kind step $step: targets decode to the answer and nothing else', (codec) => {
      for (const visions of Object.values(clips)) {
        for (const clipPrompt of ['a corgi', hostilePrompts[0]!]) {
          const question = template.render({ kind: visions[0]!.kind, prompt: clipPrompt, codec });
          const prompt = promptFor(setup, question, visions);
          for (const mos of [1, 2.3, 3.45, 11 / 3, 5]) {
            const answer = codec.encode(mos);
            const example = buildExample({ ...setup, positions, prompt, answer });
            assertMask(example, setup.tokenizer, setup.endTokenId);
            expect(targetText(setup, example)).toBe(answer);
            // Teacher forcing: the row of each target is followed by that very token; the first follows the whole prompt.
            const { tokenIds, targets, promptLength } = example;
            expect(targets.map(({ row }) => row)).toEqual(targets.map((_, i) => promptLength - 1 + i));
            for (const { row, token } of targets) expect(tokenIds[row + 1]).toBe(token);
            expect(targets.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12);
            expect(tokenIds.length).toBe(promptLength + targets.length + 1);
            expect(tokenIds.at(-1)).toBe(setup.endTokenId);
          }
        }
      }
    });
  });

  test('response: answer and end of the turn, each weighing 1', () => {
    const prompt = promptFor(setup, 'Rate.', [image]);
    const example = buildExample({ ...setup, positions, prompt, answer: '35', targets: 'response' });
    assertMask(example, setup.tokenizer, setup.endTokenId, 'response');
    expect(targetText(setup, example)).toBe('35<|im_end|>');
    expect(new Set(example.targets.map(({ weight }) => weight))).toEqual(new Set([1]));
    expect(() => assertMask(example, setup.tokenizer, setup.endTokenId)).toThrow('spell "35", got "35<|im_end|>"');
  });

  test('sequence: every token of text that has a row before it, each weighing 1', () => {
    for (const visions of Object.values(clips)) {
      const prompt = promptFor(setup, `Rate. ${hostilePrompts[0]!}`, visions);
      const example = buildExample({ ...setup, positions, prompt, answer: '35', targets: 'sequence' });
      assertMask(example, setup.tokenizer, setup.endTokenId, 'sequence');
      const { image: imagePad, video: videoPad } = setup.padTokens;
      const isText = (id: number): boolean => id !== imagePad && id !== videoPad;
      const tokens = [...example.tokenIds];
      const wanted = tokens.flatMap((token, i) => (i > 0 && isText(token) ? [{ row: i - 1, token, weight: 1 }] : []));
      expect(example.targets).toEqual(wanted);
      expect(example.targets.length).toBe(
        tokens.length - 1 - prompt.visions.reduce((sum, { length }) => sum + length, 0),
      );
      const report = maskReport(example, setup.tokenizer);
      expect(report.filter(({ trained }) => !trained).map(({ row, vision }) => row === 0 || vision)).not.toContain(
        false,
      );
      expect(targetText(setup, example)).toMatch(/<\|im_start\|>user\n.*<\|im_start\|>assistant\n35<\|im_end\|>$/s);
      expect(() => assertMask(example, setup.tokenizer, setup.endTokenId, 'response')).toThrow('expected row');
      const some = { ...example, targets: example.targets.toSpliced(3, 1) };
      expect(() => assertMask(some, setup.tokenizer, setup.endTokenId, 'sequence')).toThrow('target 3: expected row');
    }
  });

  test.each(['integer', 'decimal', 'level', 'raw'] as const)('%s in a sentence, by every rule', (kind) => {
    const { tokenizer, endTokenId, chat } = setup;
    const codec = createAnswerCodec({ kind, sentence: true });
    for (const visions of [[image], [video]]) {
      const medium = visions[0]!.kind;
      const alone = encodePrompt({ ...setup, question: 'Rate.', visions });
      const prompt = encodePrompt({ ...setup, question: 'Rate.', visions, sentence: codec.sentence(medium) });
      for (const mos of [1, 2.3, 3.45, 5]) {
        const number = createAnswerCodec({ kind }).encode(mos);
        const whole = `The overall quality of the ${medium} is ${number}.`;
        const exampleOf = (targets: TargetRule): Example =>
          buildExample({ ...setup, positions, prompt, answer: codec.encode(mos), targets });
        // What is said is tokenized as it is without any border in it.
        const segments = [...chat.render('Rate.', [medium]), { text: whole, literal: true }];
        const { ids } = tokenizer.encodeSegments(segments);
        const said = ids.slice(tokenizer.encodeSegments(chat.render('Rate.', [medium])).ids.length);
        const example = exampleOf('sentence');
        expect([...example.tokenIds]).toEqual([...alone.tokenIds, ...said, endTokenId]);
        expect(example.targets.map(({ row, token }) => [row, token])).toEqual(
          [...said, endTokenId].map((token, i) => [alone.tokenIds.length - 1 + i, token]),
        );
        expect(new Set(example.targets.map(({ weight }) => weight))).toEqual(new Set([1]));
        const texts = {
          'integer-only': kind === 'level' ? ` ${number}` : number,
          response: `${kind === 'level' ? ' ' : ''}${number}.<|im_end|>`,
          sentence: `${whole}<|im_end|>`,
        };
        for (const [rule, text] of Object.entries(texts) as [TargetRule, string][]) {
          assertMask(exampleOf(rule), tokenizer, endTokenId, rule);
          expect(targetText(setup, exampleOf(rule))).toBe(text);
        }
        assertMask(exampleOf('sequence'), tokenizer, endTokenId, 'sequence');
        expect(targetText(setup, exampleOf('sequence'))).toContain(`user\n<|vision_`);
        expect(targetText(setup, exampleOf('sequence'))).toMatch(/assistant\nThe overall .*<\|im_end\|>$/);
        expect(() => assertMask(exampleOf('response'), tokenizer, endTokenId, 'sentence')).toThrow('expected targets');
      }
    }
  });

  test('the report marks exactly the answer', () => {
    const prompt = promptFor(setup, `35 ${hostilePrompts[0]!}`, [video]);
    const example = buildExample({ ...setup, positions, prompt, answer: '35' });
    const report = maskReport(example, setup.tokenizer);
    expect(report).toHaveLength(example.tokenIds.length);
    const trained = report.filter((entry) => entry.trained);
    expect(trained.map(({ text }) => text).join('')).toBe('35');
    expect(report.filter((entry) => entry.vision)).toHaveLength(4);
    const text = formatMaskReport(report);
    expect(text).toContain('ignored  "<|video_pad|>" × 4\n');
    expect(text.split('\n').filter((line) => line.includes('  trained  '))).toHaveLength(trained.length);
  });
});

describe('assertMask refuses', () => {
  const setup = setups[0]!;
  const prompt = promptFor(setup, 'Rate.', [image]);
  const good = buildExample({ ...setup, positions, prompt, answer: '35' });
  const [first, second] = good.targets as [Example['targets'][0], Example['targets'][0]];
  const end = { row: second.row + 1, token: setup.endTokenId, weight: 0.5 };
  test.each<[string, Example['targets'], string]>([
    ['an empty mask', [], 'expected targets, got none'],
    ['a missing digit', [first], 'spell "35", got "3"'],
    ['the end token', [first, second, end], 'got "35<|im_end|>"'],
    ['a token before the answer', [{ ...first, row: first.row - 1, token: 198 }, first, second], 'expected row'],
    ['another token than follows', [first, { ...second, token: first.token }], 'expected the next token 20, got 18'],
    ['a weight of nought', [{ ...first, weight: 0 }, second], 'expected a positive weight, got 0'],
  ])('%s', (_, targets, message) => {
    expect(() => assertMask({ ...good, targets }, setup.tokenizer, setup.endTokenId)).toThrow(message);
  });
});
