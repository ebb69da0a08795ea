// Live comparison with SciPy: correlations to 1e-12, and the squared errors of the logistic maps with the best of several of its fits.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { RandomStream } from '../../src/core/index.ts';
import { randomStream } from '../../src/core/index.ts';
import { krcc, plcc, srcc } from '../../src/metrics/index.ts';
import { fitLogistic4, fitLogistic5 } from '../../src/metrics/logistic.ts';
import { needsPython, python, runPython } from './python.ts';

type Pairs = [x: Float64Array, y: Float64Array];

function draw(n: number, pair: (stream: RandomStream, i: number) => [number, number]): Pairs {
  const stream = randomStream(77, n);
  const both = Array.from({ length: n }, (_, i) => pair(stream, i));
  return [Float64Array.from(both, ([x]) => x), Float64Array.from(both, ([, y]) => y)];
}

/** Scores that follow quality by a curve, with noise. */
const curved =
  (noise: number, curve: (t: number) => number) =>
  (stream: RandomStream): [number, number] => {
    const t = 2 * stream.normal();
    return [t, curve(t) + noise * stream.normal()];
  };
const sigmoid = (t: number): number => 1 + 4 / (1 + Math.exp(-t));

const correlated: Record<string, Pairs> = {
  'n = 2': draw(2, (stream) => [stream.normal(), stream.normal()]),
  'n = 3': draw(3, (stream) => [stream.normal(), stream.normal()]),
  'n = 3 with a tie': [Float64Array.of(1, 1, 2), Float64Array.of(3, 1, 2)],
  ties: draw(500, (stream) => [stream.below(5), stream.below(4)]),
  'integers 10–50': draw(5000, (stream) => {
    const t = stream.normal();
    return [Math.round(30 + 8 * t), Math.round(30 + 8 * (0.7 * t + 0.7 * stream.normal()))];
  }),
  'a million': draw(1_000_000, (stream) => {
    const t = stream.normal();
    return [t + stream.normal(), Math.round(10 * t) / 10];
  }),
};

const fitted: Record<string, Pairs> = {
  rising: draw(300, curved(0.3, sigmoid)),
  'negative slope': draw(
    300,
    curved(0.3, (t) => sigmoid(-t)),
  ),
  'outliers at 50 sigma': draw(300, (stream, i) => {
    const [x, y] = curved(0.3, sigmoid)(stream);
    return [x, i % 100 === 0 ? y + 15 : y];
  }),
  flat: draw(
    300,
    curved(0.3, () => 3),
  ),
  'tiny scale': draw(300, (stream) => curved(0.3, sigmoid)(stream).map((v) => 1e-9 * v) as [number, number]),
  'large scale': draw(300, (stream) => {
    const [x, y] = curved(0.3, sigmoid)(stream);
    return [1e5 + 1e4 * x, 20 * y];
  }),
  'a step': draw(
    300,
    curved(0.2, (t) => (t > 0.5 ? 4 : 2)),
  ),
  'nearly a line': draw(
    300,
    curved(0.5, (t) => 3 + 0.3 * t),
  ),
  few: draw(8, curved(0.3, sigmoid)),
};

interface Found {
  srcc: number;
  plcc: number;
  krcc: number;
  four: number;
  five: number;
}

describe.skipIf(python === undefined)(`against SciPy (${needsPython})`, async () => {
  const folder = python === undefined ? '' : mkdtempSync(join(tmpdir(), 'iovqa-scipy-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const all = Object.entries({ ...correlated, ...fitted });
  const found = new Map<string, Found>();
  if (python !== undefined) {
    const cases = all.map(([name, [x, y]], i) => {
      const file = join(folder, `${i}.f64`);
      const bytes = new Float64Array(2 * x.length);
      bytes.set(x);
      bytes.set(y, x.length);
      writeFileSync(file, bytes);
      return { file, fit: name in fitted };
    });
    writeFileSync(join(folder, 'cases.json'), JSON.stringify(cases));
    const values = (await runPython('metrics.py', join(folder, 'cases.json'))) as Found[];
    all.forEach(([name], i) => found.set(name, values[i]!));
  }

  it.each(all)('%s: SRCC, PLCC and KRCC are equal to 1e-12', (name, [x, y]) => {
    for (const [key, statistic] of Object.entries({ srcc, plcc, krcc } as const)) {
      const stat = statistic(x, y);
      const want = found.get(name)![key as 'srcc'];
      expect(
        stat.defined && Math.abs(stat.value - want),
        `${key}: ${JSON.stringify(stat)}, SciPy ${want}`,
      ).toBeLessThan(1e-12);
    }
  });

  it.each(Object.entries(fitted))('%s: no fit leaves more than the best of SciPy’s', (name, [x, y]) => {
    for (const [key, fit] of Object.entries({ four: fitLogistic4, five: fitLogistic5 } as const)) {
      const map = fit(x, y);
      if (!map.defined) throw new Error(map.reason);
      const error = x.reduce((sum, v, i) => sum + (map.map(v) - y[i]!) ** 2, 0);
      const best = found.get(name)![key as 'four'];
      expect(error / best, `${key}: ${error}, SciPy ${best}`).toBeLessThanOrEqual(1 + 1e-6);
    }
  });
});
