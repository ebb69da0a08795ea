// Frames by seeking are the frames by decoding from the start: the same pixels, the same plan, for every codec and every kind of group.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { AVCodecID } from 'node-av';
import { Packet } from 'node-av';
import { afterAll, describe, expect, it } from 'vitest';
import { openFilm } from '../../src/video/film.ts';
import { inspectFile } from '../../src/media/index.ts';
import { openPacketReader } from '../../src/video/packets/open.ts';
import type { ReadOptions } from '../../src/video/picks.ts';
import type { Taken } from '../../src/video/taken.ts';
import { takeFilm } from '../../src/video/take-film.ts';
import { defaultLimits } from '../../src/video/types.ts';
import { options, sha256 } from './fixtures.ts';
import { makeClip } from './make-clip.ts';
import type { Kind } from './seek-corpus.ts';
import { busy, kinds, makeKind, numFrames, x264, x265 } from './seek-corpus.ts';

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

/** One of each way to tell frames that decode alone, and one of those that are read from the start. */
const quick = ['H.264, open groups', 'HEVC, open groups', 'VP9 in WebM', 'AV1', 'MPEG-4 in MP4', 'H.264 in fragments'];
const isQuick = ({ name }: Kind): boolean => quick.includes(name);

describe('seeking gives what decoding from the start gives', () => {
  it.each(kinds.filter(isQuick))('$name', sameBothWays);
  it.each(kinds.filter((kind) => !isQuick(kind)))('$name', { tags: ['long'] }, sameBothWays);

  async function sameBothWays(kind: Kind): Promise<void> {
    const { why = '' } = kind;
    const path = await makeKind(folder, kind);
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
  }
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
