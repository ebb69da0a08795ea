// Nano trained on BIQ2021 by the PyTorch engine against the adapter that ships, which the project's own engine trained by the same recipe:
// both score the test part, and clips are drawn anew 1,000 times (paired bootstrap) for the interval of the difference.
//   IOVQA_PYTHON=python npx tsx bench/biq2021-torch.ts ../shared/data/biq2021/manifest.csv runs/biq2021-torch [THREADS]
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { randomStream } from '../src/core/index.ts';
import { readManifest } from '../src/dataset/index.ts';
import { plcc, srcc } from '../src/metrics/index.ts';
import type { Numbers, Stat } from '../src/metrics/index.ts';
import { readScores } from '../src/score/index.ts';

const [manifest, folder, threads = '1'] = process.argv.slice(2);
if (manifest === undefined || folder === undefined) {
  throw new Error('usage: IOVQA_PYTHON=PYTHON npx tsx bench/biq2021-torch.ts MANIFEST FOLDER [THREADS]');
}
function iovqa(...args: string[]): void {
  process.stderr.write(`iovqa ${args.join(' ')}\n`);
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', 'src/cli/bin.ts', ...args], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`iovqa ${args[0]!}: exit status ${status}`);
}
const run = join(folder, 'run');
const files = ['shipped', 'torch'].map((name) => join(folder, `${name}.jsonl`)) as [string, string];
const settings = ['--engine', 'torch', '--set', `runtime.threads=${threads}`];
// Begun again, it goes on where it was.
iovqa(
  'train',
  'nano/biq2021.yaml',
  ...settings,
  '--set',
  `data.manifest=${manifest}`,
  '--out',
  run,
  ...(existsSync(run) ? ['--resume'] : []),
);
const scored = [manifest, '--preset', 'biq2021', '--split', 'test', '--resume'];
iovqa('score', ...scored, '--with', 'models/nano/adapters/biq2021', '--out', files[0]);
iovqa('score', ...scored, '--with', run, '--engine', 'torch', '--out', files[1]);

const { rows } = await readManifest(manifest, { preset: 'biq2021' });
const mosOf = new Map(rows.map(({ id, mos }) => [id, mos!]));
const scores: Map<string, number>[] = [];
for (const file of files) {
  const own = new Map<string, number>();
  for await (const { clip, score } of readScores(file)) own.set(clip, score!);
  scores.push(own);
}
const clips = [...scores[0]!.keys()];
const mos = clips.map((clip) => mosOf.get(clip)!);
const [shipped, torch] = scores.map((own) => clips.map((clip) => own.get(clip)!)) as [number[], number[]];
const RESAMPLES = 1000;
const value = (stat: Stat): number => {
  if (!stat.defined) throw new Error(stat.reason);
  return stat.value;
};
console.log(`${clips.length} photographs, ${RESAMPLES} resamples\n`);
console.log('| | shipped | torch | torch − shipped, 95 % interval |\n|---|---|---|---|');
for (const [name, statistic] of Object.entries<(a: Numbers, b: Numbers) => Stat>({ SRCC: srcc, PLCC: plcc })) {
  const stream = randomStream(21);
  const differences = Array.from({ length: RESAMPLES }, () => {
    const drawn = clips.map(() => stream.below(clips.length));
    const of = (values: readonly number[]): number[] => drawn.map((i) => values[i]!);
    return value(statistic(of(torch), of(mos))) - value(statistic(of(shipped), of(mos)));
  }).sort((a, b) => a - b);
  const ends = [0.025, 0.975].map((q) => differences[Math.round(q * (RESAMPLES - 1))]!.toFixed(4));
  const [a, b] = [shipped, torch].map((own) => value(statistic(own, mos)).toFixed(4));
  console.log(`| ${name} | ${a} | ${b} | ${ends.join(' … ')} |`);
}
