// LoRA on the text model: which modules have factors, their shapes, and the factors as inputs of a graph.
import { UserError, invariant, show } from '../core/index.ts';
import type { Value } from '../graph/index.ts';
import { input } from '../graph/index.ts';
import type { LoraGraph } from './families/shared/layers.ts';
import type { FamilyLora } from './families/types.ts';
import type { LoraOptions } from './lora-options.ts';

/**
 * The first decoder layer with an update: those below it compute the same whatever is trained.
 * @param lora - the adapter's options
 * @param numLayers - decoder layers of the model
 * @returns from 0
 * @throws UserError `bad-recipe` for other words, and for more layers than there are
 */
export function firstLoraLayer({ layers = 'all' }: Pick<LoraOptions, 'layers'>, numLayers: number): number {
  if (layers === 'all') return 0;
  const count = Number(/^last (\d+)$/.exec(layers)?.[1]);
  if (count >= 1 && count <= numLayers) return numLayers - count;
  throw new UserError('bad-recipe', `lora.layers: expected all, or last 1 to last ${numLayers}, got ${show(layers)}`);
}

/**
 * Scale of the update.
 * @param lora - the adapter's options
 */
export function loraScale(lora: Pick<LoraOptions, 'alpha' | 'rank' | 'rslora'>): number {
  return lora.alpha / (lora.rslora ? Math.sqrt(lora.rank) : lora.rank);
}

/**
 * Names and shapes of an adapter's tensors, in a fixed order.
 * @param family - where LoRA goes in the model's family
 * @param lora - the adapter's options
 * @param numLayers - decoder layers of the model
 * @param shapeOf - shape [out, in] of a weight by canonical name
 * @returns `MODULE.lora_A.weight` [R, in] and `MODULE.lora_B.weight` [out, R]
 * @throws UserError `bad-recipe` for targets that the family has not, and as {@link firstLoraLayer}
 */
export function adapterShapes(
  family: Pick<FamilyLora, 'targets' | 'moduleOf'>,
  lora: Pick<LoraOptions, 'rank' | 'targets' | 'layers'>,
  numLayers: number,
  shapeOf: (name: string) => readonly number[],
): Map<string, [number, number]> {
  const foreign = lora.targets.filter((target) => !family.targets.includes(target));
  if (foreign.length > 0) {
    const expected = family.targets.join(', ');
    throw new UserError('bad-recipe', `lora.targets: expected some of ${expected}, got ${foreign.join(', ')}`, {
      hint: 'The model has no linear layers of these names.',
    });
  }
  const shapes = new Map<string, [number, number]>();
  for (let i = firstLoraLayer(lora, numLayers); i < numLayers; i++) {
    for (const target of family.targets.filter((t) => lora.targets.includes(t))) {
      const module = family.moduleOf({ layer: i, target });
      const [rows, columns] = shapeOf(`${module}.weight`) as [number, number];
      shapes.set(`${module}.lora_A.weight`, [lora.rank, columns]);
      shapes.set(`${module}.lora_B.weight`, [rows, lora.rank]);
    }
  }
  return shapes;
}

/** An adapter in a graph. */
export interface LoraInputs extends LoraGraph {
  /** The factors as inputs, by the names of {@link adapterShapes}. */
  readonly inputs: ReadonlyMap<string, Value>;
}

/**
 * An adapter whose factors are fed.
 * @param lora - the adapter's options
 * @param shapes - names and shapes of its tensors
 * @param training - whether inputs are dropped; the graph then has the input `dropoutKeys`, uint32 [B·T, 1]
 */
export function loraInputs(
  lora: LoraOptions,
  shapes: ReadonlyMap<string, readonly number[]>,
  training: boolean,
): LoraInputs {
  const inputs = new Map<string, Value>();
  for (const [name, shape] of shapes) inputs.set(name, input(name, 'float32', shape));
  const scale = loraScale(lora);
  const drops = training && lora.dropout > 0;
  return {
    inputs,
    dropout: drops ? { rate: lora.dropout, keys: input('dropoutKeys', 'uint32', ['B*T', 1]) } : null,
    factors(module) {
      const a = inputs.get(`${module}.lora_A.weight`);
      if (a === undefined) return null;
      const b = inputs.get(`${module}.lora_B.weight`);
      invariant(b !== undefined, `${module} has lora_A without lora_B`);
      return { a, b, scale };
    },
  };
}
