// The known-truth set: what it says of its clips is so, by arithmetic and in the pixels.
import { describe, expect, test } from 'vitest';
import { plcc, srcc } from '../../src/metrics/statistics.ts';
import { normalLabel } from '../../src/objectives/soft-label.ts';
import { randomStream } from '../../src/core/random.ts';
import { generatedScene } from '../../src/synthesis/generated-scene.ts';
import type { RgbFrame } from '../../src/video/types.ts';
import { FARTHEST, LEAST_SIDE, NUM_FRAMES, SIZE, knownFrames } from '../../studies/known-truth/frames.ts';
import { planClips, shuffledWithin } from '../../studies/known-truth/plan.ts';
import { parts } from '../../studies/sets/photographs.ts';
import type { SubScores } from '../../studies/known-truth/quality.ts';
import { faults, overallOf } from '../../studies/known-truth/quality.ts';
import { NUM_RATERS, drawRaters, voteDeviation, votesOn } from '../../studies/known-truth/raters.ts';
import { mean } from '../synthesis/helpers.ts';

const photographs = Array.from({ length: 150 }, (_, i) => `p${i}`);
const raters = drawRaters(0);
const clips = planClips(photographs, { count: 1200, seed: 0, raters });

const correlation = (x: readonly number[], y: readonly number[]): number => {
  const stat = plcc(x, y);
  return stat.defined ? stat.value : NaN;
};

describe('a plan', () => {
  test('is fixed by its seed', () => {
    expect(planClips(photographs, { count: 1200, seed: 0, raters })).toEqual(clips);
    const other = planClips(photographs, { count: 1200, seed: 1, raters: drawRaters(1) });
    expect(other.map(({ scores }) => scores)).not.toEqual(clips.map(({ scores }) => scores));
    expect(other.map(({ votes }) => votes)).not.toEqual(clips.map(({ votes }) => votes));
  });

  test('has labels of the whole range, spread evenly', () => {
    const labels = clips.map(({ overall }) => overall);
    expect([Math.min(...labels), Math.max(...labels)]).toEqual([10, 50]);
    expect(labels.every((label) => Number.isInteger(label))).toBe(true);
    // χ² of ten bins of four labels each, those of 10 and 50 being half as wide: 9 degrees of freedom, 27.9 at 0.001.
    const widths = Array.from({ length: 10 }, (_, i) => (i === 0 ? 3.5 : i === 9 ? 4.5 : 4) / 40);
    const counts = widths.map(
      (_, i) => labels.filter((label) => Math.min(9, Math.floor((label - 10) / 4)) === i).length,
    );
    const chi = counts.reduce((sum, n, i) => sum + (n - 1200 * widths[i]!) ** 2 / (1200 * widths[i]!), 0);
    expect(chi).toBeLessThan(27.9);
  });

  test('has independent sub-scores, each of which moves the label', () => {
    const of = (name: (typeof faults)[number]): number[] => clips.map(({ scores }) => scores[name]);
    for (const [i, one] of faults.entries()) {
      for (const other of faults.slice(i + 1)) {
        expect([one, other, Math.abs(correlation(of(one), of(other))) < 4 / Math.sqrt(1200)]).toEqual([
          one,
          other,
          true,
        ]);
      }
      expect(
        correlation(
          of(one),
          clips.map(({ overall }) => overall),
        ),
      ).toBeGreaterThan(0.3);
    }
  });

  test('cuts its parts by photograph, 60, 15 and 25 %', () => {
    const splits = new Map<string, Set<string>>();
    for (const { photograph, split } of clips) splits.set(photograph, (splits.get(photograph) ?? new Set()).add(split));
    expect(splits.size).toBe(150);
    expect([...splits.values()].every(({ size }) => size === 1)).toBe(true);
    const counted = parts.map((part) => clips.filter(({ split }) => split === part).length);
    expect(counted).toEqual([712, 184, 304]);
    expect(new Set(clips.map(({ file }) => file)).size).toBe(1200);
  });

  test.each([
    [40, 320],
    [20, 160],
    [5, 10],
    [6, 10],
    [7, 10],
    [20, 11],
  ])('of %i photographs and %i clips gives each clip another one of its part', (numPhotographs, count) => {
    const some = planClips(photographs.slice(0, numPhotographs), { count, seed: 3, raters });
    const others = shuffledWithin(some);
    expect(new Set(others).size).toBe(count);
    for (const [i, clip] of some.entries()) {
      expect(others[i]).not.toBe(clip);
      expect(others[i]!.split).toBe(clip.split);
      const isAlone = some.every((c) => c.split !== clip.split || c.photograph === clip.photograph);
      expect(isAlone || others[i]!.photograph !== clip.photograph).toBe(true);
    }
  });
});

