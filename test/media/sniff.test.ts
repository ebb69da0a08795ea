// A file's format by its content: every format of the table, whatever the file is called, and what only looks like one.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { AV_PIX_FMT_GRAY8 } from 'node-av';
import fc from 'fast-check';
import sharp from 'sharp';
import type { Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MediaFile } from '../../src/media/index.ts';
import type { FormatName } from '../../src/media/formats.ts';
import { expectedMedia, formats, inspectFile, readingOf } from '../../src/media/index.ts';
import { formatsTable, mediaEndings } from '../../src/media/formats.ts';
import { sniff } from '../../src/media/sniff.ts';
import { UserError } from '../../src/core/index.ts';
import { openFrameReader } from '../../src/video/index.ts';
import { options } from '../video/fixtures.ts';
import { makeClip } from '../video/make-clip.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-sniff-'));
const reader = openFrameReader({ workers: 1 });
afterAll(async () => {
  await reader[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const formatOf = async (bytes: Buffer): Promise<FormatName | undefined> =>
  sniff(bytes.subarray(0, 4096), async (at, length) => bytes.subarray(at, at + length));

const put = (name: string, bytes: Buffer | string): string => {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
};

const noise = { width: 48, height: 40, channels: 3, background: 'red' } as const;
/** How a file is read by the column that it stands in; empty where it is refused, which names what it is. */
function readingIn(file: MediaFile, column: 'video' | 'image'): string {
  try {
    return readingOf(file, column);
  } catch (error) {
    if (error instanceof UserError && error.message.includes(`got ${file.looksLike}`)) return '';
    throw error;
  }
}

const picture = (): Sharp => sharp({ create: noise });
const box = (type: string, ...content: (string | Buffer)[]): Buffer => {
  const body = Buffer.concat([
    Buffer.from(type, 'latin1'),
    ...content.map((one) => Buffer.from(one as string, 'latin1')),
  ]);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(body.length + 4);
  return Buffer.concat([size, body]);
};
const ftyp = (...brands: string[]): Buffer => box('ftyp', brands[0]!, '\0\0\0\0', ...brands);

/** A PNG made an APNG of one frame: the chunk that says so stands before the picture's data. */
function animated(png: Buffer): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const end = 8 + 25;
  return Buffer.concat([png.subarray(0, end), chunk('acTL', Buffer.from([0, 0, 0, 1, 0, 0, 0, 0])), png.subarray(end)]);
}

/** A TIFF's directory at its end, of tags with a value of four bytes. */
function tiff(...tags: [number, number][]): Buffer {
  const bytes = Buffer.alloc(10 + 12 * tags.length + 4 + 8);
  bytes.write('II*\0', 'latin1');
  bytes.writeUInt32LE(8, 4);
  bytes.writeUInt16LE(tags.length, 8);
  tags.forEach(([tag, value], i) => {
    bytes.writeUInt16LE(tag, 10 + 12 * i);
    bytes.writeUInt16LE(4, 12 + 12 * i);
    bytes.writeUInt32LE(1, 14 + 12 * i);
    bytes.writeUInt32LE(value, 18 + 12 * i);
  });
  return bytes;
}

const samples = new Map<FormatName, Buffer>();
beforeAll(async () => {
  const frames = Buffer.concat([0, 1, 2].map((k) => Buffer.alloc(8 * 8 * 3, 50 * k + 9)));
  const roll = { raw: { width: 8, height: 24, channels: 3, pageHeight: 8 } } as const;
  const film = async (codec: string, format: string, name: string): Promise<Buffer> =>
    readFileSync(await makeClip({ path: join(folder, name), codec, format, numFrames: 3 }));
  const bmp = Buffer.alloc(26 + 12);
  bmp.write('BM');
  bmp.writeUInt32LE(26, 10);
  bmp.writeUInt32LE(12, 14);
  bmp.writeUInt16LE(2, 18);
  bmp.writeUInt16LE(1, 20);
  bmp.writeUInt16LE(24, 24);
  const gif = { path: join(folder, 'a'), codec: 'gif', format: 'gif', numFrames: 3, pixelFormat: AV_PIX_FMT_GRAY8 };
  const all: [FormatName, Buffer][] = [
    ['jpeg', await picture().jpeg().toBuffer()],
    ['png', await picture().png().toBuffer()],
    ['webp', await picture().webp().toBuffer()],
    ['tiff', await picture().tiff().toBuffer()],
    ['avif', readFileSync(new URL('cases/grid.avif', import.meta.url))],
    ['bmp', bmp],
    ['gif', readFileSync(await makeClip(gif))],
    ['apng', animated(await picture().png().toBuffer())],
    [
      'animatedWebp',
      await sharp(frames, roll)
        .webp({ loop: 0, delay: [100, 200, 300] })
        .toBuffer(),
    ],
    ['mp4', await film('mpeg4', 'mp4', 'b')],
    ['mov', await film('mpeg4', 'mov', 'c')],
    ['matroska', await film('mpeg4', 'matroska', 'd')],
    ['webm', await film('libvpx', 'webm', 'e')],
    ['avi', await film('mpeg4', 'avi', 'f')],
    ['mpegTs', await film('mpeg2video', 'mpegts', 'g')],
    ['mpegPs', await film('mpeg2video', 'mpeg', 'h')],
    ['flv', await film('flv', 'flv', 'i')],
    ['asf', await film('wmv2', 'asf', 'j')],
    ['y4m', await film('wrapped_avframe', 'yuv4mpegpipe', 'k')],
    ['ogg', Buffer.from(`OggS${'\0'.repeat(24)}\x80theora`, 'latin1')],
    ['heic', Buffer.concat([ftyp('heic', 'mif1'), box('meta', '\0\0\0\0')])],
    ['avifSequence', Buffer.concat([ftyp('avis', 'avif', 'msf1'), box('meta', '\0\0\0\0'), box('moov')])],
    ['jpegXl', Buffer.from('\xff\x0a\x00\x00', 'latin1')],
    ['jpeg2000', Buffer.from('\0\0\0\x0cjP  \r\n\x87\n', 'latin1')],
    ['netpbm', Buffer.from('P6\n2 2\n255\nabcdefghijkl')],
    ['openExr', Buffer.from('\x76\x2f\x31\x01\x02\0\0\0', 'latin1')],
    ['radiance', Buffer.from('#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n')],
    ['raw', tiff([0xfe, 1], [0x14a, 200])],
    ['mxf', Buffer.from('\x06\x0e\x2b\x34\x02\x05\x01\x01', 'latin1')],
    ['ivf', Buffer.from('DKIF\0\0\x20\0VP80', 'latin1')],
    ['realMedia', Buffer.from('.RMF\0\0\0\x12', 'latin1')],
  ];
  for (const [name, bytes] of all) samples.set(name, bytes);
});

const names = Object.keys(formats) as FormatName[];

describe('every format of the table', () => {
  it.each(names)('%s is told by content, and read or refused alike whatever it is called', async (name) => {
    const bytes = samples.get(name)!;
    expect(await formatOf(bytes)).toBe(name);
    const { reading } = formats[name];
    const wanted = {
      still: ['still', 'still'],
      film: ['film', 'film'],
      animation: ['film', 'still'],
      refused: ['', ''],
    };
    for (const ending of ['', '.mp4', '.jpg', '.heif', '.txt']) {
      const file = await inspectFile(put(`${name}${ending}`, bytes), 1e9);
      expect(file.format).toBe(name);
      expect([readingIn(file, 'video'), readingIn(file, 'image')]).toEqual(wanted[reading]);
    }
    const isExpected = reading !== 'refused';
    expect(expectedMedia.includes(formats[name].name)).toBe(isExpected);
  });

  it('has each ending once, in lower case', () => {
    const all = Object.values(formats).flatMap(({ endings }) => endings);
    expect([...mediaEndings].length).toBe(all.length);
    expect(all.every((ending) => /^\.[a-z0-9]+$/.test(ending))).toBe(true);
  });

  it('stands in the docs', () => {
    const docs = readFileSync(new URL('../../docs/frames.md', import.meta.url), 'utf8');
    const plain = (text: string): string => text.replaceAll(/ +/g, ' ').replaceAll(/-{3,}/g, '---');
    expect(plain(docs)).toContain(plain(formatsTable()));
  });
});

describe('what looks like another', () => {
  it('a picture in an HEIF container is one by its boxes, and a film is one by its tracks', async () => {
    const grid = samples.get('avif')!;
    const size = grid.readUInt32BE(0);
    // The same picture under brands that films have, too, and a film under one that pictures have among others.
    expect(await formatOf(Buffer.concat([ftyp('mif1', 'avif', 'miaf'), grid.subarray(size)]))).toBe('avif');
    expect(await formatOf(Buffer.concat([ftyp('isom', 'avif'), grid.subarray(size)]))).toBe('avif');
    expect(await formatOf(Buffer.concat([ftyp('isom', 'mif1'), box('moov'), box('mdat')]))).toBe('mp4');
    expect(await formatOf(Buffer.concat([ftyp('hevc', 'heic'), box('meta', '\0\0\0\0'), box('moov')]))).toBe('heic');
    expect(await formatOf(Buffer.concat([ftyp('M4A ', 'isom'), box('moov')]))).toBeUndefined();
  });

  it('a raw file of a camera is none of its preview, and a plain TIFF of several sizes is a TIFF', async () => {
    expect(await formatOf(tiff([0xc612, 1], [0xfe, 0]))).toBe('raw');
    expect(await formatOf(tiff([0xfe, 0], [0x14a, 8]))).toBe('tiff');
    expect(await formatOf(tiff([0xfe, 1]))).toBe('tiff');
  });

  it('text, sound and noise are none', async () => {
    const text = [
      '',
      'B',
      'BM is how this text begins, and it goes on for a while',
      'P1 means priority one',
      'Good day',
      'RIFFxxxxWAVEfmt ',
    ];
    for (const one of text) expect([one, await formatOf(Buffer.from(one))]).toEqual([one, undefined]);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), async (bytes) => {
        await formatOf(Buffer.from(bytes));
      }),
    );
  });

  it('damage to any of them ends in an answer', async () => {
    const pick = fc.constantFrom(...names);
    await fc.assert(
      fc.asyncProperty(
        pick,
        fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 8 }),
        fc.nat(400),
        async (name, edits, cut) => {
          const bytes = Buffer.from(samples.get(name)!).subarray(0, 8 + cut);
          for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value;
          await formatOf(bytes);
        },
      ),
    );
  });
});

