// A disk that is full at every write in turn: each command is started on a disk of one page, which gets another page whenever the
// command has ended for want of room. What was finished stays, and the last start ends with the bytes of a run that always had room.
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { embeddedPictures } from '../../src/model/index.ts';
import type { CliResult } from '../cli/run-cli.ts';
import { spawnCli } from '../cli/run-cli.ts';
import { hubRepo, startHub } from '../model/hub-server.ts';
import type { SmallDisk } from '../small-disk.ts';
import { noDisks, openSmallDisk } from '../small-disk.ts';
import { writePicture } from '../train/run-fixtures.ts';

if (noDisks !== null) process.stderr.write(`test/long/full-disk: skipped: ${noDisks}\n`);

const folder = mkdtempSync(join(tmpdir(), 'iovqa-full-'));
const at = (...names: string[]): string => join(folder, ...names);
const run = (command: string, env: NodeJS.ProcessEnv = {}): Promise<CliResult> =>
  spawnCli(command.split(' '), { cwd: folder, env, timeout: LIMIT });
const LIMIT = 3_600_000;

beforeAll(async () => {
  if (noDisks !== null) return;
  const rows = ['image,mos'];
  for (let i = 0; i < 8; i++) {
    await writePicture(at(`${i}.png`), i);
    rows.push(`${i}.png,${1 + i / 2}`);
  }
  writeFileSync(at('clips.csv'), `${rows.join('\n')}\n`);
  // A file that is missing, and rows of one file with different prompts.
  const many = Array.from({ length: 120 }, (_, i) => (i === 50 ? 'gone.png,' : `${i % 8}.png,"about\n${i}"`));
  writeFileSync(at('many.csv'), `image,prompt\n${many.join('\n')}\n`);
  writeFileSync(
    at('recipe.yaml'),
    'model: model\ndata: { manifest: clips.csv, validation: { fraction: 0.25 } }\nlora: { rank: 2, targets: [v_proj] }\n' +
      'epochs: 2\nbatchSize: 3\ncheckpoint: { every: 1, keep: 1 }\nruntime: { workers: 1, threads: 1 }\n',
  );
  for (const command of [
    'models new model --preset tiny',
    'train recipe.yaml --out whole',
    'export whole --to merged',
  ]) {
    const { code, stderr } = await run(command);
    if (code !== 0) throw new Error(stderr);
  }
}, LIMIT);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Hashes of a folder's files by name; a plan has the places of clips, which may lie in the folder. */
function contents(path: string): Record<string, string> {
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .map((name) => {
        const bytes = readFileSync(name);
        const content = name.endsWith('plan.jsonl') ? bytes.toString().replaceAll(path, 'FOLDER') : bytes;
        return [name.slice(path.length + 1), createHash('sha256').update(content).digest('hex')];
      }),
  );
}

const kibOf = (path: string): number =>
  readdirSync(path, { recursive: true, encoding: 'utf8' }).reduce(
    (sum, name) => sum + Math.ceil(statSync(join(path, name)).size / 1024),
    0,
  );

/**
 * Starts a command again and again on a disk that grows.
 * @param command - the command of a start
 * @param expected - exit status at the end
 * @param step - KiB by which the disk grows
 * @param look - looks at the disk after each end
 * @returns how often the disk was full
 */
async function grow(
  disk: SmallDisk,
  command: (start: number) => string,
  { expected = 0, step = 4, env = {}, look = () => {} }: GrowOptions = {},
): Promise<number> {
  for (let start = 0, size = 4; ; start++, size += step) {
    disk.resize(size);
    const result = await run(command(start), env);
    look(result);
    if (result.code === expected) return start;
    expectFull(result);
  }
}

function expectFull({ code, stderr }: CliResult): void {
  expect(stderr).toMatch(/^iovqa: .*got no room on the disk \(ENOSPC\)$/m);
  expect(stderr).not.toContain('this is a bug');
  expect(code).toBe(2);
}

interface GrowOptions {
  expected?: number;
  step?: number;
  env?: NodeJS.ProcessEnv;
  look?: (result: CliResult) => void;
}

const say = (what: string, full: number): void => {
  process.stderr.write(`${what}: full ${full} times\n`);
  expect(full).toBeGreaterThan(2);
};

