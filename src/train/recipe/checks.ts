// What the schema cannot say: values that contradict each other, and keys that other values leave without effect.
import { UserError, parseSize } from '../../core/index.ts';
import { parseDelimiter, parseScale } from '../../dataset/index.ts';
import { showValue } from '../../files/index.ts';
import { builtInTemplate } from '../../prompt/index.ts';
import { objectives } from '../../objectives/index.ts';
import { NEIGHBOURS } from '../order.ts';
import type { Recipe } from './types.ts';

/** A contradiction. */
export interface Clash {
  /** The keys that contradict each other; the first is the one to blame. */
  keys: readonly [string, ...string[]];
  /** What was expected of the first. */
  expected: string;
  /** What it is. */
  got: string;
  /** What to do about it. */
  hint?: string;
}

/**
 * Values that contradict each other.
 * @param recipe - values that are right one by one
 */
export function findClashes(recipe: Recipe): Clash[] {
  const {
    adapter,
    answer,
    batchSize,
    data,
    evaluation,
    frames,
    lora,
    loss,
    method,
    microBatch,
    prompt,
    questions,
    runtime,
    train,
  } = recipe;
  const clashes: Clash[] = [];
  const clash = (wrong: boolean, keys: Clash['keys'], expected: string, value: unknown, hint?: string): void => {
    if (wrong) clashes.push({ keys, expected, got: showValue(value), ...(hint === undefined ? {} : { hint }) });
  };
  clash(
    batchSize % microBatch !== 0,
    ['microBatch', 'batchSize'],
    `a divisor of batchSize (${batchSize})`,
    microBatch,
    `batchSize is in clips and microBatch is how many of them run at once`,
  );
  const { groupSize } = objectives[loss].form;
  clash(
    microBatch % groupSize !== 0,
    ['microBatch', 'loss'],
    `a multiple of ${groupSize}, whose clips ${loss} compares with each other`,
    microBatch,
  );
  clash(
    train.order === 'by-group' && batchSize % NEIGHBOURS !== 0,
    ['batchSize', 'train.order'],
    `a multiple of ${NEIGHBOURS}, the neighbours of train.order by-group`,
    batchSize,
  );
  const single = frames.pick === 'middle' || frames.pick === 'first';
  clash(
    single && frames.count > 1,
    ['frames.count', 'frames.pick'],
    `1 with frames.pick ${frames.pick}`,
    frames.count,
    'set frames.count to 1, or choose uniform, random or keyframe',
  );
  clash(
    frames.minPixels > frames.maxPixels,
    ['frames.minPixels', 'frames.maxPixels'],
    `at most frames.maxPixels (${frames.maxPixels})`,
    frames.minPixels,
  );
  const stepped = answer.kind === 'integer' || answer.kind === 'decimal';
  clash(
    !stepped && answer.step !== null,
    ['answer.step', 'answer.kind'],
    `null with ${answer.kind} answers`,
    answer.step,
  );
  clash(
    answer.kind === 'raw' && objectives[loss].form.over === 'answers',
    ['answer.kind', 'loss'],
    `integer, decimal or level with loss ${loss}`,
    answer.kind,
    'raw answers are not a finite set, so they have no distribution',
  );
  clash(
    answer.sentence === false && objectives[loss].targets === 'sentence',
    ['answer.sentence', 'loss'],
    `true with loss ${loss}`,
    answer.sentence,
    'with loss response the answer stands alone',
  );
  clash(new Set(lora.targets).size < lora.targets.length, ['lora.targets'], 'each layer once', lora.targets.join(', '));
  clash(
    method === 'full' && adapter !== null,
    ['adapter', 'method'],
    'null with method full',
    adapter,
    'merge the adapter into the model first',
  );
  clash(
    data.target !== null && data.columns.mos !== undefined && data.columns.mos !== data.target,
    ['data.target', 'data.columns.mos'],
    `the column of data.columns.mos (${showValue(data.columns.mos)})`,
    data.target,
    'both name the column of the score; remove one',
  );
  const heldOut = data.validation !== null && 'split' in data.validation ? data.validation.split : undefined;
  clash(
    heldOut !== undefined && data.train?.split === heldOut,
    ['data.validation', 'data.train'],
    'another split than data.train',
    data.validation,
  );
  clash(
    data.fold !== null && data.fold.index > data.fold.of,
    ['data.fold'],
    `an index of at most ${data.fold?.of}`,
    data.fold,
  );
  clash(
    data.validation === null && evaluation.earlyStop !== null,
    ['evaluation.earlyStop', 'data.validation'],
    'null without validation rows',
    evaluation.earlyStop,
  );
  refusal('runtime.maxMemory', () => runtime.maxMemory !== null && parseSize(runtime.maxMemory));
  refusal('data.scale', () => data.scale !== null && parseScale(data.scale));
  refusal('data.delimiter', () => data.delimiter !== null && parseDelimiter(data.delimiter));
  const { form, targets } = objectives[loss];
  clash(
    questions.length > 0 && (form.over === 'answers' || targets === 'sequence'),
    ['questions', 'loss'],
    `none with loss ${loss}`,
    questions,
    'integer-only, response and sentence train several questions at once',
  );
  for (const [key, { template }] of [
    ['prompt.template', prompt] as const,
    ...questions.map((one) => ['questions', one] as const),
  ]) {
    if (!/[./\\]/.test(template)) refusal(key, () => builtInTemplate(template));
  }
  return clashes;

  /** Asks whoever will read the value. */
  function refusal(key: string, read: () => unknown): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const [, expected = error.message, got = ''] = /expected (.*), got (.*)$/s.exec(error.message) ?? [];
      clashes.push({ keys: [key], expected, got, ...(error.hint === undefined ? {} : { hint: error.hint }) });
    }
  }
}

