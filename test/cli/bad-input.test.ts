// Bad clips and bad rows through the command line: each has one line that names it, nothing hangs, no other clip is affected.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { oneLine } from '../../src/core/index.ts';
import { formatCsv } from '../../src/dataset/index.ts';
import { createRandomCheckpoint } from '../../src/model/index.ts';
import type { TestClip } from './bad-clips.ts';
import { writeClips } from './bad-clips.ts';
import { runCli } from './run-cli.ts';

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
  clip: string;
  score: number | null;
  error?: string;
}

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
      for (const line of lines.slice(good.length)) expect([line.clip, line.score]).toEqual([line.clip, null]);
      expectOneLineEach(stderr);
      expect(stderr.trim().split('\n')).toHaveLength(1 + bad.length); // the note that the model has no card
      expect(code).toBe(1);
      expect(existsSync(join(folder, 'pwned'))).toBe(false);
    },
  );

  test('score clips given by name, whatever the name', async () => {
    const names = good.map(({ name }) => join('clips', name));
    const { code, stdout } = await run('score', '--with', 'model', '--json', '--', ...names);
    const scores = (JSON.parse(stdout) as ScoreLine[]).map(({ score }) => score);
    expect(scores).toEqual(alone.map(({ score }) => score));
    expect(scores.every((score) => Number.isFinite(score))).toBe(true);
    expect(code).toBe(0);
  });

  test('a table for people has one line a clip', async () => {
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

  test('train refuses them, all in one message', async () => {
    const { code, stderr } = await run('train', '--manifest', 'all.csv', '--out', 'refused', ...training, ...short);
    expect(stderr).toContain(`expected at most 0 bad ones of ${clips.length}, got ${bad.length}`);
    expectOneLineEach(stderr.slice(stderr.indexOf('iovqa: ')));
    expect(code).toBe(2);
  });

  test('train goes on without them where that is asked for', async () => {
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
    expect(stderr).toContain(`${good.length} clips to train on`);
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
    ['', '4', 'column "video": expected the name of a media file, got nothing'],
    ['one-frame.mp4', '2,extra', 'expected 2 fields as in the header, got 3'],
  ] as const;
  const wrong = rows.slice(1);
  beforeAll(() =>
    writeFile(join(folder, 'rows.csv'), `video,mos\n${rows.map(([name, mos]) => `${name},${mos}\n`).join('')}`),
  );

  const expectAll = (text: string): void => {
    wrong.forEach(([name, , message], i) => {
      const start = `rows.csv:${i + 3}:`;
      const own = text.split('\n').filter((line) => line.includes(start));
      expect([name, own.length]).toEqual([name, 1]);
      expect(own[0]).toContain(message);
    });
  };

  test('data check tells all of them, each with its line', async () => {
    const { code, stdout } = await run('data', 'check', 'rows.csv', ...media);
    expectAll(stdout);
    expect(code).toBe(1);
  });

  test('train tells all of them and does not begin', async () => {
    const { code, stderr } = await run('train', '--manifest', 'rows.csv', '--out', 'none', ...training);
    expectAll(stderr);
    expect(stderr).not.toContain('    at ');
    expect(code).toBe(2);
    expect(existsSync(join(folder, 'none', 'checkpoints'))).toBe(false);
  });

  test('score tells those that keep it from a clip, and scores the others', async () => {
    const { code, stdout, stderr } = await run('score', 'rows.csv', ...media, '--with', 'model', '--json');
    const lines = JSON.parse(stdout) as ScoreLine[];
    const scored = lines.filter(({ score }) => score !== null).map(({ clip }) => clip);
    expect(scored).toContain('plain.mp4');
    expect(stderr).toContain('rows.csv:3: column "video": expected');
    expect(code).toBe(1);
  });
});
