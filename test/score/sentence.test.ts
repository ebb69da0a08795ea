// Answers in a sentence: the card says so, prompts end with its beginning, and the number is read behind that.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { OpenEngine } from '../../src/engine/index.ts';
import { openEngine } from '../../src/engine/index.ts';
import type { Clip, PreparedExample } from '../../src/inputs/index.ts';
import { readCard } from '../../src/model/index.ts';
import { loadTokenizer } from '../../src/prompt/index.ts';
import type { ClipScore } from '../../src/score/index.ts';
import { loadScorer } from '../../src/score/index.ts';
import { makeClip } from '../video/make-clip.ts';
import type { Workshop } from '../train/run-fixtures.ts';
import { only, openWorkshop, runAll } from '../train/run-fixtures.ts';

let shop: Workshop;
let clips: Clip[];
beforeAll(async () => {
  shop = await openWorkshop();
  const path = shop.at('clip.mp4');
  await makeClip({ path, codec: 'libx264', format: 'mp4', numFrames: 4, width: 56, height: 56 });
  clips = [
    { path: shop.at('0.png'), kind: 'image' },
    { path, kind: 'video' },
  ];
});
afterAll(() => shop.remove());

/** An engine that remembers what it was asked. */
function watched(asked: PreparedExample[]): OpenEngine {
  return async (checkpoint, options) => {
    const engine = await openEngine(checkpoint, options);
    const attach: typeof engine.attach = async (what) => {
      const attached = await engine.attach(what);
      const predict: typeof attached.predict = (examples, how) => {
        asked.push(...examples);
        return attached.predict(examples, how);
      };
      return { ...attached, predict };
    };
    return { ...engine, attach };
  };
}

async function scoresOf(path: string, asked: PreparedExample[] = []): Promise<ClipScore[]> {
  await using scorer = await loadScorer(path, { cache: false, workers: 1, openEngine: watched(asked) });
  const scores: ClipScore[] = [];
  for await (const result of scorer.score(clips)) {
    if ('error' in result) throw result.error;
    scores.push(result);
  }
  return scores;
}

test.each(['integer', 'level'] as const)(
  '%s: a run keeps it in its card, and its number is read behind the beginning',
  async (kind) => {
    const frames = { pick: 'uniform', count: 2, maxPixels: 3136 } as const;
    const events = await runAll(shop.recipe(kind, { loss: 'sentence', answer: { kind }, frames, epochs: 1 }));
    const [mask] = only(events, 'mask');
    expect(mask!.text).toMatch(/\ntrained +\d+ {2}"The overall quality of the image is .+\.<\|im_end\|>"$/);
    expect(only(events, 'evaluation')[0]!.legalMass).toBeGreaterThan(0);
    expect((await readCard(join(shop.at(kind, 'checkpoints'), 'step-3')))!.answer).toEqual({
      kind,
      step: null,
      sentence: true,
    });

    const asked: PreparedExample[] = [];
    const scores = await scoresOf(shop.at(kind), asked);
    const tokenizer = await loadTokenizer(shop.at('model'));
    const texts = asked
      .slice(-2)
      .map(({ rows }) => tokenizer.decode([...rows.tokenIds.subarray(0, rows.promptLength)]));
    const end = kind === 'level' ? '' : ' ';
    expect(texts[0]).toMatch(
      new RegExp(`"The overall quality of the image is .*assistant\nThe overall quality of the image is${end}$`, 's'),
    );
    expect(texts[1]).toMatch(
      new RegExp(`"The overall quality of the video is .*assistant\nThe overall quality of the video is${end}$`, 's'),
    );
    for (const { answer, score, legalMass, probabilities } of scores) {
      expect(answer).toMatch(kind === 'level' ? /^[a-z]+$/ : /^\d\d$/);
      expect(score >= 1 && score <= 5 && legalMass! > 0).toBe(true);
      expect(probabilities!.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
    }
  },
);

test(
  'a card without the key is of answers that stand alone, and one that has it is another question',
  { tags: ['long'] },
  async () => {
    await runAll(shop.recipe('alone', { loss: 'response', epochs: 1 }));
    const folder = join(shop.at('alone', 'checkpoints'), 'step-3');
    expect((await readCard(folder))!.answer).toEqual({ kind: 'integer', step: null });
    const before = await scoresOf(folder);
    const file = join(folder, 'iovqa.json');
    const card = JSON.parse(await readFile(file, 'utf8')) as { answer: object; goldenScores: unknown[] };
    await writeFile(file, JSON.stringify({ ...card, answer: { ...card.answer, sentence: true }, goldenScores: [] }));
    const after = await scoresOf(folder);
    expect(after.map(({ score }) => score)).not.toEqual(before.map(({ score }) => score));
    await writeFile(file, JSON.stringify({ ...card, answer: { ...card.answer, sentence: 'yes' } }));
    await expect(scoresOf(folder)).rejects.toThrow('answer.sentence');
  },
);
