// Votes to opinion scores: against Netflix/sureal on its example votes, against the formulas, and at the edges.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Opinions, VoteMethod, Votes } from '../../../src/metrics/index.ts';
import { opinionScores, voteMethods } from '../../../src/metrics/index.ts';
import { distinctVotes } from '../../../src/metrics/votes/votes.ts';
import { fitP910, numParts } from '../../../src/metrics/votes/p910.ts';
import { screenBt500 } from '../../../src/metrics/votes/bt500.ts';
import { studentT975 } from '../../../src/metrics/student-t.ts';

interface Example {
  name: string;
  votes: string[];
  mean: { mos: number[]; std: number[]; standardError: number[] };
  bt500: { above: number[]; below: number[]; rejectedBySureal: boolean[]; mosBySureal: number[] };
  p910: Record<'mos' | 'sos' | 'standardError' | 'bias' | 'inconsistency', number[]> & { numIterations: number };
}

const golden = JSON.parse(readFileSync(new URL('golden/votes.json', import.meta.url), 'utf8')) as {
  examples: Example[];
  t975: [number, number][];
};

/** Votes of a table: a row a clip, a column a rater, null where there is none. */
function votesOf(table: readonly (readonly (number | null)[])[]): Votes {
  const all = table.flatMap((row, j) => row.flatMap((score, i) => (score === null ? [] : [{ i, j, score }])));
  return {
    clips: table.map((_, j) => `c${j}`),
    raters: (table[0] ?? []).map((_, i) => `r${i}`),
    clipOf: Int32Array.from(all, ({ j }) => j),
    raterOf: Int32Array.from(all, ({ i }) => i),
    scores: Float64Array.from(all, ({ score }) => score),
  };
}

const exampleVotes = ({ votes }: Example): Votes =>
  votesOf(votes.map((row) => row.split('').map((v) => (v === '.' ? null : Number(v)))));

function expectClose(got: ArrayLike<number>, want: readonly number[], tolerance: number): void {
  expect(got.length).toBe(want.length);
  for (let i = 0; i < want.length; i++) expect(Math.abs(got[i]! - want[i]!)).toBeLessThan(tolerance);
}

describe.each(golden.examples)('against sureal, $name', (example) => {
  const votes = exampleVotes(example);

  it('the model of P.910 Annex E', () => {
    const fit = fitP910(votes);
    expectClose(fit.quality, example.p910.mos, 1e-7);
    expectClose(fit.bias, example.p910.bias, 1e-7);
    expectClose(fit.inconsistency, example.p910.inconsistency, 1e-7);
    expectClose(fit.standardError, example.p910.standardError, 1e-7);
    // The Annex's SOS is the deviation with n instead of n − 1, over √n.
    const counts = votes.clips.map((_, j) => votes.clipOf.filter((clip) => clip === j).length);
    expectClose(
      fit.std.map((std, j) => (std * Math.sqrt(1 - 1 / counts[j]!)) / Math.sqrt(counts[j]!)),
      example.p910.sos,
      1e-6,
    );
    expect(fit.numIterations).toBe(example.p910.numIterations);
    expect(fit.converged).toBe(true);
    expect(fit.isKnown.every(Boolean)).toBe(true);
    expect(fit.isHeld.some(Boolean)).toBe(false);
  });

  it('the plain mean, its deviation, and an interval of t times sureal’s standard error', () => {
    const { clips } = opinionScores(votes, 'mean');
    expectClose(
      clips.map(({ mos }) => mos!),
      example.mean.mos,
      1e-12,
    );
    expectClose(
      clips.map(({ std }) => std!),
      example.mean.std,
      1e-12,
    );
    expectClose(
      clips.map(({ low, high, votes: n }) => (high! - low!) / 2 / studentT975(n - 1)),
      example.mean.standardError,
      1e-12,
    );
  });

  it('the screening of BT.500, whose deviation has n − 1 where sureal has n', () => {
    const found = screenBt500(votes);
    expect(found.map(({ above }) => above)).toEqual(example.bt500.above);
    expect(found.map(({ below }) => below)).toEqual(example.bt500.below);
    const { raters, clips } = opinionScores(votes, 'bt500');
    expect(raters.map(({ rejected }) => rejected)).toEqual(found.map(({ rejected }) => rejected));
    // Where both reject the same raters the scores are the same.
    if (JSON.stringify(raters.map(({ rejected }) => rejected)) === JSON.stringify(example.bt500.rejectedBySureal))
      expectClose(
        clips.map(({ mos }) => mos!),
        example.bt500.mosBySureal,
        1e-12,
      );
  });
});

