// The losses against their definitions in float64: logits of every row, labels of -100 wherever nothing is trained.
import { describe, expect, test } from 'vitest';
import { trainingGraph } from '../../../src/engine/onnx/model.ts';
import type { PreparedExample } from '../../../src/inputs/index.ts';
import type { Example, TokenRows } from '../../../src/inputs/token-rows.ts';
import { buildExample, promptRows, trimToTargets } from '../../../src/inputs/index.ts';
import { hashKey } from '../../../src/core/index.ts';
import type { LoraOptions } from '../../../src/model/index.ts';
import type { AnswerCodec, PromptTemplate } from '../../../src/prompt/index.ts';
import type { VisionInput } from '../../../src/prompt/encode-prompt.ts';
import { builtInTemplate, createAnswerCodec, encodePrompt, parseTemplate } from '../../../src/prompt/index.ts';
import { compileStep } from '../../../src/engine/onnx/step.ts';
import { formOf, objectives } from '../../../src/objectives/index.ts';
import { erf, evaluate } from '../../graph/evaluate.ts';
import { setups } from '../../prompt/fixtures.ts';
import { LABEL_STD, batches, clips, dropoutKeyOf, feedsOf, preparedOf, promptOf, seen } from './fixtures.ts';
import { feeds64 } from './float64.ts';
import {
  checkpoint,
  codec as halves,
  initialParameters,
  lora,
  model,
  modelOf,
  positions,
  stepOptions,
  text,
  trie,
  vocabSize,
} from './tiny-model.ts';

const stored = checkpoint(text, 'float32');

/** Logits of all rows of one clip, in float64, by the graph that scoring uses; [T, V]. */
function allLogits(
  adapter: LoraOptions,
): (rows: TokenRows, item: Pick<PreparedExample, 'vision' | 'dropoutKey'>) => Float64Array[] {
  const { family } = model;
  const graph = family.graphs.whole(modelOf(stored), trainingGraph(adapter, 0));
  const shapes = new Map([...graph.parameters].map(([name, { shape }]) => [name, shape as number[]]));
  const parameters = initialParameters(shapes);
  return (example, { vision, dropoutKey }) => {
    const T = example.tokenIds.length;
    if (vision.kind !== 'features') throw new Error('features are what a frozen model is fed');
    const feeds = {
      ...family.feeds.text([{ example, rows: Array.from({ length: T }, (_, t) => t) }], text, 0),
      features: { data: vision.features, shape: [vision.features.length / text.hiddenSize, text.hiddenSize] },
      dropoutKeys: { data: Uint32Array.from({ length: T }, (_, t) => hashKey(dropoutKey, t)), shape: [T, 1] },
    };
    const [logits] = evaluate([graph.logits], feeds64([graph.logits], feeds, parameters, text, stored));
    expect(logits!.shape).toEqual([T, vocabSize]);
    return Array.from({ length: T }, (_, t) => logits!.data.subarray(t * vocabSize, (t + 1) * vocabSize));
  };
}

function negativeLogProb(logits: Float64Array, token: number): number {
  const top = Math.max(...logits);
  return top + Math.log(logits.reduce((total, x) => total + Math.exp(x - top), 0)) - logits[token]!;
}

const mean = (x: readonly number[]): number => x.reduce((a, b) => a + b, 0) / x.length;

/** Cross-entropies of the tokens whose label is not -100; a row's logits are for the label of the row behind it. */
function labelled(logits: readonly Float64Array[], labels: readonly number[]): number[] {
  return labels.slice(1).flatMap((label, t) => (label === -100 ? [] : [negativeLogProb(logits[t]!, label)]));
}

