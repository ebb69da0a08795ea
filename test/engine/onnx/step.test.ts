// The training step: its gradients against central differences in float64, batches against accumulation, and what its graph holds.
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../../src/core/index.ts';
import type { Value } from '../../../src/graph/index.ts';
import { gradients, graphCost } from '../../../src/graph/index.ts';
import { isOp, valuesBelow } from '../../../src/graph/value.ts';
import type { LoraOptions, StoredTensor } from '../../../src/model/index.ts';
import type { LoraTarget } from '../../../src/model/lora-options.ts';
import type { Loss } from '../../../src/objectives/index.ts';
import { losses, objectives } from '../../../src/objectives/index.ts';
import type { StepResult, TrainStep } from '../../../src/engine/onnx/step.ts';
import { compileStep, stepGraph } from '../../../src/engine/onnx/step.ts';
import { evaluate } from '../../graph/evaluate.ts';
import { batches } from './fixtures.ts';
import type { BatchOptions } from './fixtures.ts';
import { Wrong, asFunctionOf, expectSame, feeds64, relativeError } from './float64.ts';
import {
  checkpoint,
  initialParameters,
  lora,
  modelOf,
  nameOfWeight,
  setup,
  stepOptions,
  text,
  untied,
  vocabSize,
} from './tiny-model.ts';

const stored = {
  tied: checkpoint(text, 'float32'),
  tied16: checkpoint(text, 'bfloat16'),
  untied: checkpoint(untied, 'bfloat16'),
};
const undropped: LoraOptions = { ...lora, dropout: 0 };

/** The step's result over all micro-batches, added up. */
async function accumulated(
  step: TrainStep,
  parameters: Map<string, Float32Array>,
  feeds: ReturnType<typeof batches>,
): Promise<StepResult> {
  const total: StepResult = { loss: 0, gradients: new Map() };
  for (const some of feeds) {
    const { loss, gradients } = await step.run(parameters, some);
    total.loss += loss;
    for (const [name, values] of gradients) {
      const before = total.gradients.get(name);
      total.gradients.set(
        name,
        values.map((g, i) => g + (before?.[i] ?? 0)),
      );
    }
  }
  return total;
}

/** Adapters that a step is made with; null trains every weight. */
const kinds: [string, LoraOptions | null, 'tied' | 'untied', readonly Loss[]][] = [
  ['LoRA', undropped, 'tied', losses],
  ['rsLoRA with dropout on bfloat16 weights', { ...lora, rslora: true }, 'untied', losses],
  ['all weights, tied head', null, 'tied', losses],
  ['all weights, head of its own', null, 'untied', ['integer-only', 'soft-label']],
];

/** Quick is a loss of each form with the first adapter, and one with all weights. */
const quick = new Set([
  'LoRA integer-only',
  'LoRA expected-score',
  'LoRA soft-label',
  'LoRA fidelity',
  'all weights, tied head soft-label',
]);
const cases = kinds.flatMap(([kind, adapter, head, some]) =>
  some.map((loss) => ({ kind, adapter, head, loss, tags: quick.has(`${kind} ${loss}`) ? [] : ['long'] })),
);

describe.each(cases)('gradients of $kind, $loss', ({ adapter, head, loss, tags }) => {
  test('are the central differences of the loss', { tags }, async () => {
    const config = head === 'tied' ? text : untied;
    const options = stepOptions(loss, stored[head], adapter, config);
    const graph = stepGraph(options);
    const names = [...graph.parameters.keys()];
    const wrt = [...graph.parameters.values()];
    const outputs = [graph.loss, ...gradients(graph.loss, wrt)];
    const [feeds] = batches([0, 1], { loss, frozen: adapter !== null, dropout: (adapter?.dropout ?? 0) > 0 });
    await using step = await compileStep(options);
    expect([...step.parameters.keys()]).toEqual(names);
    const parameters = initialParameters(step.parameters);
    const fed = feeds64(outputs, feeds!, parameters, config, stored[head]);
    const [loss64, ...exact] = evaluate(outputs, fed);
    const result = await step.run(parameters, feeds!);
    expect(Math.abs(result.loss / loss64!.data[0]! - 1)).toBeLessThan(5e-6);

    const wrong = new Wrong();
    const lossOf = asFunctionOf(graph.loss, fed);
    names.forEach((name, i) => {
      const gradient = exact[i]!.data;
      const scale = Math.max(...gradient.map(Math.abs));
      wrong.above(1e-3, scale, `size of ${name}`); // or a comparison would say nothing
      wrong.below(5e-5, relativeError(result.gradients.get(name)!, gradient), `float32 ${name}`);
      const at = fed.get(wrt[i]!)!.data;
      const f = lossOf(wrt[i]!);
      const random = randomStream(3, i);
      const only = (entry: number): Float64Array => new Float64Array(at.length).fill(1, entry, entry + 1);
      const directions = [Float64Array.from(at, () => 2 * random.uniform() - 1), only(random.below(at.length))];
      // Of the embedding and the head: a row of a token that occurs, of one that does not, of vision, of a target.
      if (/^(embed_tokens|lm_head)/.test(name)) {
        for (const token of [97, 200, setup.padTokens.image, 50]) directions.push(only(token * text.hiddenSize + 3));
      }
      for (const d of directions) {
        const h = 1e-5;
        const numeric = (f(at.map((x, k) => x + h * d[k]!)) - f(at.map((x, k) => x - h * d[k]!))) / (2 * h);
        const symbolic = gradient.reduce((total, g, k) => total + g * d[k]!, 0);
        wrong.below(1e-6, Math.abs(numeric - symbolic) / scale, name);
      }
    });
    expect(wrong.list).toEqual([]);
  });
});

