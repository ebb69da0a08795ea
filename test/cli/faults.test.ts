// Faults of the environment are one line and exit status 2 in every command, whether the disk, a folder or stdout is at fault.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SmallDisk } from '../small-disk.ts';
import { noDisks, openSmallDisk } from '../small-disk.ts';
import { writePicture } from '../train/run-fixtures.ts';
import type { CliOptions, CliResult } from './run-cli.ts';
import { bin, runCli } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-faults-'));
const at = (...names: string[]): string => join(folder, ...names);
const run = (command: string, options: CliOptions = {}): Promise<CliResult> =>
  runCli(command.split(' '), { cwd: folder, ...options });

beforeAll(async () => {
  const rows = ['image,mos'];
  for (let i = 0; i < 4; i++) {
    await writePicture(at(`${i}.png`), i);
    rows.push(`${i}.png,${1 + i}`);
  }
  writeFileSync(at('clips.csv'), `${rows.join('\n')}\n`);
  writeFileSync(
    at('recipe.yaml'),
    'model: model\ndata: { manifest: clips.csv, validation: null }\nlora: { rank: 1 }\nepochs: 1\nbatchSize: 2\n',
  );
  for (const command of ['models new model --preset tiny', 'train recipe.yaml --out run']) {
    const { code, stderr } = await run(command);
    if (code !== 0) throw new Error(stderr);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/** One line and perhaps a hint, behind notes. */
function expectFault({ code, stderr }: CliResult, pattern: RegExp): void {
  expect(stderr).not.toMatch(/this is a bug|\n {4}at /);
  const lines = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('note: '));
  expect(lines.filter((line) => line.startsWith('iovqa: '))).toEqual([expect.stringMatching(pattern)]);
  expect(code).toBe(2);
}

const commands: [string, (path: string) => string][] = [
  ['train', (path) => `train recipe.yaml --out ${path}/run`],
  ['score to JSON lines', (path) => `score 0.png --with model --out ${path}/scores.jsonl`],
  ['score to CSV', (path) => `score 0.png --with model --out ${path}/scores.csv`],
  ['quickstart', (path) => `quickstart --out ${path}/quick`],
  ['ensemble', (path) => `ensemble ${path}/both run model`],
  ['export', (path) => `export run --to ${path}/merged`],
  ['models new', (path) => `models new ${path}/new --preset tiny`],
  ['inspect frames', (path) => `inspect frames recipe.yaml --to ${path}/frames`],
];

describe.skipIf(noDisks !== null)('a disk that is read-only', { tags: ['long'] }, () => {
  let disk: SmallDisk;
  beforeAll(() => {
    disk = openSmallDisk(1024);
    mkdirSync(disk.at('cache'));
    disk.freeze();
  });
  afterAll(() => disk[Symbol.dispose]());

  test.each([...commands, ['cache limit', () => 'cache limit 1GB'] as const])('%s', async (_, command) => {
    const result = await run(command(disk.path), { env: { IOVQA_CACHE: disk.at('cache') } });
    expectFault(result, /^iovqa: .*got a disk that is read-only \(EROFS\)$/);
  });

  test('as the cache is a note, and the clips are scored', async () => {
    const { code, stdout, stderr } = await run('score 0.png --with model --csv', {
      env: { IOVQA_CACHE: disk.at('cache') },
    });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^note: cache .* cannot be written \(EROFS\): /m);
    expect(stdout).toContain('0.png,');
  });
});

describe.skipIf(noDisks !== null)('a disk that is full', { tags: ['long'] }, () => {
  test.each(commands)('%s', async (_, command) => {
    using disk = openSmallDisk(4); // one page: room for names, none for content
    writeFileSync(disk.at('filling'), Buffer.alloc(4096));
    const result = await run(command(disk.path));
    expectFault(result, /^iovqa: .*got no room on the disk \(ENOSPC\)$/);
    // What was there is there, and nothing half-written.
    expect(
      readdirSync(disk.path, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('.tmp-')),
    ).toEqual([]);
  });
});

describe.skipIf(process.platform !== 'linux')('stdout', () => {
  /** Runs with stdout where a shell puts it. */
  const shell = async (command: string, behind: string): Promise<CliResult> => {
    const node = [process.execPath, bin, ...command.split(' ')].map((arg) => `'${arg}'`).join(' ');
    const child = spawn('bash', ['-c', `set -o pipefail; ${node} ${behind}`], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    const [code] = (await once(child, 'close')) as [number];
    return { code, stdout, stderr };
  };

  test.each([
    'inspect model model',
    'data check clips.csv',
    'train --help',
    'score 0.png --with model',
    'score 0.png --with model --json',
  ])('on a full disk: %s', { tags: ['long'] }, async (command) => {
    expectFault(
      await shell(command, '> /dev/full'),
      /^iovqa: stdout: expected to write it, got no room on the disk \(ENOSPC\)$/,
    );
  });

  test.skipIf(noDisks !== null)(
    'on a disk that fills up: no part is lost without a word',
    { tags: ['long'] },
    async () => {
      using disk = openSmallDisk(4);
      const rows = Array.from({ length: 200 }, () => '0.png').join('\n');
      writeFileSync(at('many.csv'), `image\n${rows}\n`);
      expectFault(await shell('score many.csv --with model --csv', `> ${disk.at('x')}`), /^iovqa: stdout: .*ENOSPC/);
      expect(readFileSync(disk.at('x'))).toHaveLength(4096);
    },
  );

  test('whose reader stops early', { tags: ['long'] }, async () => {
    const result = await shell('inspect model model', '| (exec 0<&-; sleep 0.1)');
    expectFault(result, /^iovqa: stdout: expected to write it, got a reader that has stopped \(EPIPE\)$/);
  });

  test('that is nobody’s together with stderr', async () => {
    const { code } = await shell('train nothing.yaml', '2>&1 | (exec 0<&-; sleep 0.1)');
    expect(code).toBe(2);
  });
});

test('a working folder that is gone', { tags: ['long'] }, async () => {
  mkdirSync(at('gone'));
  const node = [process.execPath, bin].map((arg) => `'${arg}'`).join(' ');
  const script = `cd ${at('gone')}; rmdir ${at('gone')}; exec ${node} score x.png --out y.csv`;
  const child = spawn('bash', ['-c', script], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  const [code] = (await once(child, 'close')) as [number];
  expect(existsSync(at('gone'))).toBe(false);
  expect(stderr).not.toContain('this is a bug');
  expect(code).not.toBe(3);
});
