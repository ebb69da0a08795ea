// `--sandbox`: what is refused, what is said, and that it changes no score.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bestConfinement } from '../../src/video/index.ts';
import { makeClip } from '../video/make-clip.ts';
import { noDisks } from '../small-disk.ts';
import { sourceBin, spawnCli } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-sandbox-'));
const tools = join(folder, 'tools');
let clip = '';
beforeAll(async () => {
  clip = await makeClip({ path: join(folder, 'clip.mp4'), codec: 'libx264', format: 'mp4', numFrames: 3 });
});
afterAll(() => rmSync(folder, { recursive: true }));

const { why } = await bestConfinement();
const withoutTools = { PATH: tools };

describe('score', () => {
  it('--sandbox required refuses to decode without one', async () => {
    const { code, stdout, stderr } = await spawnCli(['score', '--sandbox', 'required', clip], { env: withoutTools });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^iovqa: sandbox: expected bubblewrap to decode in, got none: .*\nhint: .*\n$/);
  });

  it('IOVQA_SANDBOX does the same, and a wrong word is an error', async () => {
    const env = { ...withoutTools, IOVQA_SANDBOX: 'required' };
    expect((await spawnCli(['score', clip], { env })).code).toBe(2);
    const { code, stderr } = await spawnCli(['score', clip], { env: { IOVQA_SANDBOX: 'on' } });
    expect([code, stderr]).toEqual([2, 'iovqa: IOVQA_SANDBOX: expected required, auto or off, got "on"\n']);
  });

  it.skipIf(process.platform !== 'linux')(
    'auto says so once where there is none; off says nothing',
    { tags: ['long'] },
    async () => {
      const auto = await spawnCli(['score', '--json', clip, clip], { env: withoutTools });
      expect(auto.code).toBe(0);
      expect(auto.stderr.match(/note: clips are decoded without a sandbox: bwrap is not installed\n/g)).toHaveLength(1);
      const off = await spawnCli(['score', '--json', '--sandbox', 'off', clip, clip]);
      expect(off.stderr).not.toContain('sandbox');
      expect(off.stdout).toBe(auto.stdout);
    },
  );

  it.skipIf(why !== undefined)(
    `in the sandbox gives the same${why === undefined ? '' : ` (skipped: ${why})`}`,
    { tags: ['long'] },
    async () => {
      const [boxed, bare] = await Promise.all(
        ['required', 'off'].map((mode) => spawnCli(['score', '--json', '--sandbox', mode, clip])),
      );
      expect([boxed!.code, boxed!.stdout]).toEqual([0, bare!.stdout]);
    },
  );

  it.skipIf(process.platform !== 'linux')('says why where bubblewrap is installed and may not work', async () => {
    const broken = mkdtempSync(join(folder, 'broken-'));
    symlinkSync('/bin/false', join(broken, 'bwrap'));
    const { stderr } = await spawnCli(['score', '--sandbox', 'required', clip], { env: { PATH: broken } });
    expect(stderr).toContain('got none: bwrap is installed but cannot be used here (');
  });
});

describe.skipIf(process.platform !== 'linux')('programs that limit a process and refuse to', () => {
  const refusing = join(folder, 'refusing');
  beforeAll(() => {
    mkdirSync(refusing);
    for (const name of ['prlimit', 'setpriv']) {
      writeFileSync(join(refusing, name), `#!/bin/sh\necho "${name}: Operation not permitted" >&2\nexit 1\n`, {
        mode: 0o755,
      });
    }
  });
  const why = (name: string): string =>
    `${name} is installed but cannot be used here (${name}: Operation not permitted)`;

  it('are done without, which is said', { tags: ['long'] }, async () => {
    const { code, stderr } = await spawnCli(['score', '--json', clip], { env: { PATH: refusing } });
    expect([code, stderr.split('\n').filter((line) => /sandbox|limits|privileges/.test(line))]).toEqual([
      0,
      [
        'note: clips are decoded without a sandbox: bwrap is not installed',
        `note: clips are decoded without limits of the system's: ${why('prlimit')}`,
        `note: decoding processes may get new privileges: ${why('setpriv')}`,
      ],
    ]);
  });

  it('are missing for doctor', { tags: ['long'] }, async () => {
    const { stdout } = await spawnCli(['doctor', '--json'], { env: { PATH: refusing } });
    const findings = JSON.parse(stdout) as { what: string; state: string; detail: string }[];
    expect(findings.filter(({ what }) => /limits|privileges/.test(what))).toEqual([
      { what: 'resource limits', state: 'missing', detail: `not in force: ${why('prlimit')}` },
      { what: 'no new privileges', state: 'missing', detail: `not in force: ${why('setpriv')}` },
    ]);
  });
});

describe.skipIf(noDisks !== null)('a checkout that cannot be written', { tags: ['long'] }, () => {
  it.each(['auto', 'off'])('decodes all the same (--sandbox %s)', async (mode) => {
    const bundles = fileURLToPath(new URL('../../node_modules/.iovqa', import.meta.url));
    mkdirSync(bundles, { recursive: true });
    // In a mount namespace of its own, the folder of bundles is empty and read-only.
    const node = [process.execPath, '--import', 'tsx', sourceBin, 'score', '--json', '--sandbox', mode, clip];
    const command = ['bash', '-c', `mount -t tmpfs -o ro tmpfs "$0" && exec "$@"`, bundles, ...node];
    const { stdout } = await promisify(execFile)('unshare', ['-m', ...command], { encoding: 'utf8' });
    expect(stdout).toBe((await spawnCli(['score', '--json', '--sandbox', mode, clip])).stdout);
    expect(JSON.parse(stdout)).toHaveLength(1);
  });
});

describe('doctor', () => {
  it('says what is in force', { tags: ['long'] }, async () => {
    const { stdout } = await spawnCli(['doctor', '--json'], { env: withoutTools });
    const findings = JSON.parse(stdout) as { what: string; state: string; detail: string }[];
    expect(findings.filter(({ what }) => /sandbox|filter|limits|privileges/.test(what))).toMatchObject([
      { what: 'sandbox', state: 'missing' },
      { what: 'system-call filter', state: 'missing' },
      { what: 'resource limits', state: 'missing' },
      { what: 'no new privileges', state: 'missing' },
    ]);
  });
});
