// The study of ensembles finds what is known of simulated members.
import { describe, expect, test } from 'vitest';
import type { RandomStream } from '../../src/core/index.ts';
import { UserError, randomStream } from '../../src/core/index.ts';
import type { Stat } from '../../src/metrics/index.ts';
import { normalLabel } from '../../src/objectives/soft-label.ts';
import { paperWeights } from '../../src/study/index.ts';
import type { Way } from '../../studies/ensemble/combine.ts';
import { combineMembers, scoresOf, ways, weightsOf } from '../../studies/ensemble/combine.ts';
import type { EnsembleTable, JudgedWay } from '../../studies/ensemble/judge.ts';
import { judgeEnsembles } from '../../studies/ensemble/judge.ts';
import type { Clips, EnsembleSet, Member, MemberPart } from '../../studies/ensemble/members.ts';
import { byPart } from '../../studies/ensemble/members.ts';
import { showEnsembleTable } from '../../studies/ensemble/words.ts';

const counts = { select: 184, report: 304 };
const answers = Array.from({ length: 41 }, (_, k) => (10 + k) / 10);

/** Clips whose quality is normal, of 3 with a deviation of 0.5; eight of a photograph. */
function drawClips(seed: number): Clips {
  const stream = randomStream(seed);
  return byPart((part) => ({
    mos: Array.from({ length: counts[part] }, () => inScale(3 + 0.5 * stream.normal())),
    groups: Array.from({ length: counts[part] }, (_, i) => `${part} ${Math.floor(i / 8)}`),
  }));
}

const inScale = (score: number): number => Math.min(5, Math.max(1, score));

/** What a run would say whose scores are known: distributions about as wide as results have, in thousandths. */
function memberOf(name: string, scoreOf: (part: MemberPart, clip: number) => number): Member {
  return {
    name,
    ...byPart((part) => ({
      answers,
      rows: Array.from({ length: counts[part] }, (_, i) => {
        const thousandths = Array.from(normalLabel(answers, scoreOf(part, i), 0.4), (share) =>
          Math.round(1000 * share),
        );
        const total = thousandths.reduce((a, b) => a + b, 0);
        const score = thousandths.reduce((sum, share, k) => sum + (share / total) * answers[k]!, 0);
        const integer = 10 + thousandths.indexOf(Math.max(...thousandths));
        return { score, integer, std: 0.4, legalMass: 1, thousandths };
      }),
    })),
  };
}

/** Two ensembles of five. */
function setOf(name: string, member: (index: number, ensemble: number) => Member): EnsembleSet {
  const ensembles = [0, 1].map((e) => Array.from({ length: 5 }, (_, m) => member(m, e)));
  return { name, ensembles };
}

/** A member that sees the quality with normal errors of its own, of a given deviation. */
const withErrors = (clips: Clips, stream: RandomStream, name: string, deviation: number): Member =>
  memberOf(name, (part, i) => inScale(clips[part].mos[i]! + deviation * stream.normal()));

const value = (stat: Stat): number => (stat.defined ? stat.value : NaN);
const wayOf = (table: EnsembleTable, set: string, way: Way): JudgedWay =>
  table.sets
    .find(({ name }) => name === set)!
    .ways.find((one) => Object.entries(way).every(([key, is]) => one[key as keyof Way] === is))!;
const plannedOf = (table: EnsembleTable, wanted: string): EnsembleTable['planned'][number] =>
  table.planned.find(({ name }) => name === wanted)!;

const plain: Way = { combination: 'scores', readout: 'expectation', weighting: 'equal' };

