// studies/paper-ablation.yaml with 20 updates an arm on both engines: every score is the same within a thousandth.
// IOVQA_STUDY_ARMS names the arms, joined by commas, or is `all`.
// @module-tag long
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { planStudy, readResults, readStudy, runStudy } from '../../../src/study/index.ts';
import { needsPython, python } from '../../reference/python.ts';

const UPDATES = 20;
const wanted = process.env['IOVQA_STUDY_ARMS'] ?? 'integer-number,decimal-response';
const root = fileURLToPath(new URL('../../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'iovqa-study-'));
afterAll(() => rm(folder, { recursive: true }));

interface StudyYaml {
  base: Record<string, object>;
  arms: Record<string, object>;
}

/** The study with a seed, a batch that is the whole table, small frames, and an engine. */
async function writeShort(name: string, runtime: object): Promise<string> {
  const study = parse(await readFile(join(root, 'studies', 'paper-ablation.yaml'), 'utf8')) as StudyYaml;
  const { base } = study;
  const arms = Object.entries(study.arms).filter(([arm]) => wanted === 'all' || wanted.split(',').includes(arm));
  const path = join(folder, `${name}.yaml`);
  const short = {
    about: 'The same on both engines.',
    base: {
      ...base,
      model: resolve(root, 'models/nano'),
      data: { manifest: join(folder, 'clips.csv'), train: { split: 'fit' }, validation: { split: 'select' } },
      frames: { ...base['frames'], maxPixels: 12544 },
      epochs: UPDATES,
      evaluation: { every: UPDATES },
      runtime: { ...base['runtime'], ...runtime },
    },
    report: 'report',
    seeds: 1,
    arms: Object.fromEntries(arms),
  };
  await writeFile(path, stringify(short));
  return path;
}

/** Scores by run. */
async function scoresOf(name: string, runtime: object): Promise<Map<string, (number | null)[]>> {
  const planned = await planStudy(await readStudy(await writeShort(name, runtime)), join(folder, name));
  const results = join(folder, `${name}-results`);
  const failed = await runStudy(planned, { results, out: join(folder, name), jobs: 1 });
  expect([...failed.values()]).toEqual([]);
  const found = await readResults(planned, results);
  return new Map([...found].map(([run, { rows }]) => [run, rows.map(({ score }) => score)]));
}

describe.skipIf(python === undefined)(`a study on both engines (${needsPython})`, () => {
  test(`${wanted}: scores within 0.001 of each other`, async () => {
    const pictures = (await readdir(join(root, 'pictures'))).filter((name) => name.endsWith('.webp')).sort();
    const splitOf = (i: number): string => (i < 8 ? 'fit' : i < 12 ? 'select' : 'report');
    const rows = pictures.map(
      (name, i) => `${join(root, 'pictures', name)},${1 + (4 * ((7 * i) % 20)) / 19},${splitOf(i)}`,
    );
    await writeFile(join(folder, 'clips.csv'), `image,mos,split\n${rows.join('\n')}\n`);
    const onnx = await scoresOf('onnx', {});
    process.env['IOVQA_PYTHON'] = python!;
    const torch = await scoresOf('torch', { engine: 'torch', devices: 2, precision: 'float32' });
    expect([...torch.keys()]).toEqual([...onnx.keys()]);
    for (const [run, scores] of onnx) {
      const differences = scores.map((score, i) => Math.abs(score! - torch.get(run)![i]!));
      const largest = Math.max(...differences);
      process.stderr.write(`${run}: scores differ by ${largest.toExponential(1)} at most\n`);
      expect([run, largest < 1e-3]).toEqual([run, true]);
      expect(new Set(scores).size).toBeGreaterThan(1);
    }
  });
});
