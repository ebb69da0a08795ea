// Photographs of a folder: told by their content, and what is passed over is said.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { findPhotographs } from '../../src/quickstart/clips.ts';
import { temporaryFolder } from '../files/temporary.ts';

const picture = (format: 'png' | 'jpeg' | 'avif'): Promise<Buffer> =>
  sharp({ create: { width: 16, height: 16, channels: 3, background: 'gray' } })
    .toFormat(format)
    .toBuffer();

test('photographs are told by their content, not by their names', async () => {
  const folder = temporaryFolder();
  const [png, jpeg, avif] = await Promise.all([picture('png'), picture('jpeg'), picture('avif')]);
  mkdirSync(join(folder, 'more'));
  const files = { 'a.png': png, b: png, 'c.dat': jpeg, 'd.avif': avif, 'more/e.JPG': jpeg, 'f.v2.jpg': jpeg };
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  writeFileSync(join(folder, 'notes.txt'), 'text');
  writeFileSync(join(folder, 'broken.jpg'), 'text');
  writeFileSync(join(folder, '._a.png'), 'x');
  const { byName, passedOver } = await findPhotographs(folder);
  expect(Object.fromEntries(byName)).toEqual(
    Object.fromEntries(
      Object.keys(files).map((name) => [name.replace('more/', '').replace(/\.\w+$/, ''), join(folder, name)]),
    ),
  );
  expect(passedOver).toEqual([
    '1 file not looked at: 1 .txt',
    '1 file ignored (._*, .DS_Store, Thumbs.db, desktop.ini)',
    `1 file that is no photograph by its content: ${join(folder, 'broken.jpg')}`,
  ]);
});

test('too few, and two of one name, are refused', async () => {
  const folder = temporaryFolder();
  const png = await picture('png');
  for (const name of ['a.png', 'b.png', 'c.png', 'd.png']) writeFileSync(join(folder, name), png);
  writeFileSync(join(folder, 'e.png'), 'text');
  await expect(findPhotographs(folder)).rejects.toMatchObject({
    message: `${folder}: expected at least five photographs, got 4`,
    hint: `1 file that is no photograph by its content: ${join(folder, 'e.png')}`,
  });
  writeFileSync(join(folder, 'a.jpg'), png);
  await expect(findPhotographs(folder)).rejects.toThrow('got two of one name');
});