test('what is shown in place of a clip says nothing of its label', () => {
  const found = Array.from({ length: 10 }, (_, seed) => {
    const some = planClips(photographs, { count: 1200, seed, raters });
    const others = shuffledWithin(some);
    const stat = srcc(
      others.map(({ overall }) => overall),
      some.map(({ overall }) => overall),
    );
    return stat.defined ? stat.value : NaN;
  });
  const mean = found.reduce((a, b) => a + b, 0) / found.length;
  expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(10 * 1200));
});

test('who does not see motion ranks the clips no better than the document says', () => {
  const rest = clips.map(({ scores: { blur, noise, compression } }) => (blur - 1) * (noise - 1) * (compression - 1));
  const stat = srcc(
    rest,
    clips.map(({ overall }) => overall),
  );
  expect(stat).toEqual({ defined: true, value: expect.closeTo(0.87, 2) });
});

test('the overall score is the stated function', () => {
  const of = (blur: number, motion: number, noise: number, compression: number): number =>
    overallOf({ blur, motion, noise, compression });
  expect(of(5, 5, 5, 5)).toBe(50);
  expect(of(1, 5, 5, 5)).toBe(10);
  expect(of(3, 5, 5, 5)).toBe(44); // P = 1/2: 10 + 20 · (1 + ln 2) = 43.86
  expect(of(5, 5, 5, 3)).toBe(44);
  expect(of(3, 3, 5, 5)).toBe(34); // P = 1/4: 10 + 10 · (1 + ln 4) = 33.86
  expect(of(2, 3, 4, 5)).toBe(23); // P = 3/32: 10 + 3.75 · (1 + ln 32/3) = 22.63
  for (const { scores, overall } of clips.slice(0, 100)) expect(overallOf(scores)).toBe(overall);
});

describe('votes', () => {
  /** Standard normal distribution function (Abramowitz & Stegun 7.1.26, error below 1e-7). */
  const normalBelow = (x: number): number => {
    const z = Math.abs(x) / Math.SQRT2;
    const t = 1 / (1 + 0.3275911 * z);
    const tail = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
    const erf = 1 - tail * Math.exp(-z * z);
    return x < 0 ? (1 - erf) / 2 : (1 + erf) / 2;
  };
  /** Mean and variance of a vote, ends of the scale and rounding included. */
  const expected = (
    mos: number,
    { bias, inconsistency }: (typeof raters)[number],
  ): [mean: number, variance: number] => {
    const below = (edge: number): number => normalBelow((edge - mos - bias) / inconsistency);
    const shares = [1, 2, 3, 4, 5].map((v) => (v === 5 ? 1 : below(v + 0.5)) - (v === 1 ? 0 : below(v - 0.5)));
    const first = shares.reduce((sum, share, i) => sum + share * (i + 1), 0);
    return [first, shares.reduce((sum, share, i) => sum + share * (i + 1 - first) ** 2, 0)];
  };

  test('are as many as stated, whole numbers of 1–5, of biased raters whose biases add up to nothing', () => {
    expect(raters).toHaveLength(NUM_RATERS);
    expect(raters.reduce((sum, { bias }) => sum + bias, 0)).toBeCloseTo(0, 12);
    expect(raters.every(({ inconsistency }) => inconsistency >= 0.4 && inconsistency <= 0.8)).toBe(true);
    const numbers = clips.map(({ votes }) => votes.filter((vote) => vote !== null).length);
    expect([Math.min(...numbers), Math.max(...numbers)]).toEqual([5, 30]);
    expect(new Set(clips.flatMap(({ votes }) => votes))).toEqual(new Set([null, 1, 2, 3, 4, 5]));
    expect(votesOn(3, raters, 1, 2)).toEqual(votesOn(3, raters, 1, 2));
  });

  test('have the mean that truth, bias and inconsistency give, rater by rater and in all', () => {
    let [all, variance] = [0, 0];
    for (const [r, rater] of raters.entries()) {
      let [off, own] = [0, 0];
      for (const { overall, votes } of clips) {
        const vote = votes[r];
        if (vote === null || vote === undefined) continue;
        const [middle, spread] = expected(overall / 10, rater);
        off += vote - middle;
        own += spread;
      }
      expect([rater.name, Math.abs(off / Math.sqrt(own)) < 4]).toEqual([rater.name, true]);
      [all, variance] = [all + off, variance + own];
    }
    expect(Math.abs(all / Math.sqrt(variance))).toBeLessThan(4);
  });

  test('away from the ends are unbiased in the mean, and deviate as stated', () => {
    const errors = clips
      .filter(({ overall }) => overall >= 24 && overall <= 36)
      .flatMap(({ overall, votes }) => votes.flatMap((vote) => (vote === null ? [] : [vote - overall / 10])));
    const deviation = Math.sqrt(mean(errors.map((error) => error ** 2)));
    expect(Math.abs(mean(errors))).toBeLessThan((4 * deviation) / Math.sqrt(errors.length));
    expect(Math.abs(deviation / voteDeviation(raters) - 1)).toBeLessThan(0.03);
  });

  test('are likeliest under a soft label about as wide as they deviate', () => {
    const widths = [0.2, 0.4, 0.6, 0.7, 0.8, 1, 1.4];
    const likelihoods = widths.map((width) =>
      mean(
        clips.flatMap(({ overall, votes }) => {
          const label = normalLabel([1, 2, 3, 4, 5], overall / 10, width);
          return votes.flatMap((vote) => (vote === null ? [] : [Math.log(label[vote - 1]!)]));
        }),
      ),
    );
    const best = widths[likelihoods.indexOf(Math.max(...likelihoods))]!;
    expect(Math.abs(best - voteDeviation(raters))).toBeLessThan(0.1);
  });
});