/**
 * Keys without effect, with the reason: to set one is a mistake, and a recipe that is written leaves them out.
 * @returns what leaves a key without effect, by key or section
 */
export function unusedKeys(recipe: Recipe): Map<string, string> {
  const { adapter, data, frames, loss, method, runtime } = recipe;
  const unused = new Map<string, string>();
  if (method === 'full') unused.set('lora', 'with method full');
  // `small` and `auto` may come to start from an adapter.
  if (adapter === null && recipe.recipe !== 'small' && recipe.recipe !== 'auto') {
    unused.set('optimizer.gentleLearningRate', 'without an adapter to start from');
  }
  if (method === 'full') unused.set('seeds.init', 'with method full').set('seeds.dropout', 'with method full');
  else {
    if (adapter !== null) unused.set('seeds.init', 'with an adapter to start from');
    if (recipe.lora.dropout === 0) unused.set('seeds.dropout', 'without dropout');
  }
  if (frames.pick !== 'random') unused.set('seeds.frames', `with frames.pick ${frames.pick}`);
  if ((data.validation === null || 'split' in data.validation) && data.fold === null) {
    unused.set('seeds.split', 'where neither validation holds a share of the rows out nor a fold is left out');
  }
  if (loss !== 'soft-label') unused.set('softLabelStd', `with loss ${loss}`);
  if (objectives[loss].auxiliary === undefined) unused.set('auxiliaryWeight', `with loss ${loss}`);
  if (frames.count === 1) unused.set('frames.as', 'with one frame');
  if (frames.count === 1 || frames.as === 'images') {
    unused.set('frames.positions', frames.count === 1 ? 'with one frame' : 'with frames as images');
  }
  if (data.validation === null) unused.set('evaluation', 'without validation rows');
  const ofEngine = {
    onnx: ['provider', 'prepack', 'maxMemory'],
    torch: ['devices', 'shard', 'precision', 'restarts'],
  };
  for (const key of ofEngine[runtime.engine === 'onnx' ? 'torch' : 'onnx']) {
    unused.set(`runtime.${key}`, `with runtime.engine ${runtime.engine}`);
  }
  return unused;
}

/**
 * Why a key is without effect.
 * @param unused - from {@link unusedKeys}
 * @param key - a key, joined by dots
 * @returns the reason, or undefined when it has an effect
 */
export function reasonUnused(unused: ReadonlyMap<string, string>, key: string): string | undefined {
  return unused.get(key) ?? unused.get(key.split('.')[0]!);
}