describe('cross-entropy equals that of labels which are -100 everywhere but at the answer', () => {
  const setup = setups[0]!;
  const templates: PromptTemplate[] = [
    ...[
      'four-dimensions',
      ...['image-quality', 'alignment', 'aesthetics', 'temporal-quality'].map((d) => `single-dimension:${d}`),
    ].map(builtInTemplate),
    parseTemplate('{prompt} 34 {answer_format} 34', 'own.txt'),
  ];
  const codecs: AnswerCodec[] = [
    ...([0.1, 0.2, 0.5, 1] as const).flatMap((step) => [
      createAnswerCodec({ kind: 'integer', step }),
      createAnswerCodec({ kind: 'decimal', step }),
    ]),
    createAnswerCodec({ kind: 'level' }),
    createAnswerCodec({ kind: 'raw' }),
    createAnswerCodec({ sentence: true }),
    createAnswerCodec({ kind: 'level', sentence: true }),
  ];
  const visions: VisionInput[][] = [
    [{ kind: 'image', grid: { t: 1, h: 4, w: 2 } }],
    [{ kind: 'video', grid: { t: 2, h: 2, w: 2 }, secondsPerGrid: 0.5 }],
    [
      { kind: 'image', grid: { t: 1, h: 2, w: 2 } },
      { kind: 'image', grid: { t: 1, h: 2, w: 4 } },
    ],
  ];
  const scores = [1, 2.3, 3.45, 11 / 3, 5];
  const logitsOf = allLogits(lora);
  let turn = 0;

  const quick = new Set(['own.txt']);
  const cases = templates.map((template) => ({
    template,
    name: template.name,
    tags: quick.has(template.name) ? [] : ['long'],
  }));
  describe.each(cases)('$name', ({ template, tags }) => {
    test('is so for every answer', { tags }, async () => {
      await using integerOnly = await compileStep(stepOptions('integer-only', stored, lora));
      await using response = await compileStep(stepOptions('response', stored, lora));
      await using sequence = await compileStep(stepOptions('sequence', stored, lora));
      await using sentence = await compileStep(stepOptions('sentence', stored, lora));
      const steps = { integerOnly, response, sentence, sequence };
      const parameters = initialParameters(integerOnly.parameters);
      for (const codec of codecs) {
        // The tokenizer's ids in the order in which they come up, so that a small model knows them all.
        const ids = new Map<number, number>();
        const small = (id: number): number => {
          if (!ids.has(id)) ids.set(id, ids.size);
          return ids.get(id)!;
        };
        const shrunk = (example: Example): Example => ({
          ...example,
          tokenIds: example.tokenIds.map(small),
          targets: example.targets.map((target) => ({ ...target, token: small(target.token) })),
        });
        const references: Record<keyof typeof steps, number[]>[] = [];
        const items: Record<keyof typeof steps, PreparedExample[]> = {
          integerOnly: [],
          response: [],
          sentence: [],
          sequence: [],
        };
        for (const sample of [0, 1]) {
          turn++;
          const inputs = visions[turn % 3]!;
          const clipPrompt = sample === 0 ? 'a corgi' : 'a cat, 34 of them';
          const question = template.render({ kind: inputs[0]!.kind, prompt: clipPrompt, codec });
          const frame = codec.sentence(inputs[0]!.kind);
          const asked = encodePrompt({ ...setup, question, visions: inputs });
          const prompt = encodePrompt({ ...setup, question, visions: inputs, sentence: frame });
          // Another pair of scores for each template: answers of a batch are to differ in length.
          const answer = codec.encode(scores[(turn + Math.floor(turn / 10)) % 5]!);
          const common = { vision: seen(inputs, turn, true), dropoutKey: dropoutKeyOf(sample) };
          const trained = buildExample({ ...setup, positions, prompt, answer });
          const told = buildExample({ ...setup, positions, prompt, answer, targets: 'response' });
          items.integerOnly.push(preparedOf(trimToTargets(shrunk(trained)), common));
          items.response.push(preparedOf(shrunk(told), common));
          for (const rule of ['sentence', 'sequence'] as const) {
            const example = buildExample({ ...setup, positions, prompt, answer, targets: rule });
            items[rule].push(preparedOf(trimToTargets(shrunk(example)), common));
          }

          const tokens = [...told.tokenIds];
          const answerEnd = tokens.length - 1 - (frame === null ? 0 : 1); // the end token, and a full stop
          const ofAnswer = tokens.map((id, i) => (i >= prompt.tokenIds.length && i < answerEnd ? id : -100));
          const ofSentence = tokens.map((id, i) => (i >= asked.tokenIds.length ? id : -100));
          const ofTurn = tokens.map((id, i) => (i >= prompt.tokenIds.length ? id : -100));
          const { image, video } = setup.padTokens;
          const ofText = tokens.map((id) => (id === image || id === video ? -100 : id));
          expect(setup.tokenizer.decode(ofAnswer.filter((id) => id !== -100))).toBe(answer);
          const said = frame === null ? answer : `${frame.before}${answer}${frame.after}`;
          expect(setup.tokenizer.decode(ofSentence.filter((id) => id !== -100))).toBe(`${said}<|im_end|>`);
          expect(ofText.filter((id) => id === -100).length).toBeGreaterThan(0);
          const logits = logitsOf(shrunk(told), common);
          const smallLabels = (labels: number[]): number[] => labels.map((id) => (id === -100 ? id : small(id)));
          references.push({
            integerOnly: labelled(logits, smallLabels(ofAnswer)),
            response: labelled(logits, smallLabels(ofTurn)),
            sentence: labelled(logits, smallLabels(ofSentence)),
            sequence: labelled(logits, smallLabels(ofText)),
          });
        }
        expect(ids.size).toBeLessThanOrEqual(vocabSize);
        const lossOf = async (which: keyof typeof steps): Promise<number> => {
          const [feeds] = feedsOf(items[which], 'integer-only', true);
          return (await steps[which].run(parameters, feeds!)).loss;
        };
        // Integer-only: the mean over a sample's tokens, then over samples. The others: the mean over all tokens.
        const wanted = {
          integerOnly: mean(references.map((sample) => mean(sample.integerOnly))),
          response: mean(references.flatMap((sample) => sample.response)),
          sentence: mean(references.flatMap((sample) => sample.sentence)),
          sequence: mean(references.flatMap((sample) => sample.sequence)),
        };
        for (const which of ['integerOnly', 'response', 'sentence', 'sequence'] as const) {
          expect(Math.abs((await lossOf(which)) / wanted[which] - 1), `${codec.kind} ${codec.step}`).toBeLessThan(1e-6);
        }
      }
    });
  });
});

