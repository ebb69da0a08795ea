// `iovqa compare`: arms with and without seeds, what is left out, and what is refused.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import type { Comparison } from '../../src/metrics/index.ts';
import { compare } from '../../src/metrics/index.ts';
import type { CliResult } from './run-cli.ts';
import { runCli } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-compare-'));
const at = (name: string): string => join(folder, name);
const run = (command: string): Promise<CliResult> => runCli(command.split(' '), { cwd: folder });
const found = async (command: string): Promise<Comparison & { notes: string[]; files: Record<string, string[]> }> => {
  const { code, stdout, stderr } = await run(`${command} --json`);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Comparison & { notes: string[]; files: Record<string, string[]> };
};

const n = 120;
const truth = randomStream(1);
const mos = Array.from({ length: n }, () => 3 + truth.normal() / 2);
const groups = mos.map((_, i) => `g${i % 40}`);
/** Scores with errors of a size. */
const scores = (seed: number, size: number): number[] => {
  const stream = randomStream(seed);
  return mos.map((v) => Number((v + size * stream.normal()).toFixed(4)));
};
const files: Record<string, number[]> = {
  'a1.csv': scores(2, 0.5),
  'a2.csv': scores(3, 0.5),
  'b1.csv': scores(4, 0.25),
  'b2.csv': scores(5, 0.25),
  'c1.csv': scores(6, 0.5),
  'c2.csv': scores(7, 0.5),
};

beforeAll(() => {
  writeFileSync(at('m.csv'), `video,mos,group\n${mos.map((v, i) => `${i}.mp4,${v},${groups[i]}\n`).join('')}`);
  for (const [name, values] of Object.entries(files)) {
    writeFileSync(at(name), `clip,score\n${values.map((v, i) => `${i}.mp4,${v}\n`).join('')}`);
  }
  const rows = (values: readonly number[]): string => values.map((v, i) => `${i},${v},${mos[i]}\n`).join('');
  writeFileSync(at('own.csv'), `name,prediction,mos\n${rows(files['a1.csv']!)}`);
  writeFileSync(at('some.csv'), `name,prediction,mos\n${rows(files['b1.csv']!.slice(0, 100))}`);
  writeFileSync(at('other.csv'), `name,prediction,mos\n0,1,2\n1,2,3\n`);
  writeFileSync(at('twice.csv'), `name,prediction,mos\n0,1,${mos[0]}\n0,2,${mos[0]}\n`);
  writeFileSync(at('apart.csv'), `name,prediction,mos\nx,1,2\ny,2,3\n`);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('compare', () => {
  test('gives what the library gives, paired by seed', async () => {
    const {
      notes,
      files: read,
      ...result
    } = await found(
      'compare first=a1.csv,a2.csv better=b1.csv,b2.csv same=c1.csv,c2.csv --manifest m.csv --metric srcc',
    );
    const arm = (name: string, ...names: string[]): { name: string; seeds: number[][] } => ({
      name,
      seeds: names.map((file) => files[file]!),
    });
    const arms = [arm('first', 'a1.csv', 'a2.csv'), arm('better', 'b1.csv', 'b2.csv'), arm('same', 'c1.csv', 'c2.csv')];
    expect(result).toEqual(JSON.parse(JSON.stringify(compare({ arms, mos, groups, metric: 'srcc' }))));
    expect(read['better']).toEqual(['b1.csv', 'b2.csv']);
    expect(notes.some((note) => note.includes('one seed each'))).toBe(false);
    const [better, same] = result.contrasts;
    expect([better!.name, better!.primary.p! < 0.05, same!.holm! > 0.05]).toEqual(['better − first', true, true]);
    expect(better!.holm).toBeCloseTo(2 * better!.primary.p!, 12);
    expect(Object.keys(same!.others)).toEqual(['challenge', 'plcc', 'krcc', 'rmse']);
  });

  test('says in words what is real, what is noise, and what one file each cannot tell', async () => {
    const { code, stdout, stderr } = await run('compare a1.csv b1.csv c1.csv --manifest m.csv');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^a1\.csv +1 +\(SRCC\+PLCC\)\/2 +0\.\d{4} +0\.\d{4} … 0\.\d{4}$/m);
    expect(stdout).toMatch(/^b1\.csv − a1\.csv +RMSE +-0\.\d{4} +-0\.\d{4} … -0\.\d{4}$/m);
    expect(stdout).toMatch(/b1\.csv − a1\.csv, \(SRCC\+PLCC\)\/2: a difference \(Holm p 0\.0\d+\); the smallest/);
    expect(stdout).toMatch(
      /c1\.csv − a1\.csv, .*: within noise; the smallest difference that would have been found is 0\.\d{4} \(2\.8 standard errors\)/,
    );
    expect(stdout).toContain('n = 120 in 40 groups\n');
    expect(stderr).toContain('one seed each: what another seed would change is not in this interval');
    expect(stderr).toContain('a1.csv: 120 scores are matched');
  });

  test('counts what is not in every file', async () => {
    const { notes, n: used } = await found('compare own.csv some.csv');
    expect(used).toBe(100);
    expect(notes).toContain(
      '20 of 120 clips are not in every file and are left out, the first "100", which some.csv lacks',
    );
  });

  test.each([
    ['own.csv', 'expected at least two arms, got 1'],
    ['own.csv own.csv', 'expected a name for each arm, got "own.csv" twice'],
    ['x=own.csv y=own.csv', 'expected each file once, got "own.csv" twice'],
    ['x=a1.csv,a2.csv y=b1.csv --manifest m.csv', 'expected as many files of "y" as of "x", 2, got 1'],
    ['x=a1.csv, y=b1.csv', 'expected FILE or NAME=FILE,FILE,…, got "x=a1.csv,"'],
    ['own.csv other.csv', 'other.csv: expected the opinion score of "0" that own.csv has'],
    ['own.csv twice.csv', 'twice.csv: expected one score a clip, got two of "0"'],
    ['own.csv apart.csv', 'expected clips that all files have, got none of 122'],
    ['own.csv absent.csv', 'absent.csv: expected a table'],
    ['own.csv some.csv --metric mse', 'Allowed choices are challenge, srcc, plcc, krcc, rmse'],
  ])('%s: %s', async (args, message) => {
    const { code, stderr } = await run(`compare ${args}`);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });

  test('has nothing but reasons for scores that are all equal, and notes few groups', async () => {
    writeFileSync(
      at('flat.csv'),
      `clip,score\n${mos
        .slice(0, 20)
        .map((_, i) => `${i}.mp4,3\n`)
        .join('')}`,
    );
    const { stdout, stderr } = await run('compare flat.csv a1.csv --manifest m.csv');
    expect(stdout).toContain('undefined: flat.csv: all predictions are equal');
    expect(stdout).not.toContain('NaN');
    expect(stderr).toContain('the intervals are approximate: they rest on 20 independent groups');
  });
});