describe('members with errors of their own', () => {
  const clips = drawClips(1);
  const stream = randomStream(2);
  const good = setOf('seed alone', (m, e) => withErrors(clips, stream, `good ${e} ${m}`, 0.5));
  // One sees it, and four say nothing: they see other clips.
  const mixed = setOf('frames and rank', (m, e) =>
    m === 3
      ? withErrors(clips, stream, `good ${e}`, 0.25)
      : memberOf(`useless ${e} ${m}`, () => inScale(3 + 0.5 * stream.normal())),
  );
  const table = judgeEnsembles([good, mixed], clips);

  test('gain what theory says', () => {
    const { metrics, overMember, overBest } = wayOf(table, 'seed alone', plain);
    // PLCC with normal errors of variance v beside a quality of variance 1: 1/√(1 + v), v a fifth for the mean of five.
    expect(Math.abs(value(metrics.plcc.value) - 1 / Math.sqrt(1.2))).toBeLessThan(0.02);
    expect(Math.abs(value(table.sets[0]!.member.expectation.plcc.value) - Math.SQRT1_2)).toBeLessThan(0.03);
    expect(Math.abs(value(overMember.difference) - (1 / Math.sqrt(1.2) - Math.SQRT1_2))).toBeLessThan(0.03);
    expect(value(overBest.difference)).toBeGreaterThan(0.1);
    for (const against of ['a member', 'the best']) {
      expect(plannedOf(table, `seed alone: equal of scores − ${against}`).holm!).toBeLessThan(0.05);
    }
  });

  test('that are alike have weights that are nearly equal, which change nothing', () => {
    for (const { scores, ranks } of table.sets[0]!.chosen) {
      for (const weight of [...scores, ...ranks]) expect(Math.abs(weight - 0.2)).toBeLessThan(0.16);
    }
    const difference = plannedOf(table, 'seed alone: fitted of scores − equal of scores');
    expect(Math.abs(value(difference.contrast.difference))).toBeLessThan(0.02);
    expect(difference.holm!).toBeGreaterThan(0.05);
  });

  test('that say nothing have hardly any weight, and the one that does is found', () => {
    for (const { members, scores, ranks, best } of table.sets[1]!.chosen) {
      for (const weights of [scores, ranks]) {
        expect(weights[3]).toBeGreaterThan(0.85);
        expect(weights.filter((weight) => weight === 0).length).toBeGreaterThan(0);
      }
      expect([best.expectation, best.greedy]).toEqual([members[3], members[3]]);
    }
    const fitted = plannedOf(table, 'frames and rank: fitted of scores − equal of scores');
    expect(value(fitted.contrast.difference)).toBeGreaterThan(0.1);
    // Against it alone, an equal mean loses, and fitted weights lose next to nothing.
    expect(value(wayOf(table, 'frames and rank', plain).overBest.difference)).toBeLessThan(-0.1);
    const kept = wayOf(table, 'frames and rank', { ...plain, weighting: 'fitted' }).overBest;
    expect(Math.abs(value(kept.difference))).toBeLessThan(0.02);
  });

  test('have a mixture whose mean is the mean of their scores, and whose greedy answer is another', () => {
    const [members] = good.ensembles as [Member[]];
    for (const weights of [members.map(() => 0.2), paperWeights]) {
      const [ofScores, mixed] = (['scores', 'distributions'] as const).map((combination) =>
        combineMembers(members, weights, 'report', { combination, readout: 'expectation' }),
      );
      mixed!.forEach((score, i) => expect(score).toBeCloseTo(ofScores![i]!, 10));
      const greedy = (['scores', 'distributions'] as const).map((combination) =>
        combineMembers(members, weights, 'report', { combination, readout: 'greedy' }).map((x) => Math.round(x)),
      );
      expect(greedy[1]!.map((x) => 10 * x)).not.toEqual(greedy[0]);
    }
  });

  test('are shown with every way, and the planned contrasts with their p-values', () => {
    expect(table.planned).toHaveLength(13);
    expect(table.planned.map(({ name }) => name)).toContain('gain over a member: frames and rank − seed alone');
    const text = showEnsembleTable(table);
    expect(text).toContain('304 clips to report in 38 groups, 184 to select by.');
    for (const { combination, readout, weighting } of ways)
      expect(text).toContain(`| ${combination} | ${readout} | ${weighting} |`);
    expect(text).not.toMatch(/NaN|undefined|null/);
    const widths = text.split('\n').flatMap((line) => (line.startsWith('|') ? [line.split(' | ').length] : []));
    expect(new Set(widths)).toEqual(new Set([8, 6])); // whole rows
  });
});