describe('losses over the legal answers equal those of a pass for each answer', () => {
  const undropped = { ...lora, dropout: 0 };
  const all = [0, 1, 2, 3];
  const logitsOf = allLogits(undropped);
  const values = halves.legalAnswers()!.map(({ value }) => value);
  /** For each clip, the probability of each answer among the legal ones, from the text of the answer behind the prompt. */
  const distributions = all.map((clip) => {
    const { visions } = clips[clip]!;
    const masses = trie.answers.map(({ path }) => {
      const tokens = path.map(({ token }) => token);
      const rows = promptRows(promptOf(clips[clip]!), positions, tokens);
      const logits = logitsOf(rows, { vision: seen(visions, clip, true), dropoutKey: 0 });
      const labels = Array.from(rows.tokenIds, (id, t) => (t < rows.promptLength ? -100 : id));
      return Math.exp(-labelled(logits, labels).reduce((a, b) => a + b, 0));
    });
    const legal = masses.reduce((a, b) => a + b, 0);
    return { legal, p: masses.map((mass) => mass / legal) };
  });

  /** 1 − √(p·p̂) − √((1 − p)(1 − p̂)) of each two clips. */
  const fidelities = (): number[] => {
    const cdf = (x: number): number => (1 + erf(x / Math.SQRT2)) / 2;
    const moments = distributions.map(({ p }) => {
      const expected = p.reduce((sum, x, i) => sum + x * values[i]!, 0);
      return { expected, variance: p.reduce((sum, x, i) => sum + x * values[i]! ** 2, 0) - expected ** 2 };
    });
    return all.flatMap((j) =>
      all.slice(0, j).map((i) => {
        const [[a, b], [x, y]] = [
          [clips[i]!, clips[j]!],
          [moments[i]!, moments[j]!],
        ];
        const said = cdf((a.mos - b.mos) / Math.sqrt(a.votes ** 2 + b.votes ** 2));
        const guessed = cdf((x.expected - y.expected) / Math.sqrt(x.variance + y.variance + 0.01));
        return 1 - Math.sqrt(said * guessed) - Math.sqrt((1 - said) * (1 - guessed));
      }),
    );
  };

  test.each([
    ['softmax-regression', 1],
    ['soft-label', 1],
    ['expected-score', 1],
    ['regression-aware', 1],
    ['regression-aware', 0.3],
    ['regression-aware', 0],
    ['fidelity', 1],
    ['fidelity', 2.5],
  ] as const)('%s, its second term weighing %d', async (loss, weight) => {
    const form = formOf(objectives[loss], weight);
    await using step = await compileStep({ ...stepOptions(loss, stored, undropped), form });
    const [feeds] = batches(all, { loss, frozen: true, dropout: false });
    const { loss: got } = await step.run(initialParameters(step.parameters), feeds!);
    const perClip = all.map((clip) => {
      const { mos } = clips[clip]!;
      const { legal, p } = distributions[clip]!;
      const squared = (p.reduce((sum, x, i) => sum + x * values[i]!, 0) - mos) ** 2;
      if (loss === 'softmax-regression') return squared;
      if (loss === 'expected-score') return squared - Math.log(legal);
      if (loss === 'regression-aware' || loss === 'fidelity') {
        // The probability of the nearest answer over the full vocabulary.
        const distances = values.map((value) => Math.abs(value - mos));
        const nearest = distances.indexOf(Math.min(...distances));
        const alone = -Math.log(legal * p[nearest]!);
        return loss === 'fidelity' ? alone : alone + weight * squared;
      }
      // A normal distribution around the score, cut to the answers.
      const densities = values.map((value) => Math.exp(-(((value - mos) / LABEL_STD) ** 2) / 2));
      const whole = densities.reduce((a, b) => a + b, 0);
      return -p.reduce((sum, x, i) => sum + (densities[i]! / whole) * Math.log(x), 0);
    });
    const pairs = loss === 'fidelity' ? weight * mean(fidelities()) : 0;
    expect(Math.abs(got / (mean(perClip) + pairs) - 1)).toBeLessThan(2e-6);
  });
});
