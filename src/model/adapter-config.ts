// adapter_config.json as PEFT 0.21 writes it, and which of its settings can be served.
import { join } from 'node:path';
import { z } from 'zod';
import { UserError, show } from '../core/index.ts';
import { readJson } from '../files/index.ts';
import type { LoraOptions, LoraTarget } from './lora.ts';
import { loraTargets } from './lora.ts';

/** What adapter_config.json says. */
export interface AdapterConfig {
  /** The base model, as the trainer named it; null where it does not say. */
  baseModel: string | null;
  /** Rank, scale, dropout. The targets follow from the tensors. */
  lora: Omit<LoraOptions, 'targets'>;
}

const schema = z.looseObject({
  peft_type: z.string(),
  base_model_name_or_path: z.string().nullish(),
  r: z.int().positive(),
  lora_alpha: z.number().positive(),
  lora_dropout: z.number().min(0).lt(1).nullish(),
  use_rslora: z.boolean().nullish(),
});

/** Settings that change the computation, with the values under which they do not. */
const plain: Readonly<Record<string, (value: unknown) => boolean>> = {
  use_dora: (v) => v === false,
  bias: (v) => v === 'none',
  modules_to_save: isEmpty,
  rank_pattern: isEmpty,
  alpha_pattern: isEmpty,
  layer_replication: isEmpty,
  trainable_token_indices: isEmpty,
  target_parameters: isEmpty,
  lora_bias: (v) => v === false,
  fan_in_fan_out: (v) => v === false,
  alora_invocation_tokens: isEmpty,
};

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/**
 * Reads adapter_config.json.
 * @param folder - the adapter's folder
 * @throws UserError `bad-checkpoint` when it is missing or wrong; `not-supported` for kinds of adapters that are not served
 */
export async function readAdapterConfig(folder: string): Promise<AdapterConfig> {
  const path = join(folder, 'adapter_config.json');
  const json = await readJson(path, 'bad-checkpoint');
  if (json === undefined) throw new UserError('bad-checkpoint', `${folder}: expected adapter_config.json, got none`);
  const result = schema.safeParse(json);
  if (!result.success) {
    const problems = result.error.issues.map(({ path: key, message }) => `${key.join('.')}: ${message}`).join('; ');
    throw new UserError('bad-checkpoint', `${path}: ${problems}`);
  }
  const config = result.data;
  if (config.peft_type !== 'LORA') {
    throw new UserError('not-supported', `${path}: expected peft_type "LORA", got ${show(config.peft_type)}`);
  }
  const odd = Object.entries(plain).filter(([key, isPlain]) => {
    const value = config[key];
    return value !== undefined && value !== null && !isPlain(value);
  });
  if (odd.length > 0) {
    const got = odd.map(([key]) => `${key} ${show(config[key])}`).join(', ');
    throw new UserError('not-supported', `${path}: expected plain LoRA, got ${got}`);
  }
  return {
    baseModel: config.base_model_name_or_path ?? null,
    lora: {
      rank: config.r,
      alpha: config.lora_alpha,
      dropout: config.lora_dropout ?? 0,
      rslora: config.use_rslora ?? false,
    },
  };
}

/**
 * adapter_config.json for PEFT. `target_modules` is a pattern anchored at the language model, so that PEFT does not wrap the
 * vision tower's layers of the same names.
 * @param lora - the adapter's options
 * @param baseModel - folder or name of the base model
 */
export function adapterConfigJson(lora: LoraOptions, baseModel: string | null): Record<string, unknown> {
  const part = (names: readonly LoraTarget[], module: string): string[] => {
    const own = names.filter((name) => lora.targets.includes(name));
    return own.length === 0 ? [] : [`${module}\\.(${own.join('|')})`];
  };
  const parts = [...part(loraTargets.slice(0, 4), 'self_attn'), ...part(loraTargets.slice(4), 'mlp')];
  return {
    peft_type: 'LORA',
    auto_mapping: null,
    base_model_name_or_path: baseModel,
    task_type: 'CAUSAL_LM',
    inference_mode: true,
    r: lora.rank,
    lora_alpha: lora.alpha,
    lora_dropout: lora.dropout,
    use_rslora: lora.rslora,
    use_dora: false,
    fan_in_fan_out: false,
    bias: 'none',
    modules_to_save: null,
    rank_pattern: {},
    alpha_pattern: {},
    target_modules: `.*language_model\\.layers\\.\\d+\\.(${parts.join('|')})`,
  };
}
