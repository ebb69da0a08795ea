// Files that are broken, disguised or too big: one line that names the file, soon, and the next clip still reads.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/index.ts';
import { expectedMedia } from '../../src/media/index.ts';
import type { DecodeLimits } from '../../src/video/types.ts';
import { openFrameReader } from '../../src/video/index.ts';
import { options } from './fixtures.ts';
import { makeClip, makeSound } from './make-clip.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-hostile-'));
const reader = openFrameReader({ workers: 1 });
let good = '';
let goodBytes: Buffer;
beforeAll(async () => {
  good = await makeClip({ path: join(folder, 'good.mp4'), codec: 'libx264', format: 'mp4', numFrames: 6 });
  goodBytes = readFileSync(good);
});
afterAll(async () => {
  await reader[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

function put(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** The error's message; fails where there is none or it is not what a user may see. */
async function refusal(
  path: string,
  kind: 'video' | 'image' = 'video',
  limits?: Partial<DecodeLimits>,
): Promise<string> {
  const own = limits ? openFrameReader({ workers: 1, limits }) : undefined;
  try {
    const error = await (own ?? reader).read({ path, kind }, options).then(
      ({ plan }) => new Error(`read: ${JSON.stringify(plan)}`),
      (reason: unknown) => reason,
    );
    if (!(error instanceof UserError)) throw error;
    expect(error.code).toBe('unreadable-media');
    expect(error.message).not.toMatch(/[\n\r]/);
    expect((await (own ?? reader).read({ path: good, kind: 'video' }, options)).plan.numFrames).toBe(6);
    return error.message;
  } finally {
    await own?.[Symbol.asyncDispose]();
  }
}

describe('files that are no videos', () => {
  const video = `expected ${expectedMedia}, got`;
  const cases: [string, string | Buffer, string][] = [
    ['empty.mp4', '', 'expected a picture or video, got an empty file'],
    ['text.mp4', 'not a video\n'.repeat(99), `${video} text`],
    [
      'playlist.mp4',
      '#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n',
      `${video} an HLS playlist`,
    ],
    ['script.mp4', `ffconcat version 1.0\nfile 'good.mp4'\n`, `${video} a list of files for FFmpeg`],
    [
      'dash.mp4',
      '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
      `${video} an XML or HTML file`,
    ],
    ['sdp.mp4', 'v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n', `${video} text`],
    [
      'noise.mp4',
      Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * i * 31 + 7) & 255)),
      `${video} data of another kind`,
    ],
    ['zeros.mp4', Buffer.alloc(5000), `${video} data of another kind`],
  ];
  it.each(cases)('%s', async (name, content, message) => {
    const path = put(name, content);
    expect(await refusal(path)).toContain(`${path}: ${message}`);
  });

  it('sound only', async () => {
    const path = await makeSound(join(folder, 'sound.mp4'));
    expect(await refusal(path)).toContain(`${path}: ${video} a file without a video stream`);
  });

  it('a playlist that names a server: nobody calls', async () => {
    let calls = 0;
    const server = createServer((socket) => {
      calls++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x.ts`;
    await refusal(put('remote.mp4', `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n${url}\n#EXT-X-ENDLIST\n`));
    await refusal(put('remote.gif', `ffconcat version 1.0\nfile '${url}'\n`));
    await refusal(url);
    server.close();
    expect(calls).toBe(0);
  });
});

describe('paths', () => {
  it.each([
    ['nothing there', 'absent.mp4', 'nothing at that path'],
    ['a folder', '.', 'a folder'],
  ])('%s', async (_, name, got) => {
    expect(await refusal(join(folder, name))).toContain(`expected a file, got ${got}`);
  });

  it('a NUL character', async () => {
    expect(await refusal('a\0b.mp4')).toBe(
      '"a\\u0000b.mp4": expected a file, got a path with a NUL character, which no file can have',
    );
  });

  it.skipIf(process.platform === 'win32')('a pipe, which would never end', async () => {
    const path = join(folder, 'pipe.mp4');
    execFileSync('mkfifo', [path]);
    expect(await refusal(path)).toContain('expected a file, got a device, pipe or socket');
    expect(await refusal('/dev/zero')).toContain('expected a file, got a device, pipe or socket');
  });

  it('addresses and options are names of files', async () => {
    for (const name of [
      'http://127.0.0.1/x.mp4',
      'concat:a|b',
      'pipe:0',
      '-i',
      'file:/etc/passwd',
      'data:video/mp4;base64,AA',
    ]) {
      expect(await refusal(name)).toBe(`${name}: expected a file, got nothing at that path`);
    }
  });

  const names = [
    'a b.mp4',
    `q'uo"te.mp4`,
    '$(touch pwned).mp4',
    '`touch pwned`.mp4',
    '-leading.mp4',
    'new\nline.mp4',
    'file:x.mp4',
    'http:x.mp4',
    '%d.mp4',
    'Größe 映像 🎞.mp4',
    'a;b&c|d.mp4',
    '[1]*?.mp4',
  ];
  it.skipIf(process.platform === 'win32').each(names)('reads a file named %j', async (name) => {
    const sub = join(folder, 'names');
    mkdirSync(sub, { recursive: true });
    const path = join(sub, name);
    writeFileSync(path, goodBytes);
    const { plan } = await reader.read({ path, kind: 'video' }, options);
    expect([plan.path, plan.numFrames]).toEqual([path, 6]);
    writeFileSync(path, 'no video');
    expect(await refusal(path)).toContain(name.includes('\n') ? JSON.stringify(path) : path);
    expect(existsSync('pwned')).toBe(false);
  });
});

describe('damaged files', () => {
  const kinds = [
    ['mp4', 'libx264', 'mp4', {}],
    ['mp4 with its index first', 'libx264', 'mp4', { movflags: 'faststart' }],
    ['gif', 'gif', 'gif', {}],
    ['webm', 'libvpx-vp9', 'webm', {}],
    ['mkv', 'libx264', 'matroska', {}],
    ['avi', 'mpeg4', 'avi', {}],
    ['flv', 'libx264', 'flv', {}],
  ] as const;
  it.each(kinds)('a %s that is cut short', async (_, codec, format, muxing) => {
    const noise = (planes: Buffer[], __: number[], k: number): void =>
      planes.forEach((plane) => plane.forEach((___, i) => (plane[i] = (i * (i + k) * 31) & 255)));
    const path = await makeClip({
      path: join(folder, `whole.${format}`),
      codec,
      format,
      muxing,
      numFrames: 12,
      fill: noise,
      ...(codec === 'gif' ? { pixelFormat: 8 as never } : {}),
    });
    const bytes = readFileSync(path);
    for (const part of [0.3, 0.6, 0.9]) {
      const cut = put(`cut-${part}.${format}`, bytes.subarray(0, Math.floor(bytes.length * part)));
      expect(await refusal(cut)).toContain(cut);
    }
  });

  it('random damage never ends in anything but an answer', async () => {
    let state = 1;
    const random = (n: number): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % n;
    for (let i = 0; i < 40; i++) {
      const bytes = Buffer.from(goodBytes);
      for (let j = 0; j < 1 + (i % 8); j++) bytes[random(bytes.length)] = random(256);
      const path = put(`damaged-${i}.mp4`, bytes);
      const outcome = await reader.read({ path, kind: 'video' }, options).catch((error: unknown) => error);
      expect(outcome instanceof UserError || !(outcome instanceof Error)).toBe(true);
    }
    expect((await reader.read({ path: good, kind: 'video' }, options)).plan.numFrames).toBe(6);
  });

  it('pictures that are cut short, or none', async () => {
    const noise = {
      create: {
        width: 64,
        height: 64,
        channels: 3 as const,
        background: 'red',
        noise: { type: 'gaussian' as const, mean: 128, sigma: 30 },
      },
    };
    for (const format of ['jpeg', 'png', 'webp', 'tiff', 'gif'] as const) {
      const bytes = await sharp(noise).toFormat(format).toBuffer();
      const path = put(`half.${format}`, bytes.subarray(0, bytes.length >> 1));
      expect(await refusal(path, 'image')).toContain(path);
    }
    expect(await refusal(put('text.jpg', 'no picture'), 'image')).toContain('got text');
    const svg = '<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>';
    expect(await refusal(put('vector.png', svg), 'image')).toContain('got an XML or HTML file');
  });
});

describe('limits', () => {
  it('bytes', async () => {
    const path = put('long.mp4', Buffer.concat([goodBytes, Buffer.alloc(5000)]));
    expect(await refusal(path, 'video', { maxBytes: goodBytes.length })).toBe(
      `${path}: expected at most ${goodBytes.length} bytes, got ${goodBytes.length + 5000} bytes`,
    );
  });

  it('pixels of a video, by its header and by its stream', async () => {
    const path = await makeClip({
      path: join(folder, 'big.mp4'),
      codec: 'libx264',
      format: 'mp4',
      numFrames: 1,
      width: 640,
      height: 480,
    });
    expect(await refusal(path, 'video', { maxPixels: 100_000 })).toBe(
      `${path}: expected at most 100000 pixels a frame, got 640×480`,
    );
    // The header may lie: here it says 16×16.
    const bytes = readFileSync(path);
    const entry = bytes.indexOf('avc1', bytes.indexOf('stsd'));
    bytes.writeUInt16BE(16, entry + 28);
    bytes.writeUInt16BE(16, entry + 30);
    expect(await refusal(put('lies.mp4', bytes), 'video', { maxPixels: 100_000 })).toContain('lies.mp4: expected');
  });

  it('pixels of a picture that claims 50,000×50,000', async () => {
    const bytes = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    bytes.writeUInt32BE(50_000, 16);
    bytes.writeUInt32BE(50_000, 20);
    const path = put('bomb.png', bytes);
    expect(await refusal(path, 'image')).toContain(`${path}: expected`);
  });

  it('frames', async () => {
    const path = await makeClip({ path: join(folder, 'many.mp4'), codec: 'libx264', format: 'mp4', numFrames: 30 });
    expect(await refusal(path, 'video', { maxFrames: 20 })).toBe(`${path}: expected at most 20 frames, got 30`);
  });

  it('memory', async () => {
    const path = await makeClip({
      path: join(folder, 'fat.mkv'),
      codec: 'ffv1',
      format: 'matroska',
      numFrames: 20,
      width: 1920,
      height: 1080,
    });
    await using own = openFrameReader({ workers: 1, limits: { maxMemory: 10 * 2 ** 20 } });
    await expect(own.read({ path, kind: 'video' }, options)).rejects.toThrow(
      `${path}: expected at most ${10 * 2 ** 20} bytes of memory to decode it, got more`,
    );
  });
});
