// A known-truth set on disk: made, gone on with, read by the rest of iovqa, and refused where it cannot be made.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { checkData } from '../../src/checks/data-check.ts';
import { randomStream } from '../../src/core/random.ts';
import { columnValue, readManifest } from '../../src/dataset/manifest.ts';
import { readVoteTable } from '../../src/dataset/vote-table.ts';
import { opinionScores } from '../../src/metrics/votes/opinions.ts';
import { generatedScene } from '../../src/synthesis/generated-scene.ts';
import { LEAST_SIDE, SIZE, knownFrames } from '../../studies/known-truth/frames.ts';
import { makeSet, tableOf, writeKnownClip } from '../../studies/known-truth/make-set.ts';
import { planClips, shuffledWithin } from '../../studies/known-truth/plan.ts';
import { faults } from '../../studies/known-truth/quality.ts';
import { drawRaters } from '../../studies/known-truth/raters.ts';
import { openFrameReader } from '../../src/video/reader.ts';
import { options } from '../video/fixtures.ts';
import { root } from '../docs/markdown.ts';
import { temporaryFolder } from '../files/temporary.ts';

/** A folder of five pictures. */
async function photographs(folder: string, side = 352): Promise<string> {
  const pictures = join(folder, 'pictures');
  mkdirSync(pictures);
  for (let i = 0; i < 5; i++) {
    const { width, height, data } = generatedScene({ width: side, height: side, stream: randomStream(40, i) });
    await sharp(data, { raw: { width, height, channels: 3 } }).toFile(join(pictures, `photo-${i}.png`));
  }
  return pictures;
}

test('the tables are read by what reads tables, and say what was planned', async () => {
  const folder = temporaryFolder();
  const raters = drawRaters(4);
  const clips = planClips(['a', 'b', 'c', 'd', 'e', 'f', 'g'], { count: 40, seed: 4, raters });
  const [manifest, shuffled] = [join(folder, 'manifest.csv'), join(folder, 'shuffled.csv')];
  writeFileSync(manifest, tableOf(clips, clips, raters));
  writeFileSync(shuffled, tableOf(clips, shuffledWithin(clips), raters));

  const { rows } = await readManifest(manifest, { checkMedia: false });
  const { votes } = await readVoteTable(manifest, { raters: raters.map(({ name }) => name) });
  const opinions = opinionScores(votes, 'mean').clips;
  expect(rows).toHaveLength(40);
  for (const [i, row] of rows.entries()) {
    const { mos, group, split } = row;
    const { overall, scores, photograph, split: part } = clips[i]!;
    expect([mos, group, split]).toEqual([overall / 10, photograph, part]);
    const score = (name: string): number => Number(columnValue(row, name));
    const found = faults.map((fault) => [fault, score(fault)] as const);
    expect(Object.fromEntries(found)).toEqual(scores);
    expect(opinions[i]!.mos).toBeCloseTo(score('mean'), 5);
    expect(opinions[i]!.std).toBeCloseTo(score('deviation'), 5);
    expect(opinions[i]!.votes).toBe(score('votes'));
    expect(clips[i]!.votes).toContain(score('vote'));
  }

  const { rows: others } = await readManifest(shuffled, { checkMedia: false });
  expect(others.map(({ mos, split }) => [mos, split])).toEqual(rows.map(({ mos, split }) => [mos, split]));
  const byId = new Map(rows.map((row) => [row.id, row]));
  expect(new Set(others.map(({ id }) => id))).toEqual(new Set(byId.keys()));
  for (const [i, { id, group, split }] of others.entries()) {
    expect(id).not.toBe(rows[i]!.id);
    expect([byId.get(id)!.group, byId.get(id)!.split]).toEqual([group, split]);
  }
});

