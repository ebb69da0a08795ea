// An adapter folded into its base: W + scale · B·A, so that any program that knows the model can use it without LoRA.
import { add, compile, input, matmul, mul, scalar } from '../graph/index.ts';
import type { Adapter } from './adapter.ts';
import type { Checkpoint } from './checkpoint.ts';
import { loraScale } from './lora.ts';

/** The weights of a merged model. Dispose of it to free its session. */
export interface MergedWeights {
  /**
   * Reads a weight, with the adapter's update where it has one: summed in float32, rounded once.
   * @param name - canonical name
   */
  read: (name: string) => Promise<Float32Array>;
  /** Frees the session. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/**
 * Folds an adapter into its base, weight by weight, as PEFT's `merge_and_unload` does.
 * @param checkpoint - the base
 */
export async function mergeAdapter(
  checkpoint: Checkpoint,
  { lora, tensors }: Pick<Adapter, 'lora' | 'tensors'>,
): Promise<MergedWeights> {
  const weight = input('weight', 'float32', ['M', 'N']);
  const update = matmul(input('b', 'float32', ['M', lora.rank]), input('a', 'float32', [lora.rank, 'N']));
  const session = await compile({ merged: add(weight, mul(update, scalar(loraScale(lora)))) });
  return {
    read: async (name) => {
      const base = await checkpoint.read(name);
      const module = name.replace(/\.weight$/, '');
      const [a, b] = [tensors.get(`${module}.lora_A.weight`), tensors.get(`${module}.lora_B.weight`)];
      if (a === undefined || b === undefined) return base;
      const [rows, columns] = checkpoint.stored(name).shape as [number, number];
      const { merged } = await session.run({
        weight: { data: base, shape: [rows, columns] },
        b: { data: b, shape: [rows, lora.rank] },
        a: { data: a, shape: [lora.rank, columns] },
      });
      return merged.data;
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
