// Frames by seeking are the frames by decoding from the start: the same pixels, the same plan, for every codec and every kind of group.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { AVCodecID } from 'node-av';
import { AV_PIX_FMT_GRAY8, AV_PIX_FMT_YUV422P10LE, AV_PIX_FMT_YUVJ420P, Packet } from 'node-av';
import { afterAll, describe, expect, it } from 'vitest';
import { openFilm } from '../../src/video/film.ts';
import { inspectFile } from '../../src/media/index.ts';
import { openPacketReader } from '../../src/video/packets/open.ts';
import type { ReadOptions } from '../../src/video/picks.ts';
import type { Taken } from '../../src/video/take-film.ts';
import { takeFilm } from '../../src/video/take-film.ts';
import { defaultLimits } from '../../src/video/types.ts';
import { options, sha256 } from './fixtures.ts';
import type { ClipRecipe } from './make-clip.ts';
import { makeClip } from './make-clip.ts';

process.env['SVT_LOG'] = '0';
const folder = mkdtempSync(join(tmpdir(), 'iovqa-seek-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What is said of a clip. */
type Said = Omit<Taken, 'rgb'> & { rgb: string[] };

/** Everything that is said of a clip, its pixels as hashes; and why it was decoded from its start, if it was. */
async function take(path: string, asked: Partial<ReadOptions>, fromStart: boolean): Promise<[Said, string]> {
  let why = '';
  const file = await inspectFile(path, defaultLimits.maxBytes);
  const { rgb, ...rest } = await takeFilm(file, { ...options, ...asked }, defaultLimits, {
    fromStart,
    onWay: (unclear) => (why = unclear?.message ?? ''),
  });
  return [{ ...rest, rgb: rgb.map(({ data }) => sha256(data)) }, why];
}

/** Something moves, and noise that is new in each frame makes every frame worth its bits: a wrong reference shows. */
function busy(planes: Buffer[], strides: number[], k: number): void {
  let state = 1 + k;
  planes.forEach((plane, p) => {
    for (let i = 0; i < plane.length; i++) {
      const [x, y] = [i % strides[p]!, Math.floor(i / strides[p]!)];
      state = (Math.imul(state, 1103515245) + 12345) | 0;
      plane[i] = 60 + (((x + 3 * k) * (y + 2) + (y * y) / (1 + p)) & 127) + ((state >> 16) & 15);
    }
  });
}

const x264 = (params: string): Partial<ClipRecipe> => ({
  codec: 'libx264',
  options: { preset: 'medium', crf: '30', 'x264-params': params },
});
const x265 = (params: string): Partial<ClipRecipe> => ({
  codec: 'libx265',
  options: { 'x265-params': `log-level=none:pools=1:frame-threads=1:${params}` },
});

interface Kind extends Partial<ClipRecipe> {
  name: string;
  /** Why it is decoded from its start; empty where frames are sought. */
  why?: string;
}

const uneven = Array.from({ length: 40 }, (_, k) => k * 7 + ((k * k) % 11) + (k > 20 ? 300 : 0)).map(
  (t, k) => t + k * 11,
);
const kinds: Kind[] = [
  { name: 'H.264, groups of 7, B-frames', ...x264('keyint=7:scenecut=0:bframes=3:b-adapt=0') },
  {
    name: 'H.264, groups of 12, pyramid of B-frames, 4 references',
    ...x264('keyint=12:bframes=5:b-pyramid=normal:ref=4'),
  },
  { name: 'H.264, open groups', ...x264('keyint=8:open-gop=1:scenecut=0:bframes=3:b-adapt=0') },
  { name: 'H.264, open groups, in Matroska', format: 'matroska', ...x264('keyint=9:open-gop=1:bframes=2:b-adapt=0') },
  { name: 'H.264 without B-frames', ...x264('keyint=6:bframes=0') },
  { name: 'H.264, one group', ...x264('keyint=250:scenecut=0:bframes=3') },
  { name: 'H.264, weighted prediction, slices', ...x264('keyint=10:weightp=2:weightb=1:slices=3:bframes=3') },
  { name: 'H.264, headers in each group', ...x264('keyint=10:repeat-headers=1:bframes=3') },
  { name: 'H.264, intra refresh', ...x264('keyint=10:intra-refresh=1:bframes=0') },
  { name: 'H.264, MBAFF', ...x264('keyint=10:interlaced=1:bframes=3') },
  { name: 'H.264 of variable rate', times: uneven, ...x264('keyint=9:bframes=3') },
  { name: 'H.264 that starts late', times: uneven.map((t) => t + 1000), ...x264('keyint=9:bframes=3') },
  {
    name: 'H.264 that starts late, in Matroska',
    format: 'matroska',
    times: uneven.map((t) => t + 77),
    ...x264('keyint=9'),
  },
  { name: 'H.264 in fragments', muxing: { movflags: 'frag_keyframe+empty_moov' }, ...x264('keyint=9:bframes=3') },
  {
    name: 'H.264 with times of decoding below 0',
    muxing: { movflags: 'negative_cts_offsets' },
    ...x264('keyint=9:bframes=3'),
  },
  {
    name: 'H.264 in Matroska without an index',
    format: 'matroska',
    muxing: { live: '1' },
    ...x264('keyint=9:bframes=3'),
  },
  { name: 'HEVC, open groups', ...x265('keyint=8:min-keyint=8:scenecut=0:open-gop=1:bframes=3') },
  { name: 'HEVC, open groups, in Matroska', format: 'matroska', ...x265('keyint=8:min-keyint=8:open-gop=1:bframes=4') },
  { name: 'HEVC, closed groups', ...x265('keyint=8:open-gop=0:bframes=3') },
  { name: 'HEVC, leading pictures that can be decoded', ...x265('keyint=8:open-gop=0:radl=2:bframes=3') },
  {
    name: 'VP9 in WebM',
    codec: 'libvpx-vp9',
    format: 'webm',
    options: { g: '9', 'lag-in-frames': '12', 'auto-alt-ref': '1' },
  },
  { name: 'VP9 in MP4', codec: 'libvpx-vp9', options: { g: '7' } },
  {
    name: 'VP8 in WebM',
    codec: 'libvpx',
    format: 'webm',
    options: { g: '12', 'lag-in-frames': '12', 'auto-alt-ref': '1' },
  },
  { name: 'AV1', codec: 'libsvtav1', options: { g: '9', preset: '10' } },
  { name: 'AV1 in Matroska', codec: 'libsvtav1', format: 'matroska', options: { g: '9', preset: '10' } },
  { name: 'Motion JPEG in MOV', codec: 'mjpeg', format: 'mov', pixelFormat: AV_PIX_FMT_YUVJ420P },
  { name: 'ProRes', codec: 'prores_ks', format: 'mov', pixelFormat: AV_PIX_FMT_YUV422P10LE },
  {
    name: 'MPEG-2 in MPEG-TS',
    codec: 'mpeg2video',
    format: 'mpegts',
    options: { g: '9', bf: '2' },
    why: 'a container that does not state when each frame is shown',
  },
  {
    name: 'MPEG-2 in Matroska',
    codec: 'mpeg2video',
    format: 'matroska',
    options: { g: '9', bf: '2' },
    why: 'a codec whose packets are not read here',
  },
  { name: 'MPEG-4 in MP4', codec: 'mpeg4', options: { g: '9' }, why: 'a codec whose packets are not read here' },
  {
    name: 'H.264 in MPEG-TS',
    format: 'mpegts',
    ...x264('keyint=9'),
    why: 'a container that does not state when each frame is shown',
  },
  {
    name: 'H.264 in AVI',
    format: 'avi',
    ...x264('keyint=9:bframes=0'),
    why: 'a container that does not state when each frame is shown',
  },
  {
    name: 'GIF',
    codec: 'gif',
    format: 'gif',
    pixelFormat: AV_PIX_FMT_GRAY8,
    why: 'a container that does not state when each frame is shown',
  },
];

describe('seeking gives what decoding from the start gives', () => {
  it.each(kinds)('$name', async ({ name, why = '', ...recipe }) => {
    const numFrames = 40;
    const path = await makeClip({
      codec: 'libx264',
      format: 'mp4',
      width: 96,
      height: 64,
      fill: busy,
      numFrames,
      ...recipe,
      path: join(folder, `${name.replaceAll(/\W/g, '-')}.${recipe.format ?? 'mp4'}`),
    });
    const compare = async (asked: Partial<ReadOptions>): Promise<void> => {
      const [sought, whyNot] = await take(path, asked, false);
      const [decoded] = await take(path, asked, true);
      expect(sought).toEqual(decoded);
      expect(whyNot).toBe(why);
    };
    const every = Array.from({ length: numFrames }, (_, i) => i);
    const [decoded] = await take(path, { pick: every, count: numFrames, as: 'images' }, true);
    for (const index of every) {
      const [{ rgb, frames, ...rest }, whyNot] = await take(path, { pick: [index], count: 1 }, false);
      expect([rgb, frames, whyNot]).toEqual([[decoded.rgb[index]], [decoded.frames[index]], why]);
      expect({ ...decoded, ...rest }).toEqual(decoded);
    }
    for (const pick of ['middle', 'uniform', 'random'] as const) await compare({ pick, count: 3 });
    const subset = fc.uniqueArray(fc.nat(numFrames - 1), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(subset, async (indices) => {
        await compare({ pick: indices.toSorted((a, b) => a - b), count: indices.length, as: 'images' });
      }),
      { numRuns: 5, seed: 1 },
    );
  });
});

/** The packets of a clip, copied. */
async function packetsOf(path: string): Promise<{ data: Buffer; codec: AVCodecID; extradata: Uint8Array }[]> {
  await using film = await openFilm(await inspectFile(path, defaultLimits.maxBytes), defaultLimits);
  using packet = new Packet();
  packet.alloc();
  const { codecId, extradata } = film.stream.codecpar;
  const all: { data: Buffer; codec: AVCodecID; extradata: Uint8Array }[] = [];
  while (film.readPacketNow(packet)) {
    all.push({ data: Buffer.from(packet.data!), codec: codecId, extradata: extradata ?? new Uint8Array() });
  }
  return all;
}

describe('streams that are not as they should be', () => {
  const base = { format: 'mp4', width: 96, height: 64, fill: busy, numFrames: 40 };

  it.each([
    ['H.264', x264('keyint=20:bframes=0:ref=1'), 'a frame is missing'],
    ['HEVC', x265('keyint=20:bframes=0:ref=1'), 'a picture that others refer to is missing'],
  ] as const)('%s of which a packet got lost', async (name, recipe, why) => {
    const path = await makeClip({ codec: '', ...base, ...recipe, path: join(folder, `lost-${name}.mp4`) });
    const packets = await packetsOf(path);
    const readAll = (left: typeof packets): void => {
      const reader = openPacketReader(packets[0]!.codec, packets[0]!.extradata);
      for (const { data } of left) reader.read(data);
    };
    expect(() => readAll(packets)).not.toThrow();
    for (const lost of [1, 5, 25]) expect(() => readAll(packets.toSpliced(lost, 1))).toThrow(why);
  });

  it('VP8 with hidden frames', async () => {
    const recipe = { ...base, codec: 'libvpx', format: 'webm', options: { g: '12' } };
    const path = await makeClip({ ...recipe, path: join(folder, 'hidden.webm') });
    const bytes = readFileSync(path);
    const packets = await packetsOf(path);
    for (const k of [3, 7, 20, 21, 33]) bytes[bytes.indexOf(packets[k]!.data)]! &= ~16; // show_frame
    writeFileSync(path, bytes);
    for (const pick of [[2], [3], [6], [17], [30], [34], [1, 19, 20]]) {
      const [sought, why] = await take(path, { pick, count: pick.length, as: 'images' }, false);
      const [decoded] = await take(path, { pick, count: pick.length, as: 'images' }, true);
      expect(sought).toEqual(decoded);
      expect([sought.numFrames, sought.notes, why]).toEqual([35, ['frame-count: 40 packets gave 35 frames'], '']);
    }
  });

  it('damage in what is decoded: from the start, with the note that tells', async () => {
    const path = await makeClip({
      ...base,
      ...x264('keyint=10:bframes=0'),
      codec: 'libx264',
      path: join(folder, 'hurt.mp4'),
    });
    const bytes = readFileSync(path);
    const { data } = (await packetsOf(path))[25]!;
    const at = bytes.indexOf(data);
    for (let i = 30; i < 60; i++) bytes[at + i] = 0xa5 ^ i;
    writeFileSync(path, bytes);
    const [hurt, why] = await take(path, { pick: [27], count: 1 }, false);
    expect(hurt).toEqual((await take(path, { pick: [27], count: 1 }, true))[0]);
    expect(why).not.toBe('');
    const [whole, none] = await take(path, { pick: [15], count: 1 }, false);
    expect(whole).toEqual((await take(path, { pick: [15], count: 1 }, true))[0]);
    expect(none).toBe('');
  });
});
