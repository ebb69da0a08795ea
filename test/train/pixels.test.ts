// How pixels are dealt with: new recipes do what a player does, runs and cards without the keys keep what they began with.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Card } from '../../src/model/index.ts';
import { embeddedAdapter, readCard } from '../../src/model/index.ts';
import { settingsOf } from '../../src/score/card.ts';
import { formatRecipe, readRunRecipe, resolveRecipe } from '../../src/train/index.ts';
import { keepPixels } from '../../src/train/run-folder.ts';
import { storedPixels } from '../../src/video/index.ts';
import { shownPixels } from '../../src/video/types.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-pixels-'));
afterAll(() => rmSync(folder, { recursive: true }));

const sets = ['model=m', 'data.manifest=t.csv', `out=${JSON.stringify(folder)}`];

describe('a recipe', () => {
  it('that says nothing does what a player does, and is written with all of it', () => {
    const { recipe, provenance } = resolveRecipe({ sets });
    expect(recipe.frames).toMatchObject(shownPixels);
    const text = formatRecipe(recipe, provenance);
    for (const [key, value] of Object.entries(shownPixels)) expect(text).toContain(`  ${key}: ${value} # default`);
  });
});

describe('a run that was begun before there were such keys', () => {
  const old = formatRecipe(resolveRecipe({ sets }).recipe, new Map())
    .split('\n')
    .filter((line) => !/^ {2}(?:toneMap|deinterlace|squarePixels|profile):/.test(line))
    .join('\n');

  it('keeps pixels as they are stored, by its own recipe or by the one that it was begun with', async () => {
    expect(old).not.toMatch(/toneMap|squarePixels/);
    writeFileSync(join(folder, 'recipe.yaml'), old);
    expect((await readRunRecipe(folder)).recipe.frames).toMatchObject(storedPixels);
    const { recipe, provenance } = await keepPixels(resolveRecipe({ sets }), true);
    expect(recipe.frames).toMatchObject(storedPixels);
    expect(provenance.get('frames.profile')).toBe('the run');
    // What somebody sets is for the comparison of both recipes to refuse.
    const asked = await keepPixels(resolveRecipe({ sets: [...sets, 'frames.toneMap=bt2390'] }), true);
    expect(asked.recipe.frames).toMatchObject({ ...storedPixels, toneMap: 'bt2390' });
  });

  it('is not what a new run in a folder of its own goes by', async () => {
    expect((await keepPixels(resolveRecipe({ sets }), false)).recipe.frames).toMatchObject(shownPixels);
    const elsewhere = resolveRecipe({ sets: [...sets, `out=${JSON.stringify(join(folder, 'new'))}`] });
    expect((await keepPixels(elsewhere, true)).recipe.frames).toMatchObject(shownPixels);
  });
});

describe('a card', () => {
  const card = async (frames: Record<string, unknown>): Promise<Card> => {
    const shipped = (await readCard(embeddedAdapter()))!;
    return { ...shipped, frames: { ...shipped.frames, ...(frames as Card['frames']) } };
  };

  it('without the keys says nothing of pixels, which leaves them as they are stored: so does the one that ships', async () => {
    const { frames } = settingsOf(await card({}), 'x');
    for (const key of Object.keys(storedPixels)) expect(frames).not.toHaveProperty(key);
  });

  it('has them where the recipe had them, and nothing else in their place', async () => {
    expect(settingsOf(await card({ ...shownPixels }), 'x').frames).toMatchObject(shownPixels);
    for (const [key, value] of Object.entries({
      toneMap: 'hable',
      squarePixels: 'yes',
      profile: 3,
      deinterlace: true,
    })) {
      const bad = await card({ [key]: value });
      expect(() => settingsOf(bad, 'x')).toThrow(`x: its card's frames.${key} is`);
    }
    const written = JSON.parse(JSON.stringify(await card({ ...shownPixels }))) as Card;
    writeFileSync(join(folder, 'iovqa.json'), JSON.stringify(written));
    expect((await readCard(folder))!.frames).toMatchObject(shownPixels);
    expect(readFileSync(join(folder, 'iovqa.json'), 'utf8')).toContain('"squarePixels":true');
  });
});
