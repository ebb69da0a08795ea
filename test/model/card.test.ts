// The card: what was written comes back; anything else is told in one line.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/index.ts';
import type { Card } from '../../src/model/index.ts';
import { readCard, writeCard } from '../../src/model/index.ts';
import { CARD_FILE } from '../../src/model/card.ts';
import { temporaryFolder } from '../files/temporary.ts';

/** A card in which no value is null or empty. */
const full = (): Card => ({
  format: 1,
  baseHash: 'a'.repeat(64),
  baseModel: 'some/base',
  frames: { pick: 'middle', count: 1, assumedFps: null },
  prompt: { template: 'own.txt', source: 'Rate this {kind}: {prompt}\n{answer_format}' },
  answer: { kind: 'integer', step: 0.1 },
  positions: 'transformers',
  scale: { min: 0, max: 100, higherIsBetter: false },
  training: { manifestSha256: '0'.repeat(64), targetColumn: 'mos', numClips: 3, step: 7 },
  goldenScores: [{ inputSha256: 'f'.repeat(64), score: 3.3333333333333335 }],
  writtenBy: 'iovqa 0.1.0',
});

async function readJson(value: unknown): Promise<unknown> {
  const folder = temporaryFolder();
  writeFileSync(join(folder, CARD_FILE), typeof value === 'string' ? value : JSON.stringify(value));
  return readCard(folder).catch((error: unknown) => error);
}

describe('a card', () => {
  it('comes back as it was written, over an older one, and is null where there is none', async () => {
    const folder = temporaryFolder();
    expect(await readCard(folder)).toBeNull();
    await writeCard(folder, full());
    expect(await readCard(folder)).toEqual(full());
    const own: Card = {
      ...full(),
      baseHash: null,
      baseModel: null,
      goldenScores: [],
      answer: { kind: 'raw', step: null },
    };
    await writeCard(folder, own);
    expect(await readCard(folder)).toEqual(own);
    expect(readdirSync(folder)).toEqual([CARD_FILE]);
    expect(readFileSync(join(folder, CARD_FILE), 'utf8')).toMatch(/^\{\n {2}"format": 1,/);
  });

  it.each(Object.keys(full()))('is refused without %s', async (key) => {
    const { [key]: _, ...rest } = { ...full() } as Record<string, unknown>;
    const error = await readJson(rest);
    expect(error).toMatchObject({ code: 'bad-checkpoint' });
    expect((error as Error).message).toContain(`${key}: `);
  });

  it.each<[string, object]>([
    ['one more key', { more: 1 }],
    ['one more in prompt', { prompt: { ...full().prompt, more: 1 } }],
    ['one more in answer', { answer: { ...full().answer, more: 1 } }],
    ['one more in scale', { scale: { ...full().scale, more: 1 } }],
    ['one more in training', { training: { ...full().training, more: 1 } }],
    ['one more in a golden score', { goldenScores: [{ ...full().goldenScores[0]!, more: 1 }] }],
    ['a hash that is none', { baseHash: 'A'.repeat(64) }],
    ['a short hash', { training: { ...full().training, manifestSha256: '0' } }],
    ['clips in halves', { training: { ...full().training, numClips: 1.5 } }],
    ['fewer than no steps', { training: { ...full().training, step: -1 } }],
    ['a score that is null', { goldenScores: [{ inputSha256: 'f'.repeat(64), score: null }] }],
    ['a frame setting that is a list', { frames: { count: [1] } }],
    ['format 0', { format: 0 }],
    ['a format in words', { format: '2' }],
  ])('is refused with %s', async (_, change) => {
    const error = await readJson({ ...full(), ...change });
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({ code: 'bad-checkpoint' });
    expect((error as Error).message).not.toContain('\n');
  });

  it('of a later format says so, whatever else it holds', async () => {
    const error = await readJson({ format: 2, everything: 'else' });
    expect(error).toMatchObject({ code: 'not-supported', hint: expect.stringContaining('update iovqa') as string });
  });

  it.each(['[]', 'null', '3', '{"format": 1', '', '{"format": 1e999}'])('is not %s', async (text) => {
    expect(await readJson(text)).toMatchObject({ name: 'UserError' });
  });
});
