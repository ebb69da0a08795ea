// One clip too many tokens or too much memory: its own error, before anything is allocated for it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandomCheckpoint, modelSizes } from '../../src/model/index.ts';
import type { ClipScore, FailedClip, Scorer, ScorerOptions } from '../../src/score/index.ts';
import { batchByLength, loadScorer, roughBytes, splitToFit } from '../../src/score/index.ts';
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
const options: ScorerOptions = { cache: false, workers: 1, run: { threads: 1 } };

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

  it('is bounded roughly by what surely holds more than the forecast', () => {
    // The 3B model at 395 tokens: 0.95 GB were measured (docs/real-sizes.md).
    const text = { ...modelSizes['qwen2.5-vl-3b'].text, headDim: 128, ropeTheta: 1e6, rmsNormEps: 1e-6 };
    expect(roughBytes(text, { clips: 1, rows: 395 })).toBeLessThan(2e9);
    expect(roughBytes(text, { clips: 4, rows: 6000 })).toBeGreaterThan(4 * 2 * 16 * 6000 ** 2 * 4);
  });
});

describe('batches', () => {
  it('hold fewer clips where all of them look at much text before them', () => {
    const lengths = [300, 300, 300, 300];
    expect(batchByLength(lengths, { clips: 4, tokens: 2048 })).toHaveLength(1);
    expect(batchByLength(lengths, { clips: 4, tokens: 2048, shared: 6000 })).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  it('are cut in halves until they fit', () => {
    expect(splitToFit([1, 2, 3, 4, 5], (some) => some.length <= 2)).toEqual([[1, 2], [3], [4, 5]]);
    expect(splitToFit([9], () => false)).toEqual([[9]]);
  });
});