test('rows of the embedding get a gradient where their token is read, and from a head that is tied to them', async () => {
  const largest = async (config: typeof text, head: 'tied' | 'untied'): Promise<(token: number) => number> => {
    await using step = await compileStep(stepOptions('integer-only', stored[head], null, config));
    const [feeds] = batches([0, 1], { loss: 'integer-only', frozen: false, dropout: false });
    const gradient = (await step.run(initialParameters(step.parameters), feeds!)).gradients.get('embed_tokens.weight')!;
    expect(gradient.length).toBe(vocabSize * text.hiddenSize);
    return (token) => {
      const row = gradient.subarray(token * text.hiddenSize, (token + 1) * text.hiddenSize);
      return Math.max(...row.map(Math.abs));
    };
  };
  const [own, shared] = [await largest(untied, 'untied'), await largest(text, 'tied')];
  const { image, video } = setup.padTokens;
  for (const token of [7, 8, 97]) expect(own(token)).toBeGreaterThan(1e-3);
  for (const token of [200, image, video]) expect(own(token)).toBe(0); // features stand in the places of the last two
  for (const token of [7, 97, 200, image]) expect(shared(token)).toBeGreaterThan(1e-6);
});

describe('batches', () => {
  const all = [0, 1, 2, 3];
  describe.each([
    ['LoRA with dropout', lora],
    ['all weights', null],
  ] as const)('%s', (_, adapter) => {
    test.each(losses)('%s: four clips at once, two by two and one by one', async (loss) => {
      await using step = await compileStep(stepOptions(loss, stored.tied, adapter));
      const parameters = initialParameters(step.parameters);
      const options: BatchOptions = { loss, frozen: adapter !== null, dropout: adapter !== null };
      const whole = await accumulated(step, parameters, batches(all, options));
      // Clips that are compared with each other go through the model together.
      for (const micro of objectives[loss].form.groupSize > 1 ? [] : [1, 2, 3]) {
        expectSame(await accumulated(step, parameters, batches(all, { ...options, micro })), whole, 1e-5);
      }
      const turned = await accumulated(step, parameters, batches(all.toReversed(), options));
      expectSame(turned, whole, 1e-5);
    });
  });

  test('dropout changes the loss from epoch to epoch', async () => {
    await using step = await compileStep(stepOptions('integer-only', stored.tied, lora));
    const parameters = initialParameters(step.parameters);
    const lossOf = async (epoch: number): Promise<number> => {
      const feeds = batches(all, { loss: 'integer-only', frozen: true, dropout: true, epoch });
      return (await accumulated(step, parameters, feeds)).loss;
    };
    const seen = [await lossOf(0), await lossOf(1), await lossOf(2)];
    expect(new Set(seen).size).toBe(3);
    expect(await lossOf(0)).toBe(seen[0]);
  });

  describe.each([
    ['LoRA with dropout', lora],
    ['all weights', null],
  ] as const)('%s', (_, adapter) => {
    test.each(['integer-only', 'response', 'sentence', 'sequence'] as const)(
      '%s: rows behind the last target change nothing',
      async (loss) => {
        await using step = await compileStep(stepOptions(loss, stored.tied, adapter));
        const parameters = initialParameters(step.parameters);
        const options: BatchOptions = { loss, frozen: adapter !== null, dropout: adapter !== null };
        const [short] = batches(all, options);
        const [long] = batches(all, { ...options, trim: false });
        expect(long!['tokens']!.shape[1]! - short!['tokens']!.shape[1]!).toBe(loss === 'integer-only' ? 2 : 1);
        expectSame(await accumulated(step, parameters, [short!]), await accumulated(step, parameters, [long!]), 1e-5);
      },
    );
  });
});

describe.each(cases)('with layers computed again, $kind, $loss', ({ adapter, head, loss, tags }) => {
  test('the gradients are the same, with less held at a time', { tags }, async () => {
    const config = head === 'tied' ? text : untied;
    const options = stepOptions(loss, stored[head], adapter, config);
    await using kept = await compileStep(options);
    await using again = await compileStep({ ...options, gradientCheckpointing: true });
    const parameters = initialParameters(kept.parameters);
    const trained = adapter !== null;
    const [feeds] = batches([0, 1, 2, 3], { loss, frozen: trained, dropout: trained && adapter.dropout > 0, config });
    expectSame(await again.run(parameters, feeds!), await kept.run(parameters, feeds!), 1e-5);
    // As if the model were deep and its clips long: what is held is what goes from layer to layer, and one layer.
    const sizes = new Map('BTQMPKWLSFA'.split('').map((symbol) => [symbol, 'TMLF'.includes(symbol) ? 300 : 2]));
    const peak = (gradientCheckpointing: boolean): number => {
      const graph = stepGraph({ ...options, model: modelOf(deep(stored[head]), { ...config, numLayers: 8 }) });
      const grads = gradients(graph.loss, [...graph.parameters.values()], { gradientCheckpointing });
      return graphCost([graph.loss, ...grads], sizes).peakBytes;
    };
    expect(peak(true)).toBeLessThan(0.6 * peak(false));
  });
});

