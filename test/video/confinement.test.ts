// What the operating system forbids a decoding process, tried by one that is hostile.
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { withinHardLimit } from '../../src/video/confinement/limits.ts';
import { openChildPool } from '../../src/video/child-pool.ts';
import type { DecoderName, SandboxMode } from '../../src/video/index.ts';
import { bestConfinement, defaultLimits, openFrameReader } from '../../src/video/index.ts';
import { ffmpegOrWhy } from './ffmpeg/fixtures.ts';
import { options } from './fixtures.ts';
import { makeClip } from './make-clip.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-confinement-'));
const secret = join(folder, 'secret.txt');
const main = join(folder, 'decode-child.mjs');
let clip = '';
beforeAll(async () => {
  clip = await makeClip({ path: join(folder, 'clip.mp4'), codec: 'libx264', format: 'mp4', numFrames: 3 });
  writeFileSync(secret, 'secret');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What a process can do after it was taken over, as its answer tells: for each deed `done`, or the system's error. */
async function tryDeeds(sandbox: SandboxMode, decoder: DecoderName = 'node-av'): Promise<Record<string, string>> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  writeFileSync(
    main,
    `import cp from 'node:child_process';
    import fs from 'node:fs';
    import net from 'node:net';
    const done = {};
    const attempt = (name, work) => {
      try { work(); done[name] = 'done'; } catch (error) { done[name] = error.code ?? error.message; }
    };
    process.on('message', async ({ place }) => {
      process.send({ type: 'begun' });
      attempt('read its clip', () => fs.readFileSync(place.source));
      attempt('read another file', () => fs.readFileSync(${JSON.stringify(secret)}));
      attempt('read passwords', () => fs.readFileSync('/etc/passwd'));
      attempt('write', () => fs.writeFileSync(${JSON.stringify(join(folder, 'written'))}, 'x'));
      attempt('write to its clip', () => fs.appendFileSync(place.source, ''));
      attempt('start a process', () => { const { error } = cp.spawnSync(process.execPath, ['--version']); if (error) throw error; });
      attempt('signal its parent', () => process.kill(${process.pid}, 0));
      done.connect = await new Promise((resolve) => {
        const socket = net.connect(${port}, '127.0.0.1', () => { resolve('done'); socket.destroy(); });
        socket.on('error', (error) => resolve(error.code));
      });
      done.privileges = /^NoNewPrivs:\\s+1/m.test(fs.readFileSync('/proc/self/status', 'utf8')) ? 'none to be had' : 'to be had';
      process.send({ type: 'user-error', message: JSON.stringify(done) });
    });
    process.send({ type: 'ready' });`,
  );
  const pool = openChildPool(1, { sandbox, main });
  const request = {
    clip: { path: clip, kind: 'video' as const },
    options: { ...options, decoder },
    limits: defaultLimits,
  };
  const answer = await pool.read(request).catch((error: Error) => error.message);
  await pool.close();
  server.close();
  return JSON.parse(answer as string) as Record<string, string>;
}

const { why } = await bestConfinement();
const noFfmpeg = (await ffmpegOrWhy()).why;

/** What it can do in a sandbox. */
const deeds = {
  'read its clip': 'done',
  'read another file': 'ENOENT',
  'read passwords': 'ENOENT',
  write: 'EROFS',
  'write to its clip': 'EACCES',
  'start a process': 'EPERM',
  'signal its parent': 'ESRCH',
  connect: 'EPERM',
  privileges: 'none to be had',
};

describe('a decoding process that was taken over (skipped without bubblewrap)', () => {
  beforeEach((context) => context.skip(why !== undefined, `no sandbox: ${why}`));

  it('can do nothing but read its clip', async () => {
    expect(await tryDeeds('required')).toEqual(deeds);
  });

  it('and with ffmpeg, start processes that can do no more', async (context) => {
    context.skip(noFfmpeg !== '', noFfmpeg);
    expect(await tryDeeds('required', 'ffmpeg')).toEqual({ ...deeds, 'start a process': 'done' });
  });

  it('could do all of it without', async () => {
    const done = await tryDeeds('off');
    rmSync(join(folder, 'written'));
    expect(new Set(Object.values(done))).toEqual(new Set(['done', 'to be had']));
  });

  it(
    'a clip too large to be copied, and one for which there is no room, are shown to a process of their own',
    { tags: ['long'] },
    async () => {
      // Padding behind the last box of an MP4 is no part of it.
      const large = join(folder, 'large.mkv');
      const big = { codec: 'rawvideo', format: 'matroska', width: 1920, height: 1080, numFrames: 24 };
      await makeClip({ ...big, path: large });
      await using reader = openFrameReader({ workers: 1, sandbox: 'required' });
      const read = async (path: string): Promise<number | null> =>
        (await reader.read({ path, kind: 'video' }, options)).plan.numFrames;
      expect([await read(clip), await read(large), await read(clip), await read(large)]).toEqual([3, 24, 3, 24]);
    },
  );

  it('a large clip costs no process but its own where one more may run', async () => {
    const large = join(folder, 'large.bin');
    writeFileSync(large, '');
    truncateSync(large, 65 * 2 ** 20);
    writeFileSync(
      main,
      `let count = 0;
      process.on('message', () => {
        process.send({ type: 'begun' });
        process.send({ type: 'user-error', code: 'unreadable-media', message: String(++count) });
      });
      process.send({ type: 'ready' });`,
    );
    const pool = openChildPool(2, { sandbox: 'required', main });
    const read = (path: string): Promise<unknown> =>
      pool
        .read({ clip: { path, kind: 'video' }, options, limits: defaultLimits })
        .catch((error: Error) => error.message);
    // The process that was there before the large clip is there after it.
    expect([await read(clip), await read(large), await read(clip)]).toEqual(['1', '1', '2']);
    await pool.close();
  });

  it('a large clip that cannot be shown to its process is an error of its own', async () => {
    const large = join(folder, 'large.bin');
    writeFileSync(large, '');
    truncateSync(large, 65 * 2 ** 20);
    await using reader = openFrameReader({ workers: 1, sandbox: 'required' });
    // What is open here is not open in bubblewrap: as if the file were removed before it is shown.
    const fd = openSync(large, 'r');
    const read = reader.read({ path: `/proc/self/fd/${fd}`, kind: 'video' }, options);
    await expect(read).rejects.toMatchObject({
      code: 'unreadable-media',
      message: expect.stringMatching(
        /^\/proc\/self\/fd\/\d+: expected a file that a decoding process can open, got .*bwrap: /,
      ),
    });
    closeSync(fd);
    expect((await reader.read({ path: clip, kind: 'video' }, options)).plan.numFrames).toBe(3);
  });

  it('reads clip after clip without gathering listeners', async () => {
    const warnings: string[] = [];
    const warn = (warning: Error): void => void warnings.push(String(warning));
    process.on('warning', warn);
    await using reader = openFrameReader({ workers: 1, sandbox: 'required' });
    for (let i = 0; i < 15; i++) await reader.read({ path: clip, kind: 'video' }, options);
    await new Promise(setImmediate);
    process.off('warning', warn);
    expect(warnings.filter((text) => text.includes('MaxListeners'))).toEqual([]);
  });

  it('leaves nothing behind in the folder for temporary files', async () => {
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith('iovqa-clip-'));
    await using reader = openFrameReader({ workers: 1, sandbox: 'required' });
    await reader.read({ path: clip, kind: 'video' }, options);
    const during = readdirSync(tmpdir()).filter((name) => name.startsWith('iovqa-clip-'));
    expect(during.filter((name) => !before.includes(name))).toEqual([]);
  });
});

