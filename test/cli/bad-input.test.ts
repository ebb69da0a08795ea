// Bad clips and bad rows through the command line: each has one line that names it, nothing hangs, no other clip is affected.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { oneLine } from '../../src/core/index.ts';
import { formatCsv } from '../../src/dataset/index.ts';
import { createRandomCheckpoint } from '../../src/model/index.ts';
import type { TestClip } from './bad-clips.ts';
import { hugePng, writeClips } from './bad-clips.ts';
import { runCli, spawnCli } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-bad-input-'));
afterAll(() => rmSync(folder, { recursive: true }));
const run = async (...args: string[]): ReturnType<typeof runCli> => runCli(args, { cwd: folder });

let clips: TestClip[];
let good: TestClip[];
let bad: TestClip[];
beforeAll(async () => {
  clips = await writeClips(join(folder, 'clips'));
  good = clips.filter(({ refusal }) => refusal === undefined);
  bad = clips.filter(({ refusal }) => refusal !== undefined);
  await createRandomCheckpoint(join(folder, 'model'), { preset: 'tiny' });
  const csv = (rows: readonly TestClip[]): string =>
    formatCsv(
      ['video', 'mos'],
      rows.map(({ name }, i) => [name, String(1 + (i % 9) / 2)]),
    );
  await writeFile(join(folder, 'all.csv'), csv(clips));
  await writeFile(join(folder, 'good.csv'), csv(good));
  await writeFile(
    join(folder, 'all.jsonl'),
    clips.map(({ name }) => `${JSON.stringify({ video: name, mos: 3 })}\n`).join(''),
  );
});

const media = ['--media-root', 'clips'];
const training = [
  '--model',
  'model',
  ...['validation=null', 'mediaRoot=clips'].flatMap((set) => ['--set', `data.${set}`]),
];

interface ScoreLine {
  row: number;
  clip: string;
  score: number | null;
  error?: string;
}

/** The lines of stderr, without those that a slow machine gets every ten seconds: how far the work is. */
const linesOf = (stderr: string): string[] =>
  stderr
    .trim()
    .split('\n')
    .filter((line) => !/^(?:scoring|reading clips|training) \d+\/\d+(?: |$)/.test(line));

/** The lines of a text that tell about a clip: exactly one, with its name and what was expected. */
function expectOneLineEach(text: string): void {
  const lines = text.split('\n');
  for (const { name, refusal } of bad) {
    const path = oneLine(join(folder, 'clips', name));
    const own = lines.filter((line) => line.includes(`${path}: expected`));
    expect([name, own.length]).toEqual([name, 1]);
    expect(own[0]).toContain(`${path}: ${refusal}`);
  }
}