describe('the 0.975 quantile of Student’s t', () => {
  it.each(golden.t975)('with %d degrees of freedom is %f', (df, want) => {
    expect(Math.abs(studentT975(df) / want - 1)).toBeLessThan(1e-10);
  });
});

describe('the screening of BT.500', () => {
  /** 20 clips of 15 raters who give 2, 3 and 4, and one more. */
  const withLast = (last: (j: number) => number): Votes =>
    votesOf(
      Array.from({ length: 20 }, (_, j) => [...Array.from({ length: 15 }, (__, i) => 2 + ((i + j) % 3)), last(j)]),
    );

  it('rejects who is far off to both sides, and says how often', () => {
    const { raters, clips } = opinionScores(
      withLast((j) => (j % 2 === 0 ? 6 : 0)),
      'bt500',
    );
    expect(raters.map(({ rejected }) => rejected)).toEqual([...Array.from({ length: 15 }, () => false), true]);
    expect(raters[15]).toMatchObject({ votes: 20, above: 10, below: 10, reason: expect.stringContaining('100 %') });
    expect(clips[0]).toMatchObject({ mos: 3, votes: 15 });
  });

  it('keeps who is off to one side only, as the Recommendation has it', () => {
    const { raters } = opinionScores(
      withLast(() => 6),
      'bt500',
    );
    expect(raters[15]).toMatchObject({ rejected: false, above: 20, below: 0, reason: null });
  });

  it('finds nobody on clips on which all agree', () => {
    const found = screenBt500(votesOf(Array.from({ length: 30 }, () => Array.from({ length: 8 }, () => 3.3))));
    expect(found.every(({ above, below, rejected }) => above === 0 && below === 0 && !rejected)).toBe(true);
  });

  it('says where it does not apply', () => {
    const sparse = votesOf(
      Array.from({ length: 40 }, (_, j) =>
        Array.from({ length: 40 }, (__, i) => ((i + j) % 10 === 0 ? 3 + (j % 2) : null)),
      ),
    );
    const { notes } = opinionScores(sparse, 'bt500');
    expect(notes.join('\n')).toMatch(/its screening does not apply/);
    expect(notes.join('\n')).toMatch(/40 of 40 clips with fewer than 6 votes/);
    expect(
      opinionScores(
        withLast(() => 3),
        'bt500',
      ).notes,
    ).toEqual([]);
  });
});

describe('the model of P.910', () => {
  const random = (seed: number): (() => number) => {
    let state = seed;
    return () => (state = (state * 48271) % 2147483647) / 2147483647;
  };

  it('finds biases and inconsistencies that votes were made with', () => {
    const next = random(7);
    const normal = (): number => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());
    const bias = [0.5, -0.5, 0.2, -0.2, 0, 0];
    const inconsistency = [0.2, 0.4, 0.6, 0.8, 1, 0.3];
    const quality = Array.from({ length: 2000 }, () => 1 + 4 * next());
    const fit = fitP910(votesOf(quality.map((q) => bias.map((b, i) => q + b + inconsistency[i]! * normal()))));
    expectClose(fit.bias, bias, 0.06);
    expectClose(fit.inconsistency, inconsistency, 0.06);
  });

  it('gives a rater with few votes no bias, and not all the weight', () => {
    const table: (number | null)[][] = Array.from({ length: 30 }, (_, j) => [
      1 + (j % 5),
      1 + ((j + (j % 3)) % 5),
      1 + ((j * 2) % 5),
      1 + ((j + 1) % 5),
      null,
    ]);
    table[0]![4] = 5;
    const { clips, raters, notes } = opinionScores(votesOf(table), 'p910');
    expect(raters[4]).toMatchObject({ votes: 1, bias: null, inconsistency: null, rejected: false });
    expect(raters[4]!.reason).toMatch(/fewer than 5 votes/);
    expect(notes.join('\n')).toMatch(/1 rater with fewer than 5 votes/);
    const without = opinionScores(votesOf(table.map((row) => row.slice(0, 4))), 'p910');
    expect(clips[0]!.mos).not.toBeCloseTo(without.clips[0]!.mos!, 3); // the vote counts
    expect(clips[0]!.mos).toBeLessThan(4); // but not alone
  });

  it('does not give a rater who meets every score exactly the whole weight', () => {
    const { raters } = opinionScores(
      votesOf(Array.from({ length: 30 }, (_, j) => [3, 1 + (j % 5), 3 + ((j * 7) % 3) - 1, 3])),
      'p910',
    );
    for (const { inconsistency } of raters) expect(inconsistency).toBeGreaterThan(0.05);
  });

  it('says when votes fall apart into parts', () => {
    const table = Array.from({ length: 20 }, (_, j) =>
      j < 10 ? [1 + (j % 5), 2, null, null] : [null, null, 4, 1 + (j % 4)],
    );
    expect(numParts(votesOf(table))).toBe(2);
    expect(opinionScores(votesOf(table), 'p910').notes.join('\n')).toMatch(/2 parts with no rater in common/);
  });
});

