// HDR and wide gamuts that still pictures tell by code points, with no profile.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import type { Sharp } from 'sharp';
import { expect, it } from 'vitest';
import { inspectFile } from '../../src/media/index.ts';
import { readStill } from '../../src/video/still.ts';
import { temporaryFolder } from '../files/temporary.ts';

const plain = (): Sharp =>
  sharp({ create: { width: 64, height: 64, channels: 3, background: { r: 200, g: 100, b: 50 } } });

async function notesOf(bytes: Buffer): Promise<string[]> {
  const path = join(temporaryFolder(), 'picture');
  writeFileSync(path, bytes);
  return (await readStill(await inspectFile(path, 1e6), { maxPixels: 1e6, profile: 'srgb' })).notes;
}

/** A PNG with a chunk behind its header. */
function withChunk(png: Buffer, type: string, data: readonly number[]): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), Buffer.from(data)]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([png.subarray(0, 33), length, body, sum, png.subarray(33)]);
}

/** An AVIF of ffmpeg (`-color_primaries bt2020 -color_trc smpte2084 -still-picture 1`), with other code points. */
function withNclx(primaries: number, transfer: number): Buffer {
  const avif = readFileSync(new URL('cases/pq.avif', import.meta.url));
  const at = avif.indexOf('nclx');
  expect([avif.readUInt16BE(at + 4), avif.readUInt16BE(at + 6)]).toEqual([9, 16]);
  const changed = Buffer.from(avif);
  changed.writeUInt16BE(primaries, at + 4);
  changed.writeUInt16BE(transfer, at + 6);
  return changed;
}

const hdr = (transfer: string): string =>
  `hdr-picture: HDR picture (${transfer}) taken as sRGB: darker and paler than a viewer shows it`;
const gamut = (name: string): string =>
  `gamut: colours with the primaries of ${name} taken as BT.709: paler than they are`;

it.each([
  ['sRGB', 1, 13, []],
  ['PQ', 9, 16, [hdr('PQ')]],
  ['HLG', 9, 18, [hdr('HLG')]],
  ['P3', 12, 13, [gamut('Display P3')]],
] as const)('of %s are told of PNG and AVIF', async (_, primaries, transfer, notes) => {
  const png = await plain().png().toBuffer();
  expect(await notesOf(withChunk(png, 'cICP', [primaries, transfer, 0, 1]))).toEqual(notes);
  expect(await notesOf(withNclx(primaries, transfer))).toEqual(notes);
});

it('a file that is cut off in its boxes says nothing, and none ends in an error', async () => {
  const avif = withNclx(1, 13);
  const path = join(temporaryFolder(), 'cut');
  for (let length = 40; length < avif.length; length += 10) {
    writeFileSync(path, avif.subarray(0, length));
    const { coding } = await inspectFile(path, 1e6);
    expect(coding === undefined || coding.transfer === 13).toBe(true);
  }
});
