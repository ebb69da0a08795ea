// One clip too many tokens or too much memory: its own error, before anything is allocated for it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandomCheckpoint } from '../../src/model/index.ts';
import type { ClipScore, FailedClip, Scorer, ScorerOptions } from '../../src/score/index.ts';
import { loadScorer } from '../../src/score/index.ts';
import { loadEnsemble } from '../../src/study/index.ts';
import { writePicture } from '../train/run-fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-limits-'));
const at = (name: string): string => join(folder, name);
const clip = (prompt: string): { path: string; kind: 'image'; prompt: string } => ({
  path: at('a.png'),
  kind: 'image',
  prompt,
});
const words = (count: number): string => 'a cat on a wall '.repeat(count / 5).trim();
const options: ScorerOptions = { cache: false, workers: 1, runtime: { threads: 1 } };

beforeAll(async () => {
  await createRandomCheckpoint(at('model'), { preset: 'tiny' });
  await writePicture(at('a.png'), 1);
});
afterAll(() => rmSync(folder, { recursive: true }));

async function scores(scorer: Pick<Scorer, 'score'>, prompts: readonly string[]): Promise<(ClipScore | FailedClip)[]> {
  const results: (ClipScore | FailedClip)[] = [];
  for await (const result of scorer.score(prompts.map(clip))) results.push(result);
  return results;
}
const outcome = (result: ClipScore | FailedClip): string => ('error' in result ? result.error.message : 'a score');

describe('tokens of a text', () => {
  it('are limited to 4,096, a clip at a time; the others go on', async () => {
    await using scorer = await loadScorer(at('model'), options);
    const results = await scores(scorer, ['a cat', words(2500), 'x'.repeat(600_000), '', 'a dog']);
    expect(results.map(outcome)).toEqual([
      'a score',
      expect.stringMatching(/a\.png: text: expected at most 4,096 tokens, got \d+,\d+$/) as string,
      expect.stringMatching(/a\.png: text: expected at most 4,096 tokens, got 60\d,\d+ characters$/) as string,
      'a score',
      'a score',
    ]);
    expect(() => scorer.checkPrompt(words(2500))).toThrow('expected at most 4,096 tokens');
    expect(() => scorer.checkPrompt('a cat')).not.toThrow();
  });

  it('may be more or fewer where asked for, in ensembles as well', async () => {
    const long = words(300);
    await using few = await loadScorer(at('model'), { ...options, maxTextTokens: 500 });
    expect((await scores(few, [long])).map(outcome)).toEqual([expect.stringContaining('expected at most 500 tokens')]);
    await using both = await loadEnsemble([{ path: at('model') }, { path: at('model') }], {
      ...options,
      maxTextTokens: 500,
    });
    const failed: boolean[] = [];
    for await (const result of both.score([clip(long), clip('a cat')])) failed.push('error' in result);
    expect(failed).toEqual([true, false]);
  });
});

describe('memory', () => {
  it('that a clip would take beyond the limit is an error of it, with the forecast', async () => {
    await using scorer = await loadScorer(at('model'), { ...options, maxMemory: 20e6 });
    const results = await scores(scorer, ['a cat', words(500), 'a dog']);
    expect(results.map(outcome)).toEqual([
      'a score',
      expect.stringMatching(
        /scoring a clip of [\d,]+ tokens: expected at most 20 MB of memory, got a forecast of [\d.]+ MB$/,
      ) as string,
      'a score',
    ]);
  });

  it('that a batch would take beyond the limit cuts the batch, with the same scores', async () => {
    const prompts = Array.from({ length: 4 }, (_, i) => `${words(80)} ${i}`);
    await using scorer = await loadScorer(at('model'), options);
    await using tight = await loadScorer(at('model'), { ...options, maxMemory: 12e6 });
    const [wide, narrow] = [await scores(scorer, prompts), await scores(tight, prompts)];
    expect(narrow.map(outcome)).toEqual(prompts.map(() => 'a score'));
    narrow.forEach((one, i) => {
      expect((one as ClipScore).score).toBeCloseTo((wide[i] as ClipScore).score, 5);
    });
  });
});