describe('animations', () => {
  it.each(['gif', 'apng', 'animatedWebp'] as const)(
    '%s: frames in a video column, the first picture in an image column',
    async (name) => {
      const path = put(`animation-${name}`, name === 'apng' ? readFileSync(await apng()) : samples.get(name)!);
      const film = await reader.read({ path, kind: 'video' }, { ...options, pick: 'uniform', count: 3, as: 'images' });
      expect(film.plan).toMatchObject({ numFrames: 3, timing: 'container', as: 'images' });
      const still = await reader.read({ path, kind: 'image' }, options);
      expect(still.plan).toMatchObject({ numFrames: 1, timing: 'none', as: 'image' });
      expect(still.rgb[0]).toEqual(film.rgb[0]);
      expect(film.rgb[1]).not.toEqual(film.rgb[0]);
      // The picture that a PNG shows where nobody knows of its animation is whole by itself.
      expect(still.plan.notes).toEqual(name === 'apng' ? [] : ['pages: first of 3 pictures']);
    },
  );

  it('an animated WebP has the times of its delays, and random frames by seed and content', async () => {
    const path = put('times', samples.get('animatedWebp')!);
    const { plan, visions } = await reader.read({ path, kind: 'video' }, { ...options, pick: 'uniform', count: 3 });
    expect(plan.frames.map(({ seconds }) => seconds)).toEqual([0, 0.1, 0.3]);
    expect(plan).toMatchObject({ duration: 0.6, fps: 5, sourceWidth: 8, sourceHeight: 8 });
    expect(visions).toMatchObject([{ kind: 'video', secondsPerGrid: expect.closeTo(0.4) }]);
    const draw = async (seed: number): Promise<number[]> =>
      (await reader.read({ path, kind: 'video' }, { ...options, pick: 'random', seed, count: 2 })).plan.frames.map(
        ({ index }) => index,
      );
    expect(await draw(3)).toEqual(await draw(3));
    const { plan: few } = await reader.read({ path, kind: 'video' }, { ...options, pick: 'keyframe', count: 2 });
    expect(few.notes).toEqual(['few-frames: 2 keyframes asked for, 1 there: each taken once']);
  });

  const apng = (): Promise<string> =>
    makeClip({
      path: join(folder, 'frames.apng'),
      codec: 'apng',
      format: 'apng',
      numFrames: 3,
      pixelFormat: AV_PIX_FMT_GRAY8,
    });
});
