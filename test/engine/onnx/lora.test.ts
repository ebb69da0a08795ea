// LoRA in the training step: the update that it stands for, its start, and frozen weights of 16 bits.
import { expect, test } from 'vitest';
import type { Value } from '../../../src/graph/index.ts';
import { gradients } from '../../../src/graph/index.ts';
import { isOp, valuesBelow } from '../../../src/graph/value.ts';
import type { LoraOptions } from '../../../src/model/index.ts';
import { predictingGraph } from '../../../src/engine/onnx/model.ts';
import { compileStep, stepGraph } from '../../../src/engine/onnx/step.ts';
import { evaluate } from '../../graph/evaluate.ts';
import { batches } from './fixtures.ts';
import { Wrong, expectSame, feeds64, relativeError } from './float64.ts';
import { checkpoint, initialParameters, lora, model, modelOf, nameOfWeight, stepOptions, text } from './tiny-model.ts';

const stored = { tied: checkpoint(text, 'float32'), tied16: checkpoint(text, 'bfloat16') };
const undropped: LoraOptions = { ...lora, dropout: 0 };

test.each([
  ['LoRA', false, 5 / 3],
  ['rsLoRA', true, 5 / Math.sqrt(3)],
] as const)('%s is a model whose weights have scale · B A added', (_, rslora, scale) => {
  const whole = (adapter: LoraOptions | null) =>
    model.family.graphs.whole(modelOf(stored.tied), predictingGraph(adapter, true, false));
  const adapted = whole({ ...undropped, rslora });
  const merged = whole(null);
  const shapes = new Map([...adapted.parameters].map(([name, { shape }]) => [name, shape as number[]]));
  const parameters = initialParameters(shapes);
  const [feeds] = batches([0, 1, 2], { loss: 'response', frozen: true, dropout: false });
  const fed = feeds64([merged.logits], feeds!, new Map(), text, stored.tied);
  let changed = 0;
  for (const [value, weight] of fed) {
    if (!isOp(value, 'external')) continue;
    const module = nameOfWeight(value, text, stored.tied).replace(/\.weight$/, '');
    const [a, b] = ['A', 'B'].map((factor) => parameters.get(`${module}.lora_${factor}.weight`));
    if (a === undefined || b === undefined) continue;
    changed++;
    const [R, width] = shapes.get(`${module}.lora_A.weight`) as [number, number];
    weight.data.forEach((w, i) => {
      const [row, column] = [Math.floor(i / width), i % width];
      let product = 0;
      for (let r = 0; r < R; r++) product += b[row * R + r]! * a[r * width + column]!;
      weight.data[i] = w + scale * product;
    });
  }
  expect(changed).toBe(14);
  const [want] = evaluate([merged.logits], fed);
  const [got] = evaluate([adapted.logits], feeds64([adapted.logits], feeds!, parameters, text, stored.tied));
  expect(relativeError(got!.data, want!.data)).toBeLessThan(1e-6); // the graph's scale is a float32 number
});

test('an adapter whose B is zero starts as the model itself, and moves B first', async () => {
  await using step = await compileStep(stepOptions('integer-only', stored.tied, lora));
  await using bare = await compileStep(stepOptions('integer-only', stored.tied, undropped));
  const parameters = initialParameters(step.parameters);
  for (const [name, values] of parameters) if (name.includes('lora_B')) values.fill(0);
  const options = { loss: 'integer-only', frozen: true } as const;
  const [feeds] = batches([0, 1, 2], { ...options, dropout: true });
  const result = await step.run(parameters, feeds!);
  const wrong = new Wrong();
  for (const [name, gradient] of result.gradients) {
    const largest = Math.max(...gradient.map(Math.abs));
    if (name.includes('lora_A')) wrong.below(1e-300, largest, name);
    else wrong.above(1e-3, largest, name);
  }
  expect(wrong.list).toEqual([]);
  // Neither A nor the mask shows while B is zero.
  const others = initialParameters(step.parameters, 8);
  for (const [name, values] of others) if (name.includes('lora_B')) values.fill(0);
  const [plain] = batches([0, 1, 2], { ...options, dropout: false });
  expect((await bare.run(others, plain!)).loss).toBe(result.loss);
});

test('weights of 16 bits give what the same numbers give in 32', async () => {
  await using wide = await compileStep(stepOptions('response', stored.tied, lora));
  await using narrow = await compileStep(stepOptions('response', stored.tied16, lora));
  const parameters = initialParameters(wide.parameters);
  const [feeds] = batches([0, 1, 2, 3], { loss: 'response', frozen: true, dropout: true });
  expectSame(await narrow.run(parameters, feeds!), await wide.run(parameters, feeds!), 1e-6);
});

/** A vocabulary of more rows than a piece of the head has. */
const config = { ...text, vocabSize: 20_000 };

test('every product has a cast of 16-bit weights of its own, so that none is kept for the backward pass', () => {
  const graph = stepGraph(stepOptions('integer-only', checkpoint(config, 'bfloat16'), lora, config));
  const values = valuesBelow([graph.loss, ...gradients(graph.loss, [...graph.parameters.values()])]);
  const products = values.filter((value) => isOp(value, 'matmul'));
  const isFrozen = (value: Value): boolean =>
    isOp(value, 'external') || (isOp(value, 'controlDependency') && isFrozen(value.inputs[0]!));
  const casts = values.filter((value) => isOp(value, 'cast') && isFrozen(value.inputs[0]!));
  const uses = casts.map((value) => products.filter(({ inputs }) => inputs.includes(value)).length);
  expect(Math.max(...uses)).toBe(1);
  // 14 weights forward, 11 of them backward, two pieces of the head both ways; biases, norms and the embedding besides.
  expect(uses.filter((count) => count === 1).length).toBe(14 + 11 + 4);
});

test('a head that is cast piece by piece gives what it gives whole', async () => {
  const loss = 'integer-only';
  await using wide = await compileStep(stepOptions(loss, checkpoint(config, 'float32'), lora, config));
  await using narrow = await compileStep(stepOptions(loss, checkpoint(config, 'bfloat16'), lora, config));
  const parameters = initialParameters(wide.parameters);
  const [feeds] = batches([0, 1], { loss, frozen: true, dropout: true, config });
  expectSame(await narrow.run(parameters, feeds!), await wide.run(parameters, feeds!), 1e-5);
});
