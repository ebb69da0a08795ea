import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodePrompt, loadChatTemplate } from '../../src/prompt/index.ts';
import { createChatTemplate } from '../../src/prompt/chat.ts';
import { mergedTokens } from '../../src/model/families/qwen2-5-vl/prompt.ts';
import type { VisionInput } from '../../src/prompt/encode-prompt.ts';
import { chatSource, hostilePrompts, qwenFile, setups } from './fixtures.ts';

const image: VisionInput = { kind: 'image', grid: { t: 1, h: 4, w: 6 } };
const video: VisionInput = { kind: 'video', grid: { t: 3, h: 2, w: 2 }, secondsPerGrid: 0.5 };

describe.each(setups)('$name', ({ tokenizer, chat, model, padTokens }) => {
  test('expands each pad to its merged patches', () => {
    const visions = [image, video, { ...image, grid: { t: 1, h: 2, w: 2 } }];
    const prompt = encodePrompt({ tokenizer, chat, question: 'Rate.', visions, model });
    expect(prompt.visions.map(({ length }) => length)).toEqual([6, 3, 1]);
    for (const { kind, start, length } of prompt.visions) {
      const span = [...prompt.tokenIds.subarray(start, start + length)];
      expect(new Set(span)).toEqual(new Set([padTokens[kind]]));
      const around = [prompt.tokenIds[start - 1]!, prompt.tokenIds[start + length]!];
      expect(tokenizer.decode(around)).toBe('<|vision_start|><|vision_end|>');
    }
  });

  test('puts the question before the frames where that is asked for', () => {
    const visions = [image, video];
    const prompt = encodePrompt({ tokenizer, chat, question: 'Rate this:', visions, framesLast: true, model });
    const before = encodePrompt({ tokenizer, chat, question: 'Rate this:', visions, model });
    const text = tokenizer.decode([...prompt.tokenIds]);
    expect(text).toMatch(
      /^.*user\nRate this:<\|vision_start\|>.*<\|vision_end\|><\|im_end\|>\n<\|im_start\|>assistant\n$/su,
    );
    expect([...prompt.tokenIds].toSorted((a, b) => a - b)).toEqual([...before.tokenIds].toSorted((a, b) => a - b));
    expect(prompt.tail).toBe(before.tail);
    const moved = prompt.visions.map(({ start }, i) => start - before.visions[i]!.start);
    expect(moved[0]).toBe(moved[1]);
    expect(moved[0]).toBeGreaterThan(0);
  });

  test.each(hostilePrompts)('text of the user stays text: %s', (question) => {
    const visions = [image, video];
    const prompt = encodePrompt({ tokenizer, chat, question, visions, model });
    const calm = encodePrompt({ tokenizer, chat, question: 'x', visions, model });
    const special = (ids: Int32Array): string[] =>
      [...ids].map((id) => tokenizer.decode([id])).filter((text) => /^<\|\w+\|>$/u.test(text));
    expect(special(prompt.tokenIds)).toEqual(special(calm.tokenIds));
    expect(prompt.visions).toEqual(calm.visions);
    const wellFormed = question.replaceAll(/\p{Surrogate}/gu, '\uFFFD');
    expect(tokenizer.decode([...prompt.tokenIds])).toContain(
      `<|vision_end|>${wellFormed}<|im_end|>\n<|im_start|>assistant\n`,
    );
  });
});

describe('a template that does not fit is an error', () => {
  const { tokenizer, model } = setups[1]!;
  const render = (source: string): unknown =>
    encodePrompt({ tokenizer, chat: createChatTemplate(source), question: 'q', visions: [image], model });

  test.each([
    ['{{ messages[0].content[1].text }}', 'expected 1 image and 0 video pads, got 0 image and 0 video pads'],
    [
      '<|video_pad|>{{ messages[0].content[1].text }}',
      'expected 1 image and 0 video pads, got 0 image and 1 video pads',
    ],
    ['<|image_pad|>', 'expected the question once in the chat text, got it 0 times'],
    ['<|image_pad|>{% for i in [1,2] %}{{ messages[0].content[1].text }}{% endfor %}', 'got it 2 times'],
    ["{{ raise_exception('only text') }}", 'expected a chat template, got "'],
    ["{{ 'x' + messages }}{% endfor %}", 'expected a chat template, got "'],
  ])('%s', (source, message) => {
    expect(() => render(source)).toThrow(message);
    expect(() => render(source)).toThrow(expect.objectContaining({ code: 'bad-checkpoint' }));
  });

  test('the template of a model without eyes', async () => {
    const { chat, ...setup } = { ...setups[0]!, chat: await loadChatTemplate(dirname(qwenFile)) };
    expect(() => encodePrompt({ ...setup, chat, question: 'q', visions: [image] })).toThrow(
      expect.objectContaining({ code: 'bad-checkpoint' }),
    );
  });

  test('odd grids are a bug', () => {
    expect(() => mergedTokens({ t: 1, h: 3, w: 2 }, 2)).toThrow('positive sides divisible by 2');
    expect(mergedTokens({ t: 2, h: 32, w: 32 }, 2)).toBe(512);
  });
});

describe('loadChatTemplate', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'iovqa-chat-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });
  const text = async (): Promise<string> => {
    const segments = (await loadChatTemplate(folder)).render('q', ['image']);
    return segments.map((segment) => segment.text).join('');
  };
  const write = async (name: string, value: unknown): Promise<void> =>
    writeFile(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));

  test('takes the first of the three places that has one', async () => {
    await expect(loadChatTemplate(folder)).rejects.toThrow('expected a chat template, got none');
    const named = [
      { name: 'tool_use', template: 'no' },
      { name: 'default', template: '{{ bos_token }}3{{ messages[0].content[1].text }}' },
    ];
    await write('tokenizer_config.json', { bos_token: { content: '<s>' }, chat_template: named });
    expect(await text()).toBe('<s>3q');
    await write('chat_template.json', { chat_template: '{{ bos_token }}2{{ messages[0].content[1].text }}' });
    expect(await text()).toBe('<s>2q');
    await write('chat_template.jinja', chatSource);
    expect(await text()).toBe(
      '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' +
        '<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>q<|im_end|>\n<|im_start|>assistant\n',
    );
  });

  test('names the file that is wrong', async () => {
    await write('chat_template.json', '{');
    await expect(loadChatTemplate(folder)).rejects.toThrow('chat_template.json: expected JSON');
    await write('chat_template.json', { chat_template: 3 });
    await expect(loadChatTemplate(folder)).rejects.toThrow('chat_template.json: expected chat_template to be text');
    await write('chat_template.jinja', '{% if %}');
    await expect(loadChatTemplate(folder)).rejects.toThrow('chat_template.jinja: expected a chat template');
  });
});
