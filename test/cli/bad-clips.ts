// A folder of clips that real collections have, good and bad, each with what the user is told about it.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { AV_PIX_FMT_YUV420P10LE } from 'node-av';
import sharp from 'sharp';
import { expectedMedia } from '../../src/media/index.ts';
import { makeClip, makeSound } from '../video/make-clip.ts';

export interface TestClip {
  name: string;
  /** What the message says after the name; undefined for a clip that is read. */
  refusal?: string;
}

const x264 = { codec: 'libx264', format: 'mp4', numFrames: 6 } as const;
const video = `expected ${expectedMedia}, got`;

/**
 * Writes the clips.
 * @param folder - made
 * @returns their names, good ones first
 */
export async function writeClips(folder: string): Promise<TestClip[]> {
  await mkdir(folder, { recursive: true });
  const at = (name: string): string => join(folder, name);
  const put = async (name: string, content: string | Buffer, refusal: string): Promise<TestClip> => {
    await writeFile(at(name), content);
    return { name, refusal };
  };

  await makeClip({ ...x264, path: at('plain.mp4') });
  await makeClip({ ...x264, path: at('one-frame.mp4'), numFrames: 1 });
  await makeClip({ codec: 'ffv1', format: 'matroska', numFrames: 4, path: at('odd.mkv'), width: 37, height: 51 });
  await makeClip({ ...x264, path: at('rotated.mp4'), matrix: [0, 1, -1, 0] });
  await makeClip({ ...x264, path: at('variable.mp4'), times: [0, 5, 50, 51, 90, 200] });
  await makeClip({ ...x264, path: at('ten-bit.mp4'), pixelFormat: AV_PIX_FMT_YUV420P10LE, fill: fillTenBit });
  await makeClip({
    ...x264,
    path: at('no-duration.mkv'),
    format: 'matroska',
    numFrames: 2,
    times: [0, 0],
    duration: 0,
  });
  const good = [
    'plain.mp4',
    'one-frame.mp4',
    'odd.mkv',
    'rotated.mp4',
    'variable.mp4',
    'ten-bit.mp4',
    'no-duration.mkv',
  ];
  const bytes = await readFile(at('plain.mp4'));
  const strange = [
    'a b.mp4',
    `q'uo"te.mp4`,
    '$(touch pwned).mp4',
    '-dash.mp4',
    'new\nline.mp4',
    '映像 🎞.mp4',
    'a;b|c.mp4',
    String.raw`back\slash.mp4`,
    'frame%03d.mp4',
    'http:x.mp4',
  ];
  for (const name of strange) await writeFile(at(name), bytes);

  await makeSound(at('sound.mp4'));
  await makeClip({ ...x264, path: at('none.mp4'), numFrames: 0 });
  return [
    ...[...good, ...strange].map((name) => ({ name })),
    { name: 'sound.mp4', refusal: `${video} a file without a video stream` },
    { name: 'none.mp4', refusal: `${video} one without any stream (cut short?)` },
    await put('truncated.mp4', bytes.subarray(0, bytes.length >> 1), `${video} one without any stream (cut short?)`),
    await put('empty.mp4', '', 'expected a picture or video, got an empty file'),
    await put('text.mp4', 'this is no video\n'.repeat(50), `${video} text`),
    await put('hls.mp4', '#EXTM3U\n#EXTINF:1,\nplain.mp4\n#EXT-X-ENDLIST\n', `${video} an HLS playlist`),
    await put('list.mp4', "ffconcat version 1.0\nfile 'plain.mp4'\n", `${video} a list of files for FFmpeg`),
    await put('bad\nname.mp4', 'text', `${video} text`),
    await put('huge.gif', await hugeGif(), 'expected at most'),
    await put('huge.y4m', 'YUV4MPEG2 W65535 H65535 F25:1 Ip C420\nFRAME\n', `${video} a Y4M file`),
    await put('huge-picture.mp4', hugePng(), 'expected at most'),
    await put('huge-box.mp4', claim(bytes, 'mdat', -4, 0xfffffff0), `${video} an MP4 file`),
    await put('huge-table.mp4', claim(bytes, 'stsz', 12, 0x7fffffff), `${video} an MP4 file`),
  ];
}

/** Luma of ten bits that rises from frame to frame. */
function fillTenBit(planes: Buffer[], _: number[], k: number): void {
  planes.forEach((plane, i) =>
    new Uint16Array(plane.buffer, plane.byteOffset, plane.length >> 1).fill(i === 0 ? 200 + 20 * k : 512),
  );
}

/** The file with another number `offset` bytes behind the start of a box's name. */
function claim(file: Buffer, box: string, offset: number, value: number): Buffer {
  const changed = Buffer.from(file);
  changed.writeUInt32BE(value, changed.indexOf(box) + offset);
  return changed;
}

/** A PNG of a few bytes that claims 65,535 × 65,535 pixels. */
export function hugePng(): Buffer {
  const chunk = (name: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const header = Buffer.from('0000ffff0000ffff0802000000', 'hex');
  const rows = deflateSync(Buffer.alloc(1000));
  const parts = [chunk('IHDR', header), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...parts]);
}

/** A GIF of a few bytes that claims 65,535 × 65,535 pixels. */
async function hugeGif(): Promise<Buffer> {
  const frames = [0, 1, 2, 3].map((k) => Buffer.alloc(8 * 8 * 3, 50 * k));
  const bytes = await sharp(Buffer.concat(frames), { raw: { width: 8, height: 32, channels: 3, pageHeight: 8 } })
    .gif()
    .toBuffer();
  bytes.fill(0xff, 6, 10);
  return bytes;
}