describe('frames', () => {
  const photo = generatedScene({ width: LEAST_SIDE + 40, height: LEAST_SIDE, stream: randomStream(8) });
  const none: SubScores = { blur: 5, motion: 5, noise: 5, compression: 5 };
  const make = (scores: Partial<SubScores>): Promise<RgbFrame[]> => knownFrames(photo, { ...none, ...scores }, [0, 7]);
  const difference = (a: RgbFrame, b: RgbFrame): number => mean(a.data.map((value, i) => Math.abs(value - b.data[i]!)));
  /** Mean step from a value to the one before it. */
  const detail = ({ data }: RgbFrame): number =>
    mean(data.map((value, i) => (i === 0 ? 0 : Math.abs(value - data[i - 1]!))));

  test('without a fault are one still picture', async () => {
    const frames = await make({});
    expect(frames).toHaveLength(NUM_FRAMES);
    expect(frames.every(({ width, height }) => width === SIZE && height === SIZE)).toBe(true);
    for (const frame of frames) expect(Buffer.compare(frame.data, frames[0]!.data)).toBe(0);
  });

  test('show motion only by a second one, and more with its strength', async () => {
    const rest = { blur: 4.2, noise: 4.5, compression: 3.5 };
    const still = await make(rest);
    let before = difference(still[0]!, still[4]!); // of the noise
    for (const motion of [4.6, 3.8, 2.6, 1]) {
      const frames = await make({ ...rest, motion });
      expect(Buffer.compare(frames[0]!.data, still[0]!.data)).toBe(0);
      // Later frames are as detailed as without: nothing of them is softened or repeated.
      for (const k of [1, 4, 7]) expect(Math.abs(detail(frames[k]!) / detail(still[k]!) - 1)).toBeLessThan(0.08);
      const now = difference(frames[0]!, frames[4]!);
      expect(now).toBeGreaterThan(before + 0.5);
      before = now;
    }
  });

  test('are displaced as stated, by a part of the photograph that lies beyond the edge', async () => {
    for (const motion of [4, 3, 1]) {
      const frames = await make({ motion });
      const places = frames.map((frame) => placeOf(frames[0]!, frame));
      const distance = (FARTHEST * (5 - motion)) / 4;
      expect(places[0]).toEqual([0, 0]);
      for (const [x, y] of places.slice(1)) expect(Math.abs(Math.hypot(x, y) - distance)).toBeLessThan(1);
      for (const [i, [x, y]] of places.entries()) {
        for (const [u, v] of places.slice(0, i)) expect(Math.hypot(x - u, y - v)).toBeGreaterThan(0.5 * distance - 1.5);
      }
    }
  });

  test('show blur, noise and compression each by itself', async () => {
    const sharp = (await make({}))[0]!;
    let before = detail(sharp);
    for (const blur of [4, 3, 2, 1]) {
      const frames = await make({ blur });
      for (const frame of frames) expect(Buffer.compare(frame.data, frames[0]!.data)).toBe(0);
      expect(detail(frames[0]!)).toBeLessThan(before);
      before = detail(frames[0]!);
    }
    for (const name of ['noise', 'compression'] as const) {
      before = 0;
      for (const score of [4.5, 3.5, 2, 1]) {
        const [frame] = await make({ [name]: score });
        expect([name, difference(frame!, sharp) > before]).toEqual([name, true]);
        before = difference(frame!, sharp);
      }
    }
  });

  /** By how much a frame lies off another one of the same picture: where what both show is equal. */
  function placeOf(at: RgbFrame, frame: RgbFrame): [x: number, y: number] {
    const reach = FARTHEST + 1;
    const row = (picture: RgbFrame, x: number, y: number): Uint8Array =>
      picture.data.subarray((y * SIZE + x) * 3, (y * SIZE + x + SIZE - 2 * reach) * 3);
    for (let y = -reach; y <= reach; y++) {
      for (let x = -reach; x <= reach; x++) {
        let isEqual = true;
        for (let line = reach; isEqual && line < SIZE - reach; line++) {
          isEqual = Buffer.compare(row(frame, reach, line), row(at, reach + x, line + y)) === 0;
        }
        if (isEqual) return [x, y];
      }
    }
    throw new Error('nowhere');
  }
});
