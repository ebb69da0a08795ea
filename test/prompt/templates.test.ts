import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { builtInTemplate, createAnswerCodec, parseTemplate } from '../../src/prompt/index.ts';
import {
  answerFormat,
  fourDimensions,
  loadTemplate,
  qualityDimensions,
  singleDimension,
} from '../../src/prompt/templates.ts';

const codec = createAnswerCodec();

describe('four-dimensions', () => {
  test('names the four dimensions and quotes the prompt', () => {
    const text = fourDimensions.render({ kind: 'video', prompt: ' a corgi \n', codec });
    for (const part of ['visual quality', 'text-video alignment', 'aesthetics', 'temporal quality']) {
      expect(text).toContain(part);
    }
    expect(text).toContain('Text prompt of the video: a corgi\n');
    expect(text).toMatch(/one two-digit integer from 10 \(worst\) to 50 \(best\)/u);
  });

  test('says image for an image, and leaves the prompt out where there is none', () => {
    for (const prompt of [undefined, '', '  ']) {
      const text = fourDimensions.render({ kind: 'image', prompt, codec });
      expect(text).toContain('this image');
      expect(text).not.toMatch(/video|prompt/u);
    }
  });
});

test('single-dimension asks for its own dimension only', () => {
  const words = { 'image-quality': 'visual quality', alignment: 'alignment', aesthetics: 'aesthetics' };
  for (const dimension of qualityDimensions) {
    const text = singleDimension(dimension).render({ kind: 'video', prompt: 'PROMPT', codec });
    expect(text.includes('PROMPT')).toBe(dimension === 'alignment');
    for (const [name, word] of Object.entries(words)) expect(text.includes(word)).toBe(name === dimension);
    expect(text.includes('temporal quality')).toBe(dimension === 'temporal-quality');
  }
  expect(() => singleDimension('alignment').render({ kind: 'video', codec })).toThrow(
    "single-dimension:alignment: expected the clip's text prompt, got none",
  );
});

test('built-in templates by name; an unknown one is an error with a suggestion', () => {
  expect(builtInTemplate('four-dimensions')).toBe(fourDimensions);
  expect(builtInTemplate('single-dimension:aesthetics').name).toBe('single-dimension:aesthetics');
  expect(() => builtInTemplate('for-dimensions')).toThrow(
    expect.objectContaining({ code: 'bad-recipe', hint: 'Did you mean four-dimensions?' }),
  );
});

test.each([
  [{ kind: 'integer' }, 'Answer with one two-digit integer from 10 (worst) to 50 (best) and nothing else.'],
  [
    { kind: 'integer', step: 0.5 },
    'Answer with one two-digit integer from 10 (worst) to 50 (best), in steps of 5, and nothing else.',
  ],
  [
    { kind: 'decimal', step: 0.2 },
    'Answer with one number with one decimal from 1.0 (worst) to 5.0 (best), in steps of 0.2, and nothing else.',
  ],
  [{ kind: 'level' }, 'Answer with one word: excellent, good, fair, poor or bad.'],
  [{ kind: 'raw' }, 'Answer with a decimal number from 1 (worst) to 5 (best) and nothing else.'],
  [
    { kind: 'integer', sentence: true },
    'Answer with the sentence "The overall quality of the video is N." and nothing else, where N is a two-digit integer from 10 (worst) to 50 (best).',
  ],
  [
    { kind: 'decimal', step: 0.5, sentence: true },
    'Answer with the sentence "The overall quality of the video is N." and nothing else, where N is a number with one decimal from 1.0 (worst) to 5.0 (best), in steps of 0.5.',
  ],
  [
    { kind: 'level', sentence: true },
    'Answer with the sentence "The overall quality of the video is WORD." and nothing else, where WORD is excellent, good, fair, poor or bad.',
  ],
] as const)('answer format of %o', (options, text) => {
  expect(answerFormat(createAnswerCodec(options), 'video')).toBe(text);
});

test('the sentence is about an image where the question is', () => {
  const text = fourDimensions.render({ kind: 'image', codec: createAnswerCodec({ sentence: true }) });
  expect(text).toContain('"The overall quality of the image is N."');
  expect(text).not.toContain('video');
});

describe("a user's own template", () => {
  test('fills its placeholders once, verbatim', () => {
    const template = parseTemplate('\uFEFF Rate {"a": 1} {prompt}. {answer_format}\n', 'mine.txt');
    const text = template.render({ kind: 'video', prompt: '{answer_format} $& {prompt}', codec });
    expect(text).toBe(`Rate {"a": 1} {answer_format} $& {prompt}. ${answerFormat(codec, 'video')}`);
  });

  test('refuses unknown placeholders, all at once, and an empty text', () => {
    expect(() => parseTemplate('{promt} {prompt} {format} {promt}', 'mine.txt')).toThrow(
      'mine.txt: expected the placeholders {prompt}, {answer_format}, and {frames} at the end, got {promt}, {format}',
    );
    expect(() => parseTemplate(' \n', 'mine.txt')).toThrow('mine.txt: expected a question, got an empty template');
  });

  test('has the frames behind its text where it ends with them, and nowhere else', () => {
    const last = parseTemplate('Rate this: {frames}\n', 'mine.txt');
    expect(last).toMatchObject({ framesLast: true, source: 'Rate this: {frames}' });
    expect(last.render({ kind: 'image', codec })).toBe('Rate this:');
    expect(parseTemplate(last.source!, 'card')).toMatchObject({ framesLast: true });
    expect(parseTemplate('Rate this.', 'mine.txt').framesLast).toBe(false);
    expect(() => parseTemplate('Rate {frames} now.', 'mine.txt')).toThrow('{frames} at the end, got {frames}');
    expect(() => parseTemplate('{frames}', 'mine.txt')).toThrow('got an empty template');
  });

  test('needs the prompt that it quotes', () => {
    expect(() => parseTemplate('{prompt}?', 'mine.txt').render({ kind: 'image', codec })).toThrow('got none');
    expect(parseTemplate('Rate.', 'mine.txt').render({ kind: 'image', codec })).toBe('Rate.');
  });

  test('comes from a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'iovqa-template-'));
    try {
      const path = join(folder, 'my question.txt');
      await writeFile(path, 'Rate this. {answer_format}\n');
      expect((await loadTemplate(path)).render({ kind: 'image', codec })).toContain('Rate this. Answer with');
      await expect(loadTemplate(join(folder, 'none'))).rejects.toThrow('expected a readable text file');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