describe('bad clips', () => {
  let alone: ScoreLine[];
  beforeAll(async () => {
    alone = JSON.parse((await run('score', 'good.csv', ...media, '--with', 'model', '--json')).stdout) as ScoreLine[];
  });

  test.each(['all.csv', 'all.jsonl'])(
    'score %s: good ones as without the bad ones, the exit status is 1',
    async (name) => {
      const { code, stdout, stderr } = await run('score', name, ...media, '--with', 'model', '--json');
      const lines = JSON.parse(stdout) as ScoreLine[];
      expect(lines.map(({ clip }) => clip)).toEqual(clips.map((clip) => clip.name));
      expect(lines.slice(0, good.length)).toEqual(alone);
      for (const { clip, score, error } of lines.slice(good.length)) {
        expect([clip, score]).toEqual([clip, null]);
        expect(error).toMatch(/^[^\n]+: expected [^\n]+$/);
      }
      expectOneLineEach(stderr);
      expect(linesOf(stderr)).toHaveLength(2 + bad.length); // the model has no card; a clip has no timing
      expect(code).toBe(1);
      expect(existsSync(join(folder, 'pwned'))).toBe(false);
    },
  );

  test('score clips given by name, whatever the name', { tags: ['long'] }, async () => {
    const names = good.map(({ name }) => join('clips', name));
    const { code, stdout } = await run('score', '--with', 'model', '--json', '--', ...names);
    const scores = (JSON.parse(stdout) as ScoreLine[]).map(({ score }) => score);
    expect(scores).toEqual(alone.map(({ score }) => score));
    expect(scores.every((score) => Number.isFinite(score))).toBe(true);
    expect(code).toBe(0);
  });

  test('score clips whose names begin with a dash, from their own folder', { tags: ['long'] }, async () => {
    const args = ['score', '--with', '../model', '--json', '--', '-dash.mp4', '$(touch pwned).mp4'];
    const { code, stdout } = await runCli(args, { cwd: join(folder, 'clips') });
    const lines = JSON.parse(stdout) as ScoreLine[];
    const expected = (name: string): ScoreLine => alone.find(({ clip }) => clip === name)!;
    expect(lines).toEqual([
      { ...expected('-dash.mp4'), row: 1 },
      { ...expected('$(touch pwned).mp4'), row: 2 },
    ]);
    expect(code).toBe(0);
    expect(existsSync(join(folder, 'clips', 'pwned'))).toBe(false);
  });

  test('score a folder: what is no plain file has a line, folders are walked, whatever their names', async () => {
    await mkdir(join(folder, 'mixed', 'inner.mp4'), { recursive: true });
    const at = (name: string): string => join('mixed', name);
    const plain = join(folder, 'clips', 'plain.mp4');
    for (const name of ['a.mp4', 'inner.mp4/b.mp4']) await copyFile(plain, join(folder, at(name)));
    await writeFile(join(folder, at('huge.png')), hugePng());
    await writeFile(join(folder, at('notes.txt')), 'no clip');
    await symlink('nowhere', join(folder, at('dangling.mp4')));
    await symlink('/dev/zero', join(folder, at('endless.mp4')));
    const { code, stdout, stderr } = await run('score', 'mixed', '--with', 'model', '--json');
    const lines = JSON.parse(stdout) as ScoreLine[];
    expect(lines.map(({ clip, score }) => [clip, score])).toEqual([
      [at('a.mp4'), alone[0]!.score],
      [at('dangling.mp4'), null],
      [at('endless.mp4'), null],
      [at('huge.png'), null],
      [at('inner.mp4/b.mp4'), alone[0]!.score],
    ]);
    expect(stderr).toContain('dangling.mp4: expected a file, got nothing at that path');
    expect(stderr).toContain('endless.mp4: expected a file, got a device, pipe or socket');
    expect(stderr).toMatch(/huge\.png: expected at most \d+ pixels, got a larger picture/);
    expect(code).toBe(1);
  });

  test('a table for people has one line a clip', { tags: ['long'] }, async () => {
    const { stdout } = await run('score', 'all.csv', ...media, '--with', 'model');
    expect(stdout.trim().split('\n')).toHaveLength(1 + clips.length);
    expect(stdout).toContain(String.raw`"new\nline.mp4"`);
  });

  test('data check lists them all', async () => {
    const { code, stdout } = await run('data', 'check', 'all.csv', ...media);
    expectOneLineEach(stdout);
    expect(stdout).toContain(`problems: ${bad.length}`);
    expect(code).toBe(1);
  });

  const short = ['epochs=1', 'lora.rank=2', 'batchSize=7'].flatMap((set) => ['--set', set]);

  test('train refuses them, each named once', { tags: ['long'] }, async () => {
    const { code, stderr } = await run('train', '--manifest', 'all.csv', '--out', 'refused', ...training, ...short);
    expect(stderr).toContain(`expected at most 0 bad ones of ${clips.length}, got ${bad.length}`);
    expectOneLineEach(stderr);
    expect(linesOf(stderr)).toHaveLength(bad.length + 2); // the sum and the hint
    expect(code).toBe(2);
  });

  test('train goes on without them where that is asked for', { tags: ['long'] }, async () => {
    const some = ['--set', 'data.maxBadFraction=0.5'];
    const { code, stderr } = await run(
      'train',
      '--manifest',
      'all.csv',
      '--out',
      'run',
      ...training,
      ...short,
      ...some,
    );
    expectOneLineEach(stderr);
    expect(stderr).toContain(`${good.length} clips to train on, 0 for validation, ${bad.length} bad ones left out;`);
    expect(code).toBe(0);
    const plan = (await readFile(join(folder, 'run', 'plan.jsonl'), 'utf8')).trim().split('\n');
    expect(plan.map((line) => (JSON.parse(line) as { id: string }).id).sort()).toEqual(
      good.map(({ name }) => name).sort(),
    );
  });
});

