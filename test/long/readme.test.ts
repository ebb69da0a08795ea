// The README's commands, read from it and run as they stand: in a clone, and in empty folders with the packed tarball, where iovqa is
// installed for all folders or as a dependency. No process reaches anything but npm's registry, and iovqa not even that.
import { execFileSync, spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeReadmeClips } from '../docs/readme-clips.ts';
import { root } from '../docs/markdown.ts';
import type { Place } from '../docs/readme.ts';
import { readmeCommands, readmeForms } from '../docs/readme.ts';

/** It takes longer than all others together, and nothing needs what it makes: it is run at the end. */
const QUICKSTART = 'npm run quickstart';

/** Host of the registry that npm is set to. */
const REGISTRY = new URL(execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' })).hostname;

/** Loaded by every Node.js process below: writes down each host that is asked for, and lets none through but the registry. */
const guard = `
import { appendFileSync } from 'node:fs';
import { Socket } from 'node:net';
const connect = Socket.prototype.connect;
Socket.prototype.connect = function (...args) {
  const { host } = args.flat().find((value) => value?.host !== undefined) ?? {};
  if (host === undefined) return connect.apply(this, args);
  appendFileSync(process.env.HOSTS_LOG, host + '\\n');
  if (host === '${REGISTRY}') return connect.apply(this, args);
  process.nextTick(() => this.destroy(new Error('no network to ' + host)));
  return this;
};`;

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);
const place = (name: Place): string => at(name);

interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
  /** Hosts that were asked for, each once. */
  hosts: string[];
}

/** Runs a line as somebody types it in a folder, who has npm's folder of programs in their path. */
async function type(line: string, cwd: string, more: NodeJS.ProcessEnv = {}): Promise<Result> {
  // What this test's own runner has put there is not in a user's environment.
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|VITEST|NODE_|IOVQA_|INIT_CWD$|TEST$)/i.test(name),
  );
  const path = process.env['PATH']!.split(delimiter).filter((entry) => !entry.includes('node_modules'));
  const log = at('hosts');
  await writeFile(log, '');
  const child = spawn('bash', ['-c', line], {
    cwd,
    env: {
      ...Object.fromEntries(own),
      PATH: [at('prefix', 'bin'), ...path].join(delimiter),
      npm_config_prefix: at('prefix'),
      npm_config_prefer_offline: 'true',
      npm_config_yes: 'false', // npx gets nothing from the registry
      IOVQA_CACHE: at('cache'),
      HF_HOME: at('hub'),
      HOSTS_LOG: log,
      NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(guard)}`,
      ...more,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const code = await new Promise<number | null>((done, reject) => {
    child.on('error', reject);
    child.on('close', done);
  });
  const hosts = [...new Set((await readFile(log, 'utf8')).split('\n'))].filter((host) => host !== '');
  return { code, stdout, stderr, hosts };
}

/** Runs a line that must work. */
async function works(line: string, cwd: string): Promise<Result> {
  const result = await type(line, cwd);
  expect({ line, code: result.code, said: result.code === 0 ? '' : result.stderr }).toEqual({
    line,
    code: 0,
    said: '',
  });
  const allowed = /^npm (?:ci|install)\b/.test(line) ? [REGISTRY] : [];
  expect({ line, hosts: result.hosts.filter((host) => !allowed.includes(host)) }).toEqual({ line, hosts: [] });
  return result;
}

describe('the commands of the README', () => {
  const commands = readmeCommands();
  const forms = readmeForms();
  const inClone = commands.filter((command) => command.place === 'clone');
  const isOurs = ({ text }: { text: string }): boolean => text.startsWith(forms.clone);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'iovqa-readme-'));
    for (const { text, reason } of commands)
      if (reason !== undefined) process.stderr.write(`test/long/readme: not run: ${text}: ${reason}\n`);
    await works(`git clone -q --no-hardlinks '${root}' clone`, folder);
    for (const name of ['clone', 'global', 'dependency'] as const) {
      await mkdir(place(name), { recursive: true });
      await writeReadmeClips(place(name));
    }
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('work in a clone, in their order', { timeout: 3_600_000 }, async () => {
    for (const { text } of inClone.filter(({ text }) => text !== QUICKSTART)) await works(text, place('clone'));
    const tarballs = (await readdir(place('clone'))).filter((name) => name.endsWith('.tgz'));
    expect(tarballs).toHaveLength(1);
    for (const name of ['global', 'dependency'] as const)
      await copyFile(join(place('clone'), tarballs[0]!), join(place(name), tarballs[0]!));
    expect((await readFile(join(place('clone'), 'scores.jsonl'), 'utf8')).trimEnd().split('\n')).toHaveLength(6);
  });

  test.each(['global', 'dependency'] as const)('work with the tarball (%s)', { timeout: 1_800_000 }, async (name) => {
    const installs = commands.filter((command) => command.place === name);
    expect(installs).toHaveLength(1);
    for (const { text } of installs) await works(text, place(name));
    for (const { text } of commands.filter(isOurs)) {
      await works(text.replace(forms.clone, forms[name]), place(name));
    }
    expect((await readFile(join(place(name), 'scores.jsonl'), 'utf8')).trimEnd().split('\n')).toHaveLength(6);
  });

  describe.each(['clone', 'global', 'dependency'] as const)('the form of %s', (name) => {
    const form = forms[name];

    test('gives JSON alone on stdout', async () => {
      for (const args of [
        'score clip.mp4 --json',
        'evaluate scores.jsonl --manifest new-clips.csv --json',
        'data check clips.csv --json',
        'doctor --json',
      ]) {
        const { stdout } = await works(`${form}${args}`, place(name));
        expect([args, typeof JSON.parse(stdout)]).toEqual([args, 'object']);
      }
    });

    test('is that of messages, whose commands work', async () => {
      const { stdout } = await works(`${form}data check clips.csv`, place(name));
      const next = /^next: (.*)$/m.exec(stdout)?.[1] ?? '';
      expect(next.startsWith(`${form}train `)).toBe(true);
      const { stdout: best } = await works(next.replace('runs/first', 'runs/next'), place(name));
      expect(existsSync(resolve(place(name), best.trim()))).toBe(true);
      expect((await works(`${form}score --help`, place(name))).stdout).toContain(`\n  ${form}score clip.mp4\n`);
      const { code, stderr } = await type(`${form}nothing`, place(name));
      expect([code, stderr]).toEqual([2, expect.stringContaining(`(${form}COMMAND --help`)]);
    });
  });

  // Why the README says what to install with: without it these scripts would be run.
  test.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('leave out scripts that download', async () => {
    const modules = join(place('dependency'), 'node_modules');
    for (const [script, host] of [
      ['onnxruntime-node/script/install.js', 'api.nuget.org'],
      ['node-av/dist/ffmpeg/install.js', 'api.github.com'],
    ] as const) {
      const line = `node ${script}`;
      expect([script, (await type(line, modules)).hosts]).toEqual([script, [host]]);
      const skipped = await type(line, modules, { ONNXRUNTIME_NODE_INSTALL: 'skip', SKIP_FFMPEG: 'true' });
      expect([script, skipped.code, skipped.hosts]).toEqual([script, 0, []]);
    }
  });

  test('make a report without data', { timeout: 3_600_000 }, async () => {
    expect(inClone.map(({ text }) => text)).toContain(QUICKSTART);
    await works(QUICKSTART, place('clone'));
    expect(existsSync(join(place('clone'), 'runs/quickstart/report.html'))).toBe(true);
  });
});
