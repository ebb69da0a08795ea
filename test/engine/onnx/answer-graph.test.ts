// One pass over the tree of answers against a pass for each beginning of an answer, and clips alone against clips in a batch.
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../../src/core/index.ts';
import type { AnswerDistribution } from '../../../src/engine/index.ts';
import { compileAnswerScorer } from '../../../src/engine/onnx/answer-graph.ts';
import { visionFeeds } from '../../../src/engine/onnx/model.ts';
import { compile } from '../../../src/graph/index.ts';
import type { PreparedExample, PreparedPicture, PreparedVision } from '../../../src/inputs/index.ts';
import { buildScoringExample, positionsOf, promptRows } from '../../../src/inputs/index.ts';
import { buildAnswerTrie, createAnswerCodec, encodePrompt } from '../../../src/prompt/index.ts';
import type { VisionInput } from '../../../src/prompt/encode-prompt.ts';
import { setups } from '../../prompt/fixtures.ts';
import { fill, modelOf, textConfig, vision, weightShapesOf } from './fed-model.ts';

const image = (h: number, w: number): VisionInput => ({ kind: 'image', grid: { t: 1, h, w } });
const video: VisionInput = { kind: 'video', grid: { t: 2, h: 4, w: 6 }, secondsPerGrid: 0.5 };

/** Pictures of noise. */
function pictures(visions: readonly VisionInput[], key: number): PreparedVision {
  const { patchSize, temporalPatchSize, spatialMergeSize: mergeSize } = vision;
  const patches = { patchSize, temporalPatchSize, mergeSize, mean: [0.5, 0.5, 0.5], std: [0.3, 0.3, 0.3] } as const;
  return {
    kind: 'pictures',
    pictures: visions.map(({ kind, grid }, i): PreparedPicture => {
      const stream = randomStream(key, i);
      const [width, height] = [grid.w * patchSize, grid.h * patchSize];
      const frames = Array.from({ length: kind === 'image' ? 1 : grid.t * temporalPatchSize }, () => {
        const data = Uint8Array.from({ length: width * height * 3 }, () => stream.below(256));
        return { width, height, data };
      });
      return { kind, frames, grid, patches };
    }),
  };
}

describe.each(setups.slice(1))('$name', (setup) => {
  const text = textConfig(setup.name === 'tiny' ? 272 : 300);
  const model = modelOf(text);
  const positions = positionsOf(model);
  const whole = { model, lora: null, frozen: false };
  const parameters = fill(weightShapesOf(text), 11);
  const clips = [[image(4, 6)], [image(8, 4)], [video], [image(4, 4), image(4, 8)]].map((visions, i) => ({
    vision: pictures(visions, i),
    prompt: encodePrompt({ ...setup, question: `Rate this${' clip'.repeat(i * 3)}.`, visions }),
  }));

  const tags = setup.name === 'tiny' ? [] : ['long'];
  describe.each([{}, { kind: 'decimal' }, { kind: 'level' }] as const)('answers %j', { tags }, (options) => {
    const legal = createAnswerCodec(options).legalAnswers()!;
    const trie = buildAnswerTrie(setup.tokenizer, clips[0]!.prompt.tail, legal);
    const examples = clips.map(({ prompt, vision: seen }): PreparedExample => {
      const { nodeRows, columns, answers, ...rows } = buildScoringExample(prompt, trie, positions);
      const tree = { nodeRows, columns, answers };
      return { rows, vision: seen, wanted: { kind: 'answers', tree, target: null }, dropoutKey: 0 };
    });

    test('the tree gives the probabilities of separate passes, and adds them up to legalMass', async () => {
      await using scorer = await compileAnswerScorer({ ...whole, numColumns: trie.columns.length });
      await using session = await compile({ logits: model.family.graphs.whole(model, { weights: 'fed' }).logits });
      const weights = Object.fromEntries(
        [...weightShapesOf(text)].map(([name, shape]) => [name, { data: parameters.get(name)!, shape }]),
      );
      for (const [c, clip] of clips.slice(0, 3).entries()) {
        const [read] = await scorer.score(parameters, [examples[c]!]);
        const separate: number[] = [];
        for (const { path } of trie.answers) {
          // The whole answer as text behind the prompt; its probability from an ordinary causal pass, in float64.
          const example = promptRows(
            clip.prompt,
            positions,
            path.map(({ token }) => token),
          );
          const rows = path.map((_, i) => example.promptLength - 1 + i);
          const { logits } = await session.run({
            ...weights,
            ...model.family.feeds.text([{ example, rows }], text, 0),
            ...visionFeeds([clip.vision], model),
          });
          const V = text.vocabSize;
          let log = 0;
          path.forEach(({ token }, i) => {
            const row = Float64Array.from(logits.data.subarray(i * V, (i + 1) * V));
            const top = Math.max(...row);
            log += row[token]! - top - Math.log(row.reduce((sum, x) => sum + Math.exp(x - top), 0));
          });
          separate.push(Math.exp(log));
        }
        const mass = separate.reduce((a, b) => a + b, 0);
        expect(Math.abs(read!.legalMass - mass)).toBeLessThan(1e-5 * mass);
        expect(separate.length).toBe(legal.length);
        separate.forEach((p, i) => expect(Math.abs(read!.probabilities[i]! - p / mass)).toBeLessThan(1e-5));
        expect(read!.probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
        expect(Math.max(...read!.probabilities)).toBeGreaterThan(1.2 / legal.length); // not a flat distribution
      }
    });

    test('a clip alone and in any batch gives the same score', async () => {
      await using scorer = await compileAnswerScorer({ ...whole, numColumns: trie.columns.length });
      const alone: AnswerDistribution[] = [];
      for (const example of examples) alone.push((await scorer.score(parameters, [example]))[0]!);
      for (const order of [
        [0, 1, 2, 3],
        [3, 1],
        [2, 0, 3],
      ]) {
        const together = await scorer.score(
          parameters,
          order.map((i) => examples[i]!),
        );
        order.forEach((i, place) => {
          expect(Math.abs(together[place]!.mean - alone[i]!.mean)).toBeLessThan(1e-6);
          expect(Math.abs(together[place]!.std - alone[i]!.std)).toBeLessThan(1e-6);
          expect(together[place]!.greedy).toBe(alone[i]!.greedy);
        });
      }
    });
  });
});