/** The weights of two layers, for as many as are asked for. */
const deep =
  (of: (name: string) => StoredTensor) =>
  (name: string): StoredTensor =>
    of(name.replace(/^layers\.\d+/, 'layers.1'));

describe('the graph of a LoRA step holds nothing that nobody uses', () => {
  function graphOf(targets: readonly LoraTarget[], loss: Loss, head: 'tied' | 'tied16'): Value[] {
    const graph = stepGraph(stepOptions(loss, stored[head], { ...lora, targets }));
    return valuesBelow([graph.loss, ...gradients(graph.loss, [...graph.parameters.values()])]);
  }
  /** Shapes of the products with each frozen weight, the forward pass's first. */
  function products(values: readonly Value[], head: 'tied' | 'tied16'): Record<string, string[]> {
    const found: Record<string, string[]> = {};
    for (const value of values.filter((v) => isOp(v, 'matmul'))) {
      for (let x of value.inputs) {
        while (isOp(x, 'cast') || isOp(x, 'controlDependency')) x = x.inputs[0]!;
        if (isOp(x, 'external')) (found[nameOfWeight(x, text, stored[head])] ??= []).push(value.shape.join());
      }
    }
    return found;
  }
  const at = (layer: number, rows: Record<string, string[]>): Record<string, string[]> =>
    Object.fromEntries(
      Object.entries(rows).map(([name, shapes]) => [
        `layers.${layer}.${/^[qkvo]/.test(name) ? 'self_attn' : 'mlp'}.${name}_proj.weight`,
        shapes,
      ]),
    );

  test.each(['tied', 'tied16'] as const)('products with the frozen weights (%s)', (head) => {
    const found = products(graphOf(lora.targets, 'integer-only', head), head);
    expect(found).toEqual({
      // The first layer's input has no gradient.
      ...at(0, { q: ['B*T,24'], k: ['B*T,12'], v: ['B*T,12'] }),
      ...at(0, {
        o: ['B*T,20', 'B*T,24'],
        gate: ['B*T,28', 'B*T,20'],
        up: ['B*T,28', 'B*T,20'],
        down: ['B*T,20', 'B*T,28'],
      }),
      // The last layer has queries and an MLP at the wanted rows alone, keys and values at all.
      ...at(1, { q: ['B*Q,24', 'B*Q,20'], k: ['B*T,12', 'B*T,20'], v: ['B*T,12', 'B*T,20'] }),
      ...at(1, {
        o: ['B*Q,20', 'B*Q,24'],
        gate: ['B*Q,28', 'B*Q,20'],
        up: ['B*Q,28', 'B*Q,20'],
        down: ['B*Q,20', 'B*Q,28'],
      }),
      'embed_tokens.weight': [`B*Q,${vocabSize}`, 'B*Q,20'],
    });
  });

  test('an adapter on some layers asks for gradients above them only', () => {
    const found = products(graphOf(['down_proj'], 'integer-only', 'tied'), 'tied');
    const [first, last] = [0, 1].map((layer) =>
      Object.entries(found).filter(([name]) => name.startsWith(`layers.${layer}.`)),
    );
    expect(first!.map(([, shapes]) => shapes.length)).toEqual([1, 1, 1, 1, 1, 1, 1]);
    expect(last!.map(([, shapes]) => shapes.length)).toEqual([2, 2, 2, 2, 2, 2, 2]);
  });

  test.each(losses)(
    '%s: no gradient of a frozen weight, of a feature or of an embedding; logits at wanted rows only',
    (loss) => {
      const values = graphOf(lora.targets, loss, 'tied16');
      const sources = ['input', 'constant', 'external', 'cast', 'controlDependency'];
      const trained = new Set(['3,20', '3,24', '3,28', '24,3', '12,3', '20,3', '28,3']);
      const unused = values.filter((value) => {
        if (value.dtype !== 'float32' || sources.includes(value.op)) return false;
        // What is left when all rows are added up is the gradient of a parameter, or the loss.
        const hasRows = value.shape.some((d) => typeof d === 'string');
        const ofParameter = value.shape.every((d) => d === 1) || trained.has(value.shape.join());
        const ofAllRows = value.shape.includes(vocabSize) && !value.shape.includes('B*Q');
        return !(hasRows || ofParameter) || ofAllRows || value.shape.includes('M');
      });
      expect(unused.map((value) => `${value.op} [${value.shape.join()}]`)).toEqual([]);
    },
  );
});
