// The step of pretraining's first stage: the vision tower alone, with a linear head on its features that is dropped afterwards.
import type { TensorData, Value } from '../src/graph/index.ts';
import { add, input, matmul, mul, scalar, sum } from '../src/graph/index.ts';
import type { VisionPatches } from '../src/model/index.ts';
import { fedWeights } from '../src/model/index.ts';
import type { StepGraph } from '../src/engine/onnx/index.ts';
import { cellTargets } from './cells.ts';
import type { QwenVisionConfig } from './family.ts';
import { joinedVisionFeeds, visionFeatures, visionInputs } from './family.ts';
import type { Shapes } from './shared-numbers.ts';

/** A picture with its targets. */
export interface TowerItem {
  /** Its patches. */
  vision: VisionPatches;
  /** [cells, targets], as `targetsOf` gives them. */
  targets: Float32Array;
}

/** The graph of the step. */
export interface TowerGraph extends StepGraph {
  /** What the head says of each cell: float32 [M, targets]. */
  predicted: Value;
}

/** Names and shapes of the head's parameters, which begin as zeros. */
export function headShapes({ outHiddenSize }: QwenVisionConfig): Shapes {
  return new Map([
    ['cells.weight', [cellTargets.length, outHiddenSize]],
    ['cells.bias', [cellTargets.length]],
  ]);
}

/**
 * Builds the graph of the step. Its loss is half the mean square error over cells and targets; its inputs are those of {@link towerFeeds}
 * and the parameters of tower and head.
 * @param vision - sizes of the tower
 * @param shapeOf - shape of a weight of the model by canonical name
 */
export function towerGraph(vision: QwenVisionConfig, shapeOf: (name: string) => readonly number[]): TowerGraph {
  const head = headShapes(vision);
  const weights = fedWeights((name) => head.get(name) ?? shapeOf(name));
  const features = visionFeatures(visionInputs(vision), vision, weights);
  const predicted = add(matmul(features, weights.get('cells.weight'), { transB: true }), weights.get('cells.bias'));
  const targets = input('targets', 'float32', ['M', cellTargets.length]);
  const difference = add(predicted, mul(targets, scalar(-1)));
  const loss = mul(sum(mul(difference, difference), [0, 1], false), input('scale', 'float32', []));
  return { loss, predicted, parameters: weights.inputs };
}

/**
 * What the step is fed.
 * @param items - pictures of one size
 * @param cells - of the whole update, over which the loss is the mean
 * @param vision - sizes of the tower
 */
export function towerFeeds(
  items: readonly TowerItem[],
  cells: number,
  vision: QwenVisionConfig,
): Record<string, TensorData> {
  const count = cellTargets.length;
  const targets = new Float32Array(items.reduce((total, item) => total + item.targets.length, 0));
  let offset = 0;
  for (const item of items) {
    targets.set(item.targets, offset);
    offset += item.targets.length;
  }
  const visions = items.map(({ vision }) => vision);
  return {
    ...joinedVisionFeeds(visions, vision),
    targets: { data: targets, shape: [targets.length / count, count] },
    scale: { data: new Float32Array([0.5 / (cells * count)]), shape: [] },
  };
}