describe('bad rows', () => {
  const number = 'column "mos": expected a number from 1 to 5';
  const rows = [
    ['plain.mp4', '3', ''],
    ['absent.mp4', '3', 'column "video": expected a file, got "absent.mp4" (nothing at'],
    ['odd.mkv', 'good', `${number}, got "good"`],
    ['rotated.mp4', 'NaN', `${number}, got "NaN"`],
    ['variable.mp4', '', `${number}, got nothing`],
    ['ten-bit.mp4', '5.5', `${number} (scale 1-5), got "5.5"`],
    ['plain.mp4', '4', 'column "video": expected each file once, got "plain.mp4", which line 2 has too'],
    ['"gone\nline.mp4"', '4', 'column "video": expected a file, got "gone\\nline.mp4" (nothing at "'],
    ['', '4', 'column "video": expected the name of a media file, got nothing'],
    ['one-frame.mp4', '2,extra', 'expected 2 fields as in the header, got 3'],
    ['no-duration.mkv', null, 'expected 2 fields as in the header, got 1'],
  ] as const;
  /** Of the rows that are wrong, in the order of the file: the line, and the message. */
  const wrong: { line: number; message: string }[] = [];
  let next = 2;
  for (const [name, , message] of rows) {
    if (message !== '') wrong.push({ line: next, message });
    next += name.split('\n').length;
  }
  beforeAll(() =>
    writeFile(
      join(folder, 'rows.csv'),
      `video,mos\n${rows.map(([name, mos]) => (mos === null ? `${name}\n` : `${name},${mos}\n`)).join('')}`,
    ),
  );

  const expectAll = (text: string, those = wrong): void => {
    const told = text.split('\n').filter((line) => line.includes('expected'));
    expect(text).not.toMatch(/^line\.mp4/m); // the rest of a name, on a line of its own
    expect(told).toEqual(those.map(({ line, message }) => expect.stringContaining(`rows.csv:${line}: ${message}`)));
  };

  test('data check tells all of them, each with its line', async () => {
    const { code, stdout } = await run('data', 'check', 'rows.csv', ...media);
    expectAll(stdout);
    expect(code).toBe(1);
  });

  test.each(['train', 'train --dry-run'])('%s tells all of them and does not begin', async (command) => {
    const { code, stderr } = await run(...command.split(' '), '--manifest', 'rows.csv', '--out', 'none', ...training);
    expectAll(stderr);
    expect(stderr).not.toContain('    at ');
    expect(code).toBe(2);
    expect(existsSync(join(folder, 'none', 'checkpoints'))).toBe(false);
  });

  test('data check lists more of them than fit a screen', async () => {
    const lines = Array.from({ length: 50 }, (_, i) => `absent-${i}.mp4,3\n`);
    await writeFile(join(folder, 'long.csv'), `video,mos\n${lines.join('')}`);
    const { stdout } = await run('data', 'check', 'long.csv', ...media);
    expect(stdout.match(/long\.csv:\d+: column "video": expected a file/g)).toHaveLength(50);
  });

  test('a manifest whose name has a line end', async () => {
    const { code, stderr } = await run('data', 'check', 'no\nsuch.csv');
    expect(stderr).toBe('iovqa: "no\\nsuch.csv": expected a table (CSV, TSV, text or JSON lines), got no such file\n');
    expect(code).toBe(2);
  });

  test('score has a line for each, in their order; what it does not need is not missed', async () => {
    const { code, stdout, stderr } = await run('score', 'rows.csv', ...media, '--with', 'model', '--json');
    const noFile = 'expected a file, got nothing at that path';
    const expected = [
      ['plain.mp4', ''],
      ['absent.mp4', noFile],
      ['odd.mkv', ''], // no label is looked at
      ['rotated.mp4', ''],
      ['variable.mp4', ''],
      ['ten-bit.mp4', ''],
      ['plain.mp4', ''], // as often as it is asked for
      ['gone\nline.mp4', noFile],
      ['rows.csv:11', 'expected the name of a media file, got nothing'],
      ['rows.csv:12', 'expected 2 fields as in the header, got 3'],
      ['rows.csv:13', 'expected 2 fields as in the header, got 1'],
    ];
    const lines = JSON.parse(stdout) as ScoreLine[];
    expect(lines.map(({ clip, error = '' }) => [clip, error])).toEqual(
      expected.map(([clip, error]) => [clip, expect.stringContaining(error!)]),
    );
    expect(lines.map(({ score }) => score === null)).toEqual(expected.map(([, error]) => error !== ''));
    const told = linesOf(stderr).filter((line) => line.includes('expected'));
    expect(told).toEqual(lines.flatMap(({ error = [] }) => error));
    expect(code).toBe(1);
  });
});

