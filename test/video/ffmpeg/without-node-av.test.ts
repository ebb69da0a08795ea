// A copy of the project in which node-av is not installed: what needs no encoder works by the system's ffmpeg, the rest says what is missing.
// @module-tag long
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeClip } from '../make-clip.ts';
import { ffmpegOrWhy } from './fixtures.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'iovqa-without-'));
const copy = join(folder, 'project');
const clips = join(folder, 'clips');
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(async () => {
  for (const path of ['src', 'package.json', 'tsconfig.json', 'models']) {
    cpSync(join(root, path), join(copy, path), { recursive: true });
  }
  // Every package but that one, as links; those of a scope in a folder of their own.
  const link = (name: string): void => symlinkSync(join(root, 'node_modules', name), join(copy, 'node_modules', name));
  mkdirSync(join(copy, 'node_modules'));
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name === 'node-av' || name === '@seydx' || name === '.iovqa') continue;
    if (!name.startsWith('@')) link(name);
    else {
      mkdirSync(join(copy, 'node_modules', name));
      for (const one of readdirSync(join(root, 'node_modules', name))) link(join(name, one));
    }
  }
  mkdirSync(clips);
  await makeClip({ path: join(clips, 'a.mp4'), codec: 'libx264', format: 'mp4', numFrames: 5 });
  writeFileSync(join(clips, 'table.csv'), 'video,mos\na.mp4,3\n');
});

interface Ran {
  status: number;
  stdout: string;
  stderr: string;
}

/** Runs a command of the copy. */
async function iovqa(...args: string[]): Promise<Ran> {
  const env = { ...process.env, IOVQA_CACHE: 'off' };
  const command = ['--import', 'tsx', join(copy, 'src/cli/bin.ts'), ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, command, { cwd: copy, env, timeout: 240_000 }, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

const { ffmpeg, why } = await ffmpegOrWhy();

describe('without node-av', () => {
  beforeEach((context) => context.skip(ffmpeg === undefined, why));

  it('a clip is scored with --decoder ffmpeg, and its line names no error', async () => {
    const { status, stdout, stderr } = await iovqa('score', join(clips, 'a.mp4'), '--decoder', 'ffmpeg', '--json');
    expect([status, stderr]).toEqual([0, expect.not.stringContaining('node-av')]);
    const [line] = JSON.parse(stdout) as { score: number }[];
    expect(line!.score).toBeGreaterThan(0);
  });

  it('frames are written with --decoder ffmpeg, and the plan names it with its version', async () => {
    const table = ['--manifest', join(clips, 'table.csv'), '--model', join(copy, 'models/nano')];
    const to = ['--to', join(folder, 'frames'), '--json'];
    const { status, stdout } = await iovqa('inspect', 'frames', ...table, ...to, '--decoder', 'ffmpeg');
    expect(status).toBe(0);
    const [{ plan }] = JSON.parse(stdout) as [{ plan: { decoder: string } }];
    expect(plan.decoder).toMatch(/^ffmpeg \d+\.\d+/);
  });

  it('a video says how to get it, or do without', async () => {
    const { status, stdout } = await iovqa('score', join(clips, 'a.mp4'), '--json');
    expect(status).toBe(1);
    const [line] = JSON.parse(stdout) as { error: string }[];
    expect(line!.error).toBe(
      'node-av: expected the package to decode videos, got none that loads: install it (npm install node-av), or use --decoder ffmpeg',
    );
  });

  it('writing videos is one error', async () => {
    const { status, stderr } = await iovqa('quickstart', '--out', join(folder, 'quick'));
    expect([status, stderr.trim().split('\n').length]).toEqual([2, 1]);
    expect(stderr).toContain('node-av: expected the package to write videos, got none that loads');
  });

  it('doctor says which decoder there is', async () => {
    const { status, stdout } = await iovqa('doctor', '--json');
    expect(status).toBe(0);
    const findings = JSON.parse(stdout) as { what: string; state: string; detail: string }[];
    const found = new Map(findings.map(({ what, state, detail }) => [what, `${state}: ${detail}`]));
    expect(found.get('node-av')).toMatch(/^missing: /);
    expect(found.get('ffmpeg')).toMatch(/^ok: \d+\.\d+.*, L?GPL/);
  });
});
