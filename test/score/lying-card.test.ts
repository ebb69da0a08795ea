// Cards, configs and ensembles that lie: refused in one line when they are opened, or their words cleaned.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/index.ts';
import { embeddedAdapter, embeddedModel, readCard } from '../../src/model/index.ts';
import { loadScorer } from '../../src/score/index.ts';
import { loadEnsemble } from '../../src/study/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-lies-'));
const at = (...names: string[]): string => join(folder, ...names);
type Json = Record<string, unknown>;
const cardOf = (path: string): Json => JSON.parse(readFileSync(join(path, 'iovqa.json'), 'utf8')) as Json;

function adapterWith(change: (card: Json) => Json): string {
  const to = mkdtempSync(at('adapter-'));
  cpSync(embeddedAdapter(), to, { recursive: true });
  writeFileSync(join(to, 'iovqa.json'), JSON.stringify(change(cardOf(to))));
  return to;
}
const open = async (path: string): Promise<string> => {
  const options = { cache: false as const, workers: 1, model: embeddedModel() };
  await using scorer = await loadScorer(path, options);
  return scorer.notes.join('\n');
};
async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(UserError);
  const { message } = error as UserError;
  expect(message).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
  expect(message.length).toBeLessThan(2000);
  return message;
}

beforeAll(() => mkdirSync(folder, { recursive: true }));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a card', () => {
  it.each<[string, Json, string]>([
    ['a scale wider than numbers', { scale: { min: -1e308, max: 1e308, higherIsBetter: true } }, 'scale'],
    ['a scale far away', { scale: { min: 1e300, max: 1.1e300, higherIsBetter: true } }, 'scale'],
    ['a scale of no width', { scale: { min: 0, max: 5e-324, higherIsBetter: true } }, 'scale'],
    [
      'a scale too narrow to tell scores apart',
      { scale: { min: 1e8, max: 1e8 + 1e-7, higherIsBetter: true } },
      'scale',
    ],
    ['a step of nothing', { answer: { kind: 'integer', step: 1e-300 } }, 'answer.step'],
    ['a template named by an order', { prompt: { template: '\u001B[2J', source: null } }, 'prompt.template'],
    ['golden scores without end', { goldenScores: Array.from({ length: 200_000 }, () => 0) }, 'a list of at most 100'],
    ['words without end', { about: 'x'.repeat(3000) }, 'about'],
    ['a question without end', { prompt: { template: 'own.txt', source: 'x'.repeat(600_000) } }, 'prompt.source'],
  ])(
    'with %s is refused',
    async (_, change, message) => {
      expect(await refusal(open(adapterWith((card) => ({ ...card, ...change }))))).toContain(message);
    },
    30_000,
  );

  it('with orders to the terminal in its words has them taken out', async () => {
    const about = 'Trained on\nclips \u001B]0;owned\u0007\u001B[31m\u009B2J\u202Eleft';
    const path = adapterWith((card) => ({ ...card, about, writtenBy: 'iovqa \u001B[2J' }));
    expect(await open(path)).toBe('Trained on clips ]0;owned[31m2Jleft');
    expect((await readCard(path))!.writtenBy).toBe('iovqa [2J');
  });
});

it('an ensemble whose weights lie is refused', async () => {
  const member = { path: embeddedAdapter(), sha256: '0'.repeat(64) };
  for (const weight of [1e308, -1, 0, 2]) {
    const path = mkdtempSync(at('ensemble-'));
    writeFileSync(
      join(path, 'ensemble.json'),
      JSON.stringify({ format: 1, members: [{ ...member, weight }], writtenBy: '' }),
    );
    expect(await refusal(loadEnsemble(path, { cache: false }))).toContain('members.0.weight');
  }
});

it('an adapter whose alpha lies is refused', async () => {
  const path = adapterWith((card) => card);
  const file = join(path, 'adapter_config.json');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/"lora_alpha": \d+/, '"lora_alpha": 1e308'));
  expect(await refusal(open(path))).toContain('lora_alpha');
});

describe('what is no file, or no end of one, behind a name of a model', () => {
  const names: [string, boolean][] = [
    ['iovqa.json', false],
    ['adapter_config.json', false],
    ['adapter_model.safetensors', false],
    ['config.json', true],
    ['tokenizer.json', true],
    ['tokenizer_config.json', true],
    ['chat_template.jinja', true],
    ['preprocessor_config.json', true],
    ['model.safetensors', true],
  ];
  const put: Record<string, (path: string) => void> = {
    'a pipe': (path) => execFileSync('mkfifo', [path]),
    'a device': (path) => symlinkSync('/dev/zero', path),
    'JSON nested without end': (path) => writeFileSync(path, '['.repeat(900_000)),
    'values without end': (path) => writeFileSync(path, `[${'0,'.repeat(4_000_000)}0]`),
  };
  const cases = names.flatMap(([name, isBase]) =>
    Object.keys(put).map((what): [string, string, boolean] => [name, what, isBase]),
  );
  it.skipIf(process.platform === 'win32').each(cases)(
    '%s: %s',
    async (name, what, isBase) => {
      if (name === 'chat_template.jinja' && what.includes('without end')) return; // any text may be a template
      const to = mkdtempSync(at('model-'));
      cpSync(isBase ? embeddedModel() : embeddedAdapter(), to, { recursive: true });
      rmSync(join(to, name), { force: true });
      put[what]!(join(to, name));
      const before = process.memoryUsage().rss;
      expect(await refusal(open(to))).toMatch(name === 'model.safetensors' ? /model.safetensors|\/dev\/zero/ : name);
      expect(process.memoryUsage().rss - before).toBeLessThan(300e6);
    },
    30_000,
  );
});