describe('signals', () => {
  beforeAll(async () => {
    await mkdir(join(folder, 'many'));
    const names = Array.from({ length: 60 }, (_, i) => `many/${i}.mp4`);
    for (const name of names) await copyFile(join(folder, 'clips', 'plain.mp4'), join(folder, name));
    await writeFile(
      join(folder, 'many.csv'),
      `video,mos\n${names.map((n, i) => `${n},${1 + (i % 9) / 2}\n`).join('')}`,
    );
  });
  const long = (out: string): string[] => [
    'train',
    '--manifest',
    'many.csv',
    '--model',
    'model',
    '--out',
    out,
    ...['epochs=3', 'batchSize=10', 'lora.rank=1', 'data.validation=null'].flatMap((set) => ['--set', set]),
  ];

  test('SIGINT while training: a checkpoint, and an exit status that stops a script', { tags: ['long'] }, () =>
    stopped('SIGINT', 130),
  );
  test('SIGTERM while training: the same', { tags: ['long'] }, () => stopped('SIGTERM', 143));

  async function stopped(signal: NodeJS.Signals, status: number): Promise<void> {
    let sent = false;
    const { code, stdout, stderr } = await spawnCli(long(signal), {
      cwd: folder,
      onStderr: (text, kill) => {
        if (!sent && text.includes('the first example')) kill(signal);
        sent ||= text.includes('the first example');
      },
    });
    expect(stderr).toContain('stopping after this update, with a checkpoint');
    const step = Number(/^stopped at step (\d+); --resume goes on/.exec(stdout)![1]);
    expect(step).toBeLessThan(18);
    expect(existsSync(join(folder, signal, 'checkpoints', `step-${step}`))).toBe(true);
    expect(code).toBe(status);
    const resumed = await run('train', '--out', signal, '--resume', '--json');
    expect(JSON.parse(resumed.stdout)).toMatchObject({ step: 18, reason: 'finished' });
    expect(resumed.code).toBe(0);
  }

  test('SIGINT while clips are read is no bug, and the run can be gone on with', { tags: ['long'] }, async () => {
    let watch: NodeJS.Timeout | undefined;
    const { code, stderr } = await spawnCli(long('early'), {
      cwd: folder,
      onStart: (child) => {
        watch = setInterval(() => {
          if (!existsSync(join(folder, 'early', 'events.jsonl'))) return;
          clearInterval(watch);
          child.kill('SIGINT');
        }, 2);
      },
    });
    clearInterval(watch);
    expect(linesOf(stderr)).toEqual([
      expect.stringMatching(/^stopping /),
      'stopped while reading clips; --resume goes on',
    ]);
    expect(code).toBe(130);
    const resumed = await run('train', '--out', 'early', '--resume', '--json');
    expect(JSON.parse(resumed.stdout)).toMatchObject({ step: 18, reason: 'finished' });
  });
});
