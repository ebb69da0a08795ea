// A folder: everything in it is a clip, listed as passed over, or one of the files that systems leave behind.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeSkipped, listFolder } from '../../src/media/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-folder-'));
afterAll(() => rmSync(folder, { recursive: true }));

const put = (name: string, content: string | Buffer): void => {
  mkdirSync(join(folder, name, '..'), { recursive: true });
  writeFileSync(join(folder, name), content);
};

const hasPipes = process.platform !== 'win32';

beforeAll(async () => {
  const jpeg = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
    .jpeg()
    .toBuffer();
  for (const name of ['a.jpg', 'b.jfif', 'sub/c', 'd.txt', '.hidden/e.JPG']) put(name, jpeg);
  const stream = Buffer.alloc(188 * 30);
  for (let i = 0; i < stream.length; i += 188) stream[i] = 0x47;
  put('00001.MTS', stream);
  put(
    'disc.m2ts',
    Buffer.concat(
      Array.from({ length: 30 }, (_, i) => Buffer.concat([Buffer.alloc(4), stream.subarray(188 * i, 188 * i + 188)])),
    ),
  );
  put('broken.mp4', 'no video');
  put('empty.mov', '');
  put('photo.heic', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\0\x08meta', 'latin1'));
  put('notes.txt', 'text');
  put('scores.csv', 'clip,mos\n');
  put('sub/other.csv', 'clip,mos\n');
  put('README', 'text');
  put('bad\nending.x\ny', 'text');
  for (const name of ['._a.jpg', '.DS_Store', 'sub/Thumbs.db', 'sub/._c', 'Desktop.ini']) put(name, jpeg);
  symlinkSync(join(folder, 'a.jpg'), join(folder, 'link.png'));
  if (hasPipes) execFileSync('mkfifo', [join(folder, 'pipe')]);
});

it('every file is in one of three lists, by content or by name', async () => {
  const { clips, others, ignored } = await listFolder(folder);
  expect(Object.fromEntries(clips.map(({ path, kind }) => [relative(folder, path), kind]))).toEqual({
    '.hidden/e.JPG': 'image',
    '00001.MTS': 'video',
    'a.jpg': 'image',
    'b.jfif': 'image',
    'broken.mp4': 'video',
    'd.txt': 'image',
    'disc.m2ts': 'video',
    'empty.mov': 'video',
    'link.png': 'image',
    'photo.heic': 'image',
    'sub/c': 'image',
  });
  expect(clips.map(({ path }) => path)).toEqual(clips.map(({ path }) => path).toSorted());
  expect(ignored.map((path) => relative(folder, path))).toEqual([
    '.DS_Store',
    '._a.jpg',
    'Desktop.ini',
    'sub/._c',
    'sub/Thumbs.db',
  ]);
  expect(others.length).toBe(hasPipes ? 6 : 5);
  expect(describeSkipped({ others, ignored })).toEqual([
    `${hasPipes ? 6 : 5} files not looked at: ${hasPipes ? '2 without an ending, 2 .csv' : '2 .csv, 1 without an ending'}, 1 .txt, 1 .x\\ny`,
    '5 files ignored (._*, .DS_Store, Thumbs.db, desktop.ini)',
  ]);
  expect(describeSkipped({ others: [], ignored: [] })).toEqual([]);
});