describe('a process that is stuck', () => {
  it.skipIf(process.platform !== 'linux')('is ended by its processor time, which is counted from outside', async () => {
    const stuck = join(folder, 'stuck.mjs');
    writeFileSync(
      stuck,
      `process.on('message', () => { process.send({ type: 'begun' }, () => { for (;;); }); });
      process.send({ type: 'ready' });`,
    );
    const limits = { ...defaultLimits, maxMilliseconds: 500 };
    const pool = openChildPool(1, { main: stuck, limits });
    const request = { clip: { path: clip, kind: 'video' as const }, options, limits };
    await expect(pool.read(request)).rejects.toThrow(
      `${clip}: expected to be read within 500 ms of processor time, got a decoder still at work`,
    );
    await pool.close();
  });
});

describe('limits', () => {
  const table = [
    'Limit                     Soft Limit           Hard Limit           Units     ',
    'Max cpu time              unlimited            600                  seconds   ',
    'Max open files            128                  128                  files     ',
    'Max core file size        0                    unlimited            bytes     ',
  ].join('\n');

  it('are none that only a privileged process could set', () => {
    expect(withinHardLimit('Max cpu time', 3600, table)).toBe(600);
    expect(withinHardLimit('Max cpu time', 60, table)).toBe(60);
    expect(withinHardLimit('Max open files', 256, table)).toBe(128);
    expect(withinHardLimit('Max core file size', 7, table)).toBe(7);
    expect(withinHardLimit('Max cpu time', 3600, '')).toBe(3600);
  });
});

describe('the system-call filters', () => {
  const script = new URL('../reference/seccomp-filters.py', import.meta.url).pathname;
  const { status, stdout, stderr } = spawnSync('python3', [script], { encoding: 'utf8' });
  const reason = status === 0 ? '' : `(skipped: ${stderr?.trim().split('\n').at(-1) || 'no python3'})`;
  it.skipIf(status !== 0)(`are those that libseccomp makes ${reason}`, async () => {
    const { syscallFilters } = await import('../../src/video/confinement/filters.ts');
    const made = [...stdout.matchAll(/'([A-Za-z0-9+/=]{100,})'/g)].map((match) => match[1]);
    expect(Object.values(syscallFilters).flatMap(({ spawning, single }) => [spawning, single])).toEqual(made);
  });
});
