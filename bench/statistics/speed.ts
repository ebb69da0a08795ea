// SRCC, KRCC and PLCC of a million pairs, against SciPy; they take turns. Continuous scores, scores of one decimal, and integers of 10 to
// 50, whose ties are many. The values must agree to 1e-11. Results: docs/performance.md.
//   IOVQA_REFERENCE_PYTHON=python npx tsx bench/statistics/speed.ts [ROUNDS] [PAIRS]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomStream } from '../../src/core/index.ts';
import type { Stat } from '../../src/metrics/index.ts';
import { krcc, plcc, srcc } from '../../src/metrics/index.ts';
import { spread, startContestant } from '../contestant.ts';

const rounds = Number(process.argv[2] ?? '9');
const numPairs = Number(process.argv[3] ?? '1000000');
const python = process.env['IOVQA_REFERENCE_PYTHON'];

/** Opinion scores around 3 and predictions that follow them, each rounded in its own way. */
function pairs(seed: number, predicted: (x: number) => number, opinion: (y: number) => number): Float64Array {
  const stream = randomStream(seed, 0);
  const out = new Float64Array(2 * numPairs);
  for (let i = 0; i < numPairs; i++) {
    const truth = stream.normal();
    out[i] = predicted(3 + 0.6 * (0.8 * truth + 0.6 * stream.normal()));
    out[numPairs + i] = opinion(3 + 0.6 * truth);
  }
  return out;
}
const keep = (x: number): number => x;
const integer = (x: number): number => Math.min(50, Math.max(10, Math.round(x * 10)));
const cases = [
  { name: 'continuous', data: pairs(1, keep, keep) },
  { name: 'continuous against integers 10–50', data: pairs(2, keep, integer) },
  { name: 'integers 10–50 on both sides', data: pairs(3, integer, integer) },
];
const statistics = { srcc, krcc, plcc } as const;
const names = Object.keys(statistics) as (keyof typeof statistics)[];

const folder = mkdtempSync(join(tmpdir(), 'iovqa-bench-'));
const files = cases.map(({ data }, i) => {
  const path = join(folder, `${i}.f64`);
  writeFileSync(path, data);
  return path;
});
const peer =
  python === undefined ? null : await startContestant('SciPy', [python, 'bench/peers/correlations.py', ...files]);
if (peer !== null) process.stderr.write(`${JSON.stringify(peer.about)}\n`);

const valueOf = (stat: Stat): number => {
  if (!stat.defined) throw new Error(stat.reason);
  return stat.value;
};
const lines = ['| a million pairs | statistic | iovqa, s | SciPy, s | SciPy / iovqa |', '|---|---|---|---|---|'];
const text = (values: readonly number[]): string => {
  const { median, low, high } = spread(values);
  return `${median.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`;
};
for (const [i, { name, data }] of cases.entries()) {
  const [x, y] = [data.subarray(0, numPairs), data.subarray(numPairs)];
  const taken = { ours: [] as number[][], theirs: [] as number[][] };
  for (let round = -1; round < rounds; round++) {
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (const statistic of names) {
      const started = performance.now();
      const value = valueOf(statistics[statistic](x, y));
      ours.push((performance.now() - started) / 1000);
      if (peer === null) continue;
      const answer = await peer.run(`${i} ${statistic}`);
      theirs.push(answer.seconds);
      const difference = Math.abs(value - Number(answer['value']));
      if (!(difference < 1e-11)) throw new Error(`${name}: ${statistic} is ${value}, SciPy's differs by ${difference}`);
    }
    if (round < 0) continue; // the first round warms both up
    taken.ours.push(ours);
    taken.theirs.push(theirs);
  }
  for (const [s, statistic] of [...names, 'all three'].entries()) {
    const of = (turns: readonly number[][]): number[] =>
      turns.map((turn) => (s < names.length ? turn[s]! : turn.reduce((a, b) => a + b, 0)));
    const [ours, theirs] = [of(taken.ours), of(taken.theirs)];
    const ratio = peer === null ? '–' : `${(spread(theirs).median / spread(ours).median).toFixed(2)} ×`;
    lines.push(`| ${name} | ${statistic} | ${text(ours)} | ${peer === null ? '–' : text(theirs)} | ${ratio} |`);
  }
}
await peer?.stop();
rmSync(folder, { recursive: true });
process.stdout.write(`${lines.join('\n')}\n`);
