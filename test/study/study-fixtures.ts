// A study of a tiny model: pictures of noise in three splits, three arms, two seeds.
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunFailure, StudyEvent, StudyPlan, StudyTable } from '../../src/study/index.ts';
import { planStudy, readResults, readStudy, runStudy, tabulate } from '../../src/study/index.ts';
import type { Workshop } from '../train/run-fixtures.ts';

/** The file of a study in the workshop; `arms` and `more` are YAML in flow style. */
export async function writeStudy(
  shop: Workshop,
  name: string,
  arms = '{ integer: {}, decimal: { answer: { kind: decimal } }, same: { lora: { rank: 4 } } }',
  more = 'seeds: 2\nfreeAnswers: 3',
): Promise<string> {
  const rows = (await readFile(shop.at('clips.csv'), 'utf8')).trimEnd().split('\n').slice(1);
  const split = (i: number): string => (i < 4 ? 'fit' : i < 6 ? 'select' : 'report');
  await writeFile(
    shop.at('split.csv'),
    ['image,mos,std,split', ...rows.map((row, i) => `${row},${split(i)}`), ''].join('\n'),
  );
  const path = shop.at(`${name}.yaml`);
  await writeFile(
    path,
    [
      'about: a test',
      'base:',
      '  model: model',
      '  data: { manifest: split.csv, train: { split: fit }, validation: { split: select } }',
      '  frames: { maxPixels: 3136 }',
      '  lora: { rank: 4 }',
      '  epochs: 2',
      '  batchSize: 2',
      '  microBatch: 2',
      '  optimizer: { learningRate: 0.003 }',
      '  runtime: { workers: 1 }',
      'report: report',
      `arms: ${arms}`,
      more,
      '',
    ].join('\n'),
  );
  return path;
}

export interface StudyRunThrough {
  plan: StudyPlan;
  table: StudyTable;
  events: StudyEvent[];
  failed: ReadonlyMap<string, RunFailure>;
}

/** Runs a study to its table. */
export async function runThrough(
  path: string,
  out: string,
  { results = `${out}-results`, jobs = 2, signal }: { results?: string; jobs?: number; signal?: AbortSignal } = {},
): Promise<StudyRunThrough> {
  const plan = await planStudy(await readStudy(path), out);
  const events: StudyEvent[] = [];
  const failed = await runStudy(plan, {
    out,
    results,
    jobs,
    onEvent: (event) => events.push(event),
    ...(signal === undefined ? {} : { signal }),
  });
  return { plan, table: tabulate(plan, await readResults(plan, results), failed), events, failed };
}

/** All results, by file; without the seconds that runs took. */
export async function contentsOf(results: string): Promise<Record<string, string>> {
  const names = (await readdir(results, { recursive: true })).filter((name) => /\.(?:json|br)$/.test(name)).sort();
  const read = async (name: string): Promise<readonly [string, string]> => {
    const bytes = await readFile(join(results, name));
    if (!name.endsWith('.json')) return [name, bytes.toString('base64')];
    const { seconds: _seconds, ...rest } = JSON.parse(bytes.toString()) as Record<string, unknown>;
    return [name, JSON.stringify(rest)];
  };
  return Object.fromEntries(await Promise.all(names.map(read)));
}