describe.skipIf(noDisks !== null)('a disk that is full at every write of', { timeout: LIMIT }, () => {
  test.each(['jsonl', 'csv'])('score to .%s: a finished row is never lost', async (form) => {
    expect((await run(`score many.csv --with model --out whole.${form}`)).code).toBe(1); // one clip is missing
    const expected = readFileSync(at(`whole.${form}`), 'utf8');
    using disk = openSmallDisk(4);
    const out = disk.at(`scores.${form}`);
    let before = '';
    const look = (): void => {
      const got = readdirSync(disk.path).includes(`scores.${form}`) ? readFileSync(out, 'utf8') : '';
      expect(expected.startsWith(got)).toBe(true);
      expect(got.length).toBeGreaterThanOrEqual(before.lastIndexOf('\n') + 1);
      before = got;
    };
    const full = await grow(
      disk,
      (start) => `score many.csv --with model --out ${out}${start > 0 ? ' --resume' : ''}`,
      {
        expected: 1,
        look,
      },
    );
    expect(readFileSync(out, 'utf8')).toBe(expected);
    say(`score to .${form}`, full);
  });

  test('train: what a run without a full disk gives', async () => {
    const comparable = (path: string): Record<string, string> => {
      const { 'events.jsonl': _events, 'recipe.yaml': _recipe, ...rest } = contents(path);
      return rest;
    };
    using disk = openSmallDisk(4);
    const out = disk.at('run');
    const steps = (path: string): unknown[] =>
      readFileSync(join(path, 'events.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { type: string; step: number; loss: number })
        .filter(({ type }) => type === 'step')
        .map(({ step, loss }) => [step, loss]);
    const full = await grow(disk, (start) => `train recipe.yaml --out ${out}${start > 0 ? ' --resume' : ''}`);
    expect(steps(out)).toEqual(steps(at('whole'))); // each once
    expect(comparable(out)).toEqual(comparable(at('whole')));
    say('train', full);
  });

  test('quickstart: what a quick start without a full disk gives', async () => {
    mkdirSync(at('pictures'));
    for (const name of readdirSync(embeddedPictures())
      .filter((name) => name.endsWith('.webp'))
      .sort()
      .slice(0, 5))
      writeFileSync(at('pictures', name), readFileSync(join(embeddedPictures(), name)));
    const command = (out: string): string => `quickstart --out ${out} --model model --pictures pictures`;
    const { code, stderr } = await run(command('quick'));
    expect(stderr).not.toContain('iovqa: ');
    expect(code).toBe(0);
    // A member whose neighbour finds the disk full stops with a checkpoint, which takes the place of an earlier one: the last ones are
    // compared. Six epochs are 36 steps.
    const comparable = (path: string): Record<string, string> =>
      Object.fromEntries(
        Object.entries(contents(path)).filter(
          ([name]) =>
            !/events\.jsonl$|recipe\.yaml$|quickstart\.json$|report\.html$|settings\.json$/.test(name) &&
            !/step-(?!36\/)\d+\//.test(name),
        ),
      );
    expect(Object.keys(comparable(at('quick'))).filter((name) => name.includes('/step-36/'))).toHaveLength(5 * 5);
    using disk = openSmallDisk(4);
    const step = 4 * Math.ceil(kibOf(at('quick')) / 4 / 7); // a start makes its clips again
    const full = await grow(disk, () => command(disk.at('quick')), { step });
    expect(comparable(disk.at('quick'))).toEqual(comparable(at('quick')));
    say('quickstart', full);
  });

  test('export: nothing half is left, and then the whole', async () => {
    using disk = openSmallDisk(4);
    const step = 4 * Math.ceil(kibOf(at('merged')) / 4 / 24);
    const left: string[] = [];
    const look = ({ code }: CliResult): void => {
      left.push(...(code === 0 ? [] : readdirSync(disk.path)));
    };
    const full = await grow(disk, () => `export whole --to ${disk.at('merged')}`, { step, look });
    expect(left).toEqual([]);
    expect(contents(disk.at('merged'))).toEqual(contents(at('merged')));
    say('export', full);
  });

  test('models pull: what came is kept, and then the model is as the hub has it', async () => {
    const files = Object.fromEntries(readdirSync(at('model')).map((name) => [name, readFileSync(at('model', name))]));
    const hub = await startHub();
    onTestFinished(() => hub.close());
    using disk = openSmallDisk(2048);
    // Room is asked for before the download, so something else takes it when a file comes, all but some of it.
    let room = 0;
    const filling = disk.at('filling');
    const repo = hubRepo(files);
    const take = repo.files.get.bind(repo.files);
    repo.files.get = (name) => {
      if (hub.requests.at(-1)!.server !== 'store') return take(name); // room is asked for behind the small files
      const { bavail, bsize } = statfsSync(disk.path);
      const free = bavail * bsize - room;
      if (free > 0 && !existsSync(filling)) writeFileSync(filling, Buffer.alloc(free));
      return take(name);
    };
    hub.repos.set('Org/Tiny', repo);
    const env = {
      HF_HOME: disk.at('home'),
      HF_ENDPOINT: hub.endpoint,
      HF_TOKEN: '',
      HF_TOKEN_PATH: '',
      HF_HUB_CACHE: '',
    };
    const step = 4096 * Math.ceil(kibOf(at('model')) / 4 / 24);
    let full = 0;
    for (; ; full++, room += step) {
      const result = await run('models pull Org/Tiny --json', env);
      rmSync(filling, { force: true });
      if (result.code === 0) break;
      expectFull(result);
    }
    const { folder: snapshot } = JSON.parse((await run('models pull Org/Tiny --json', env)).stdout) as {
      folder: string;
    };
    for (const [name, content] of Object.entries(files)) expect(readFileSync(join(snapshot, name))).toEqual(content);
    // What came in whole pieces of the network was kept: a later start asked for the rest alone.
    const starts = hub.requests.filter(({ server }) => server === 'store').map(({ range }) => range ?? 'bytes=0-');
    expect(starts.at(-1)).not.toBe('bytes=0-');
    say('models pull', full);
  });

  test('the cache: a note, and the same scores', async () => {
    const command = 'score clips.csv --with model --csv';
    const expected = (await run(`${command} --no-cache`)).stdout;
    using disk = openSmallDisk(4);
    mkdirSync(disk.at('cache'));
    const env = { IOVQA_CACHE: disk.at('cache') };
    let full = 0;
    for (let size = 4; ; size += 8, full++) {
      disk.resize(size);
      const { code, stdout, stderr } = await run(command, env);
      expect([code, stdout]).toEqual([0, expected]);
      if (!/^note: cache .* cannot be written \(ENOSPC\)/m.test(stderr)) break;
    }
    say('the cache', full);
  });
});
