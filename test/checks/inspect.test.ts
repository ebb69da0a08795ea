// What the commands `inspect` and `doctor` print is there for programs, as data.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRandomCheckpoint, inspectFrames, inspectMask, inspectModel, resolveRecipe } from '../../src/index.ts';
import type { ResolvedRecipe } from '../../src/index.ts';
import { writePicture } from '../train/run-fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-inspect-'));
const at = (...names: string[]): string => join(folder, ...names);
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(async () => {
  await createRandomCheckpoint(at('model'), { preset: 'tiny' });
  await writePicture(at('a.png'), 1);
  writeFileSync(at('text.mp4'), 'text');
  writeFileSync(at('clips.csv'), 'image,mos\na.png,2.5\ntext.mp4,3\n');
});
const recipe = (): ResolvedRecipe =>
  resolveRecipe({
    base: { model: at('model'), out: at('run'), data: { manifest: at('clips.csv'), validation: null } },
  });

test('the mask of an example', async () => {
  const { clip, mos, answer, tokens } = await inspectMask(recipe());
  expect([clip, mos, answer]).toEqual(['a.png', 2.5, '25']);
  expect(tokens.filter(({ trained }) => trained).map(({ text }) => text)).toEqual(['2', '5']);
  await expect(inspectMask(recipe(), 'b.png')).rejects.toMatchObject({ code: 'bad-input' });
});

test('frames, clip by clip, with those that cannot be read', async () => {
  const found = [];
  for await (const one of inspectFrames(recipe(), { to: at('frames') })) found.push(one);
  expect(found).toMatchObject([
    { clip: 'a.png', files: [at('frames', 'a.png-0.png')], plan: { numFrames: 1 } },
    { clip: 'text.mp4', error: { code: 'unreadable-media' } },
  ]);
  expect(existsSync(at('frames', 'a.png-0.png'))).toBe(true);
});

test('a model', async () => {
  expect(await inspectModel(at('model'))).toMatchObject({ dtypes: ['float32'], text: { numLayers: 2 } });
});
