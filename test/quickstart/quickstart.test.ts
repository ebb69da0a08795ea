// The quick start: which clips it makes, and the whole of it once with a tiny model.
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import { createRandomCheckpoint } from '../../src/model/index.ts';
import { quickstartReport } from '../../src/report/index.ts';
import { heldOutStrengths, quickstart } from '../../src/quickstart/index.ts';
import { mosOfGmsd, planClips } from '../../src/quickstart/clips.ts';
import { quickstartMembers } from '../../src/quickstart/members.ts';
import { generatedScene } from '../../src/synthesis/index.ts';

const names = Array.from({ length: 20 }, (_, i) => `photo-${i}`);

describe('clips of the quick start', () => {
  test('of one photograph are all in one split', () => {
    const plans = planClips(names, 0);
    const splits = new Map<string, Set<string>>();
    for (const { group, split } of plans) splits.set(group, (splits.get(group) ?? new Set()).add(split));
    expect([...splits.values()].every((set) => set.size === 1)).toBe(true);
    expect(plans.filter(({ split }) => split === 'test')).toHaveLength(8 * 14);
    expect(new Set(plans.map(({ id }) => id)).size).toBe(plans.length);
  });

  test('have strengths that pretraining leaves out, each about as often', () => {
    const strengths = planClips(names, 0).flatMap(({ kind, strength }) => (kind === 'none' ? [] : [strength]));
    const counts = heldOutStrengths.map((held) => strengths.filter((strength) => strength === held).length);
    expect(counts.reduce((a, b) => a + b)).toBe(strengths.length);
    expect(Math.max(...counts)).toBeLessThan(1.3 * Math.min(...counts));
  });

  test('are another plan with another seed', () => {
    expect(planClips(names, 1)).not.toEqual(planClips(names, 0));
    expect(planClips(names, 1)).toEqual(planClips(names, 1));
  });

  test('get a label that falls with the deviation', () => {
    expect(mosOfGmsd(0)).toBe(5);
    expect(mosOfGmsd(0.3)).toBe(1);
    expect(mosOfGmsd(0.5)).toBe(1);
    expect(mosOfGmsd(0.075)).toBeCloseTo(3, 12);
  });
});

test('the members have the weights, ranks and frames of the paper', () => {
  expect(quickstartMembers.map(({ weight }) => weight)).toEqual([0.25, 0.15, 0.25, 0.1, 0.25]);
  expect(new Set(quickstartMembers.map(({ rank }) => rank))).toEqual(new Set([32, 128]));
  expect(new Set(quickstartMembers.map(({ frames }) => frames))).toEqual(new Set([1, 2]));
});

test('the quick start trains, scores, reports, and goes on where it was', { tags: ['long'] }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'quickstart-'));
  const [model, pictures, out] = ['model', 'pictures', 'out'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await createRandomCheckpoint(model, { preset: 'tiny' });
  mkdirSync(pictures);
  for (let i = 0; i < 5; i++) {
    const { width, height, data } = generatedScene({ width: 300, height: 290, stream: randomStream(i) });
    await sharp(data, { raw: { width, height, channels: 3 } })
      .png()
      .toFile(join(pictures, `${i}.png`));
  }
  const stages: string[] = [];
  const members = [quickstartMembers[0]!, quickstartMembers[3]!];
  const options = { folder: out, model, pictures, members, onProgress: (stage: string) => void stages.push(stage) };
  const result = await quickstart(options);
  expect(new Set(stages)).toEqual(new Set(['clips', 'before', 'training', 'ensemble']));
  expect(result.clips).toHaveLength(70);
  expect(result.ensemble.scores).toHaveLength(28);
  result.ensemble.scores.forEach((score, i) => {
    const [one, other] = result.members;
    expect(score).toBeCloseTo((0.25 * one!.scores[i]! + 0.1 * other!.scores[i]!) / 0.35, 10);
  });
  expect(JSON.parse(readFileSync(join(out, 'quickstart.json'), 'utf8'))).toEqual(JSON.parse(JSON.stringify(result)));

  const page = quickstartReport(result);
  expect(page).not.toMatch(/(?:src|href)=|@import|url\(/); // nothing from elsewhere
  expect(page.match(/<circle/g)).toHaveLength(56);
  expect(page).toContain('not from people');
  expect(page).toContain('None: every clip was read as it is shown.');
  expect(quickstartReport({ ...result, notes: ['3 clips: damage <filled>'] })).toContain('damage &#60;filled&#62;');

  await expect(quickstart({ ...options, seed: 1 })).rejects.toThrow('settings.json');
  const again = await quickstart(options);
  expect(again.ensemble.scores).toEqual(result.ensemble.scores);
});