describe.each(voteMethods)('%s at the edges', (method: VoteMethod) => {
  const run = (table: (number | null)[][]): Opinions => opinionScores(votesOf(table), method);
  const allFinite = ({ clips, raters }: Opinions): boolean =>
    [...clips, ...raters].every((entry) =>
      Object.values(entry).every((v) => typeof v !== 'number' || Number.isFinite(v)),
    );

  it('one rater', () => {
    const got = run(Array.from({ length: 8 }, (_, j) => [1 + (j % 5)]));
    expect(allFinite(got)).toBe(true);
    expect(got.clips[1]).toEqual({ clip: 'c1', mos: 2, std: null, votes: 1, low: null, high: null });
    expect(got.notes.join('\n')).toMatch(/single/);
  });

  it('one clip', () => {
    const got = run([[3, 4, 5, 4, 4, 4]]);
    expect(allFinite(got)).toBe(true);
    expect(got.clips).toHaveLength(1);
    expect(got.clips[0]!.mos).toBeCloseTo(4, 9);
    expect(got.clips[0]!.votes).toBe(6);
  });

  it('one vote', () => {
    const got = run([[3]]);
    expect(allFinite(got)).toBe(true);
    expect(got.clips).toEqual([{ clip: 'c0', mos: 3, std: null, votes: 1, low: null, high: null }]);
  });

  it('all votes equal', () => {
    const got = run(Array.from({ length: 7 }, () => Array.from({ length: 8 }, () => 3.3)));
    expect(allFinite(got)).toBe(true);
    expect(got.clips.every(({ mos, std, low, high }) => mos === 3.3 && std === 0 && low === 3.3 && high === 3.3)).toBe(
      true,
    );
    expect(got.raters.every(({ rejected, bias }) => !rejected && bias === 0)).toBe(true);
  });

  it('missing votes leave the others as they are', () => {
    const got = run([
      [5, null, 4, 4, 5, 5],
      [2, 1, null, 2, 1, 2],
      [null, null, null, null, null, 3],
    ]);
    expect(allFinite(got)).toBe(true);
    expect(got.clips.map(({ votes }) => votes)).toEqual([5, 5, 1]);
  });

  it('repeated votes of one rater on one clip count as their mean, once', () => {
    const votes: Votes = {
      clips: ['a', 'b'],
      raters: ['x', 'y'],
      clipOf: Int32Array.of(0, 0, 0, 1, 1),
      raterOf: Int32Array.of(0, 1, 0, 0, 1),
      scores: Float64Array.of(1, 4, 3, 2, 2),
    };
    expect(distinctVotes(votes)).toMatchObject({ numRepeated: 1, votes: { scores: Float64Array.of(2, 4, 2, 2) } });
    const got = opinionScores(votes, method);
    expect(got.clips.map(({ votes: n }) => n)).toEqual([2, 2]);
    expect(got.notes.join('\n')).toMatch(/1 time a rater voted on one clip more than once/);
  });

  it('moving all votes moves the scores, whatever the votes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.option(fc.integer({ min: 1, max: 5 }), { freq: 6 }), { minLength: 4, maxLength: 4 }), {
          minLength: 1,
          maxLength: 8,
        }),
        (rows) => {
          const table = rows.filter((row) => row.some((v) => v !== null));
          const used = [0, 1, 2, 3].filter((i) => table.some((row) => row[i] !== null));
          if (used.length === 0) return;
          const given = table.map((row) => used.map((i) => row[i]!));
          const a = run(given);
          expect(allFinite(a)).toBe(true);
          const b = run(given.map((row) => row.map((v) => (v === null ? null : v + 64))));
          // The model on so few votes can come to rest elsewhere by rounding alone.
          if (method === 'p910') return;
          expectClose(
            b.clips.map(({ mos }) => (mos ?? 64) - 64),
            a.clips.map(({ mos }) => mos ?? 0),
            1e-9,
          );
        },
      ),
      { numRuns: 50 },
    );
  });
});
