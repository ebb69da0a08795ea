// Updates: micro-batches through the step, gradients added up, clipped, and applied.
import { UserError } from '../../core/index.ts';
import type { PreparedExample } from '../../inputs/index.ts';
import type { TrainingOptions, UpdateResult } from '../types.ts';
import type { AdamWState } from './adamw.ts';
import { adamWUpdate, gradientNorm } from './adamw.ts';
import { splitToFit } from '../batches.ts';
import { countPairs } from '../pairs.ts';
import { weightOf } from '../weight.ts';
import type { StepExample } from './collate.ts';
import { collate } from './collate.ts';
import type { FrozenPrefix } from './frozen-prefix.ts';
import type { EngineModel } from './model.ts';
import type { TrainStep } from './step.ts';
import type { StepMemory } from './step-memory.ts';
import { stepSizeOf } from './step-memory.ts';

/** What an update works with. */
export interface TrainerOptions {
  /** Loss, optimizer, accumulation. */
  training: TrainingOptions;
  /** The model. */
  model: EngineModel;
  /** Whether the graph drops. */
  dropout: boolean;
  /** The compiled step. */
  step: TrainStep;
  /** Outputs of the layers below the adapter, where the step begins above them; else null. */
  prefix: FrozenPrefix | null;
  /** Whether examples of these sizes fit into memory together. */
  isRoomFor: StepMemory['isRoomFor'];
  /** Called before the step runs. */
  makeRoom: () => Promise<void>;
}

/**
 * Makes one update, or none when a number is not finite.
 * @param options - step, loss
 * @param examples - the batch
 * @param parameters - changed
 * @param optimizer - moments; changed
 * @param learningRate - of this update
 * @throws UserError `non-finite` before anything is changed
 */
export async function makeUpdate(
  options: TrainerOptions,
  examples: readonly PreparedExample[],
  parameters: ReadonlyMap<string, Float32Array>,
  optimizer: AdamWState,
  learningRate: number,
): Promise<UpdateResult> {
  const { training, model, dropout, step, makeRoom } = options;
  const batchWeight = examples.reduce((total, example) => total + weightOf(example), 0);
  const numPairs = countPairs(examples.length, training.form.groupSize);
  const batches = await microBatches(options, examples);
  let loss = 0;
  let gradients: ReadonlyMap<string, Float32Array> | undefined;
  for (const batch of batches) {
    const feeds = collate(batch, { form: training.form, batchWeight, numPairs, model, dropout });
    await makeRoom();
    const result = await step.run(parameters, feeds);
    loss += result.loss;
    if (batches.length === 1) gradients = result.gradients;
    else if (gradients === undefined) gradients = copyOf(result.gradients);
    else addTo(gradients, result.gradients);
  }
  const norm = gradientNorm(gradients!);
  if (!Number.isFinite(loss) || !Number.isFinite(norm)) {
    const got = Number.isFinite(loss) ? `gradients of norm ${norm}` : `a loss of ${loss}`;
    throw new UserError('non-finite', `expected finite numbers, got ${got}`, {
      hint: 'Nothing was changed by this step. A smaller optimizer.learningRate, or a longer warm-up, may help.',
    });
  }
  // As torch.nn.utils.clip_grad_norm_ scales.
  const scale = training.clipNorm === null ? 1 : Math.min(1, training.clipNorm / (norm + 1e-6));
  adamWUpdate(parameters, gradients!, optimizer, learningRate, training.optimizer, scale);
  return { loss, gradientNorm: norm };
}

/** The examples of an update, cut into what goes through the step at a time: like lengths together, groups whole. */
async function microBatches(
  { training, prefix, isRoomFor }: TrainerOptions,
  examples: readonly PreparedExample[],
): Promise<StepExample[][]> {
  const { microBatch, form } = training;
  const made: StepExample[] = [];
  for (const example of examples) {
    made.push(prefix === null ? example : { ...example, vision: await prefix.get(example) });
  }
  const rowsOf = ({ rows }: StepExample): number => rows.tokenIds.length;
  const longest = (group: readonly StepExample[]): number => Math.max(...group.map(rowsOf));
  // A run of the step fills all its examples up to the longest.
  const groups = chunks(made, form.groupSize).sort((a, b) => longest(b) - longest(a));
  // Whoever collates counts groups off: one that is smaller comes last.
  groups.sort((a, b) => Number(a.length < form.groupSize) - Number(b.length < form.groupSize));
  return chunks(groups, Math.max(1, Math.floor(microBatch / form.groupSize)))
    .flatMap((some) => splitToFit(some, (part) => isRoomFor(part.flat().map(stepSizeOf))))
    .map((some) => some.flat());
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

function copyOf(gradients: ReadonlyMap<string, Float32Array>): ReadonlyMap<string, Float32Array> {
  return new Map([...gradients].map(([name, values]) => [name, values.slice()]));
}

function addTo(total: ReadonlyMap<string, Float32Array>, more: ReadonlyMap<string, Float32Array>): void {
  for (const [name, sum] of total) {
    const part = more.get(name)!;
    for (let i = 0; i < sum.length; i++) sum[i]! += part[i]!;
  }
}