test('members that are the same gain nothing', () => {
  const clips = drawClips(3);
  const stream = randomStream(4);
  const same = [0, 1].map((e) => withErrors(clips, stream, `same ${e}`, 0.5));
  const table = judgeEnsembles([setOf('seed alone', (_, e) => same[e]!)], clips);
  for (const way of ways.filter(({ combination }) => combination !== 'ranks')) {
    const { overMember, overBest } = wayOf(table, 'seed alone', way);
    if (way.combination === 'distributions' && way.readout === 'greedy') continue; // of equal shares, rounding decides
    expect(value(overMember.difference)).toBeCloseTo(0, 10);
    expect(value(overBest.difference)).toBeCloseTo(0, 10);
  }
  for (const { scores } of table.sets[0]!.chosen) expect(scores).toEqual([1, 0, 0, 0, 0]);
});

describe('what a clip gets', () => {
  const clips = drawClips(5);
  const stream = randomStream(6);
  const members = Array.from({ length: 5 }, (_, m) => withErrors(clips, stream, `m${m}`, 0.3 + 0.1 * m));

  test.each(ways)('does not depend on the list: $weighting of $combination, $readout', (way) => {
    const weights = weightsOf(members, clips.select, way);
    const whole = combineMembers(members, weights, 'report', way);
    const few = members.map((member) => ({ ...member, report: { answers, rows: member.report.rows.slice(40, 43) } }));
    expect(combineMembers(few, weightsOf(few, clips.select, way), 'report', way)).toEqual(whole.slice(40, 43));
  });

  test('from ranks does not depend on a member’s units', () => {
    const stretched = members.map((member) => ({
      ...member,
      ...byPart((part) => ({
        ...member[part],
        rows: member[part].rows.map((row) => ({ ...row, score: row.score! ** 3 })),
      })),
    }));
    const way = { ...plain, combination: 'ranks' } as const;
    expect(combineMembers(stretched, paperWeights, 'report', way)).toEqual(
      combineMembers(members, paperWeights, 'report', way),
    );
  });
});

test('clips of which a member has no score are left out, and said', () => {
  const clips = drawClips(7);
  const stream = randomStream(8);
  const set = setOf('seed alone', (m, e) => withErrors(clips, stream, `${e} ${m}`, 0.5));
  const holes: [ensemble: number, member: number, part: MemberPart, clip: number][] = [
    [0, 2, 'report', 7],
    [1, 4, 'report', 9],
    [1, 4, 'select', 0],
  ];
  const none = { score: null, integer: null, std: null, legalMass: null, thousandths: null };
  for (const [e, m, part, clip] of holes) set.ensembles[e]![m]![part].rows[clip] = none;
  const table = judgeEnsembles([set], clips);
  expect([table.numClips, table.numLeftOut]).toEqual([
    { select: 183, report: 302 },
    { select: 1, report: 2 },
  ]);
  expect(showEnsembleTable(table)).toContain('2 clips of report are left out: a member has no score of them.');
  expect(table.planned).toHaveLength(6); // of one kind
});

test('a mixture of members with other answers is refused, and so are the paper’s weights for four', () => {
  const clips = drawClips(9);
  const stream = randomStream(10);
  const members = Array.from({ length: 4 }, (_, m) => withErrors(clips, stream, `m${m}`, 0.5));
  const others = members.map((one, m) =>
    m === 2 ? { ...one, report: { ...one.report, answers: answers.slice(1) } } : one,
  );
  const mix = (): unknown =>
    combineMembers(others, [0.25, 0.25, 0.25, 0.25], 'report', { ...plain, combination: 'distributions' });
  expect(mix).toThrow('mixture: expected members with the same answers, got others from "m2"');
  expect(() => weightsOf(members, clips.select, { ...plain, weighting: 'paper' })).toThrow(UserError);
  expect(scoresOf(members[0]!, 'select', 'greedy').every(Number.isInteger)).toBe(true);
});