test('a set is made once, gone on with, and passes data check', { tags: ['long'] }, async () => {
  const folder = temporaryFolder();
  const pictures = await photographs(folder);
  const out = join(folder, 'set');
  const options = { folder: out, pictures, count: 10, seed: 4 };
  const told: number[] = [];
  const made = await makeSet({ ...options, onProgress: (done) => void told.push(done) });
  expect(made).toMatchObject({ clips: 10, made: 10, photographs: 5, splits: { fit: 6, select: 2, report: 2 } });
  expect(told).toEqual(Array.from({ length: 11 }, (_, i) => i));
  expect(readdirSync(out).sort()).toEqual(['clips', 'manifest.csv', 'shuffled.csv', 'truth.json']);

  const bytes = (): Map<string, string> =>
    new Map(
      ['manifest.csv', 'shuffled.csv', 'truth.json', ...readdirSync(join(out, 'clips')).map((name) => `clips/${name}`)]
        .sort()
        .map((name) => [name, readFileSync(join(out, name), 'base64')]),
    );
  const before = bytes();
  for (const name of ['clips/3.mp4', 'clips/8.mp4', 'manifest.csv']) rmSync(join(out, name));
  expect(await makeSet(options)).toMatchObject({ clips: 10, made: 2 });
  expect(bytes()).toEqual(before);

  const check = await checkData(made.manifest, { scorer: false, workers: 1 });
  expect(check).toMatchObject({ rows: 10, good: 10, groups: 5, problems: [] });
  const truth = JSON.parse(readFileSync(made.truth, 'utf8')) as { raters: unknown; photographs: object };
  expect(truth.raters).toEqual(drawRaters(4));
  expect(Object.keys(truth.photographs)).toHaveLength(5);

  await expect(makeSet({ ...options, seed: 5 })).rejects.toMatchObject({
    code: 'bad-input',
    message: `${made.truth}: seed: expected 4, with which the set was begun, got 5`,
  });
  await sharp(join(pictures, 'photo-0.png')).negate().toFile(join(folder, 'other.png'));
  writeFileSync(join(pictures, 'photo-0.png'), readFileSync(join(folder, 'other.png')));
  await expect(makeSet(options)).rejects.toThrow(
    'photographs: expected those with which the set was begun, got others',
  );
});

test(
  'also in the file, the first frame is the same with and without motion, and a later one is not',
  { tags: ['long'] },
  async () => {
    const folder = temporaryFolder();
    const photo = generatedScene({ width: LEAST_SIDE, height: LEAST_SIDE, stream: randomStream(41) });
    await using reader = openFrameReader({ workers: 1 });
    const read = async (motion: number): Promise<Buffer[]> => {
      const path = join(folder, `${motion}.mp4`);
      await writeKnownClip(path, await knownFrames(photo, { blur: 4.8, noise: 4.9, compression: 4.5, motion }, [0, 1]));
      // Patches of one pixel pair: frames keep their size.
      const all = { ...options, pick: 'uniform', count: 8, patchSize: 2, mergeSize: 1, as: 'images' } as const;
      const { plan, rgb } = await reader.read({ path, kind: 'video' }, all);
      expect(plan).toMatchObject({ numFrames: 8, sourceWidth: SIZE, sourceHeight: SIZE, notes: [] });
      return rgb.map(({ data }) => Buffer.from(data));
    };
    const [still, shaken] = [await read(5), await read(3)];
    expect(shaken.map((frame, k) => frame.equals(still[k]!))).toEqual([true, ...Array<boolean>(7).fill(false)]);
  },
);

test('a folder of something else, too few clips and small photographs are refused before anything is made', async () => {
  const folder = temporaryFolder();
  const pictures = await photographs(folder, 349);
  await expect(makeSet({ folder: join(folder, 'set'), pictures })).rejects.toThrow(
    /photo-\d\.png: expected at least 350×350 pixels, got 349×349/,
  );
  const packaged = join(root, 'pictures');
  await expect(makeSet({ folder: join(folder, 'set'), pictures: packaged, count: 9 })).rejects.toThrow(
    'count: expected at least 10, got 9',
  );
  await expect(makeSet({ folder, pictures: packaged })).rejects.toThrow(
    `${folder}: expected an empty folder or a set that was begun, got "pictures"`,
  );
  expect(readdirSync(folder)).toEqual(['pictures']);
});

test('the programs say a mistake in a line', { tags: ['long'] }, () => {
  const said = (...args: string[]): [number | null, string] => {
    const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', ...args], {
      cwd: root,
      encoding: 'utf8',
    });
    return [status, stderr];
  };
  const make = 'studies/known-truth/make.ts';
  expect(said(make)).toEqual([2, '--out: expected a folder, got nothing\n']);
  expect(said(make, '--out', 'x', '--seed', '1.5')).toEqual([2, '--seed: expected a whole number, got 1.5\n']);
  const [status, text] = said(make, '--out', 'x', '--pictures', 'none-such');
  expect([status, text.split('\n')[0]]).toEqual([
    2,
    'none-such: expected to read it, got no such file or folder (ENOENT)',
  ]);
  expect(said('studies/ceilings.ts')).toEqual([2, 'expected one table, got none\n']);
});
