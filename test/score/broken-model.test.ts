// A broken template, pattern or question is one error of the model when it is opened, and not one of each clip.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createRandomCheckpoint } from '../../src/model/index.ts';
import { loadScorer } from '../../src/score/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-broken-'));
const at = (...names: string[]): string => join(folder, ...names);
beforeAll(() => createRandomCheckpoint(at('model'), { preset: 'tiny' }));
afterAll(() => rmSync(folder, { recursive: true }));

function copyWith(name: string, change: (text: string) => string): string {
  const to = mkdtempSync(at('copy-'));
  cpSync(at('model'), to, { recursive: true });
  writeFileSync(join(to, name), change(readFileSync(join(to, name), 'utf8')));
  return to;
}
const open = async (path: string, template?: string): Promise<unknown> => {
  const prompt = template === undefined ? {} : { settings: { prompt: { template: 'own.txt', source: template } } };
  await using scorer = await loadScorer(path, { cache: false, workers: 1, ...prompt });
  return scorer;
};

it.each([
  [
    'fails on pictures',
    "{% if messages[0].content[0].type == 'image' %}{{ raise_exception('no eyes') }}{% endif %}",
    'no eyes',
  ],
  ['has no pads', '{{ messages[0].content[-1].text }}', 'expected 1 image and 0 video pads, got 0 image'],
  ['is none', '{% if %}', 'expected a chat template'],
])('a chat template that %s', async (_, source, message) => {
  await expect(open(copyWith('chat_template.jinja', () => source))).rejects.toThrow(message);
});

it('a chat template that does not end', { tags: ['long'] }, async () => {
  const endless = '{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}';
  await expect(open(copyWith('chat_template.jinja', () => endless))).rejects.toThrow('s of work');
});

it('a pattern that backtracks without end', { tags: ['long'] }, async () => {
  const path = copyWith('tokenizer.json', (text) => {
    const json = JSON.parse(text) as { pre_tokenizer: { pretokenizers: { pattern?: object }[] } };
    json.pre_tokenizer.pretokenizers[0]!.pattern = { Regex: '(a+)+$' };
    return JSON.stringify(json);
  });
  await expect(open(path)).rejects.toThrow(
    'expected a pattern that splits any text, got "(a+)+$" (more than 3 s of work)',
  );
});

it('a question of too many tokens, or characters', async () => {
  await expect(open(at('model'), 'Rate? '.repeat(3000))).rejects.toThrow(
    /^template own\.txt: text: expected at most 4,096 tokens, got [\d,]+$/,
  );
  await expect(open(at('model'), 'x'.repeat(600_000))).rejects.toThrow(
    'own.txt: expected at most 20000 characters, got 600000',
  );
});
