// adapter_config.json as PEFT 0.21 writes it: which modules it trains, and which of its settings can be served.
import { join } from 'node:path';
import { z } from 'zod';
import type { ApartLimits } from '../core/index.ts';
import { UserError, runApart, show } from '../core/index.ts';
import { readJson } from '../files/index.ts';
import { parseHubName } from './hub/index.ts';
import type { ModelFamily } from './families/types.ts';
import type { LoraOptions } from './lora-options.ts';
import { firstLoraLayer } from './lora.ts';
import { listProblems, placeSchema, shortList } from './problems.ts';

/** What adapter_config.json says. */
export interface AdapterConfig {
  /** The base model, as the trainer named it; null where it does not say. */
  baseModel: string | null;
  /** Rank, scale, dropout. */
  lora: Omit<LoraOptions, 'targets' | 'layers'>;
  /**
   * Which of some modules `target_modules` and `exclude_modules` choose, as PEFT reads them.
   * @param names - what the modules are called in one version of transformers
   * @returns whether each is chosen, in their order
   * @throws UserError `not-supported` for a pattern that JavaScript has not, or that takes more than a second of processor time
   */
  chosen(names: readonly string[]): boolean[];
}

/** A list of names in full has 1,400 for the 72B model; a pattern of them all is shorter. */
const namesSchema = z.union([z.string().max(100_000), shortList(10_000).pipe(z.array(z.string()))]).nullish();
const schema = z.looseObject({
  peft_type: z.string(),
  base_model_name_or_path: placeSchema.nullish(),
  revision: placeSchema.nullish(),
  r: z.int().positive(),
  lora_alpha: z.number().min(1e-6).max(1e6),
  lora_dropout: z.number().min(0).lt(1).nullish(),
  use_rslora: z.boolean().nullish(),
  bias: z.string().nullish(),
  init_lora_weights: z.union([z.boolean(), z.string()]).nullish(),
  target_modules: namesSchema,
  exclude_modules: namesSchema,
});

/** Settings that say nothing about what the finished adapter computes. */
const harmless: ReadonlySet<string> = new Set([
  ...Object.keys(schema.shape),
  'auto_mapping',
  'corda_config',
  'ensure_weight_tying',
  'eva_config',
  'inference_mode',
  'loftq_config',
  'lora_ga_config',
  'megatron_core',
  'peft_version',
  'qalora_group_size',
  'task_type',
]);

/** Ways of initialising that leave the base weights as they are. The others (PiSSA, OLoRA, …) change them at every load. */
const plainInits: readonly unknown[] = [undefined, null, true, false, 'gaussian', 'eva', 'orthogonal'];

/** Whether a setting is as if it were not there. */
function isOff(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === undefined || value === null || value === false;
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
    const problems = result.error.issues.map(({ path: key, message }) => `${key.join('.')}: ${message}`);
    throw new UserError('bad-checkpoint', `${path}: ${listProblems(problems)}`);
  }
  const config = result.data;
  if (config.peft_type !== 'LORA') {
    throw new UserError('not-supported', `${path}: expected peft_type "LORA", got ${show(config.peft_type)}`);
  }
  const odd = Object.keys(config).filter((key) => !harmless.has(key) && !isOff(config[key]));
  if ((config.bias ?? 'none') !== 'none') odd.push('bias');
  if (!plainInits.includes(config.init_lora_weights)) odd.push('init_lora_weights');
  if (odd.length > 0) {
    const got = listProblems(odd.map((key) => `${key} ${show(config[key])}`));
    throw new UserError('not-supported', `${path}: expected plain LoRA, got ${got}`);
  }
  const { target_modules: targets, exclude_modules: excluded } = config;
  if (targets === 'all-linear' || isOff(targets)) {
    throw new UserError('not-supported', `${path}: expected target_modules by name or pattern, got ${show(targets)}`);
  }
  return {
    baseModel: baseModelOf(config.base_model_name_or_path, config.revision),
    lora: {
      rank: config.r,
      alpha: config.lora_alpha,
      dropout: config.lora_dropout ?? 0,
      rslora: config.use_rslora ?? false,
    },
    chosen: (names) => {
      const isIn = matcher(targets!, names, `${path}: target_modules`);
      const isOut = isOff(excluded) ? () => false : matcher(excluded!, names, `${path}: exclude_modules`);
      return names.map((name) => isIn(name) && !isOut(name));
    },
  };
}

/** PEFT names the revision of a model of the hub apart. */
function baseModelOf(name: string | null | undefined, revision: string | null | undefined): string | null {
  const pinned = `${name}@${revision}`;
  return revision && revision !== 'main' && parseHubName(pinned) !== null ? pinned : (name ?? null);
}

/** Somebody else's pattern may backtrack without end: a process of its own can be stopped, by the processor time it takes. */
const child = `({ source, names }) => {
  const pattern = new RegExp(source, 'u');
  return names.map((name) => pattern.test(name));
}`;
const childLimits: ApartLimits = { cpuMs: 1000, memoryMb: 64, maxReply: 1_000_000 };

/**
 * Whether a pattern cannot backtrack for long, as ours and most others: no group is repeated, and at most two parts are, so that the
 * work is at most the square of a name.
 */
function isPlain(pattern: string): boolean {
  const bare = pattern.replaceAll(/\\./gsu, 'x').replaceAll(/\[[^\]]*\]/gu, 'x');
  const repeated = bare.match(/[*+]|\{\d/gu) ?? [];
  return pattern.length <= 10_000 && repeated.length <= 2 && !/\)[*+?{]/u.test(bare) && !/\(\?</u.test(bare);
}

/** PEFT's rule: a text is a pattern for the whole name; a list has whole names or their endings behind a dot. */
function matcher(wanted: string | string[], names: readonly string[], where: string): (name: string) => boolean {
  if (typeof wanted !== 'string') {
    const endings = new Set(wanted);
    return (name) => {
      if (endings.has(name)) return true;
      const parts = name.split('.');
      return parts.some((_, i) => i > 0 && endings.has(parts.slice(i).join('.')));
    };
  }
  let matching: boolean[];
  try {
    const pattern = new RegExp(`^(?:${wanted})$`, 'u');
    matching = isPlain(wanted)
      ? names.map((name) => pattern.test(name))
      : (runApart(child, { source: pattern.source, names }, childLimits) as boolean[]);
  } catch (cause) {
    // The message of a wrong pattern repeats it, whatever its length.
    const got = `${show(wanted)} (${show((cause as Error).message.split(': ').at(-1))})`;
    throw new UserError('not-supported', `${where}: expected a pattern that can be matched, got ${got}`, { cause });
  }
  const found = new Set(names.filter((_, i) => matching[i]));
  return (name) => found.has(name);
}

/**
 * adapter_config.json for PEFT, with all that PEFT 0.21 writes. `target_modules` is a pattern anchored at the language model, so
 * that PEFT does not wrap the vision tower's layers of the same names.
 * @param family - the base model's
 * @param lora - the adapter's options
 * @param numLayers - decoder layers of the base model
 * @param baseModel - folder or name of the base model
 */
export function adapterConfigJson(
  family: ModelFamily,
  lora: LoraOptions,
  numLayers: number,
  baseModel: string | null,
): Record<string, unknown> {
  const pinned = baseModel?.includes('@') === true ? parseHubName(baseModel) : null;
  const first = firstLoraLayer(lora, numLayers);
  const layers = Array.from({ length: numLayers - first }, (_, i) => first + i);
  return {
    alora_invocation_tokens: null,
    alpha_pattern: {},
    arrow_config: null,
    auto_mapping: null,
    base_model_name_or_path: pinned?.repo ?? baseModel,
    bias: 'none',
    corda_config: null,
    ensure_weight_tying: false,
    eva_config: null,
    exclude_modules: null,
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    kasa_config: null,
    layer_replication: null,
    layers_pattern: null,
    layers_to_transform: null,
    loftq_config: {},
    lora_alpha: lora.alpha,
    lora_bias: false,
    lora_dropout: lora.dropout,
    lora_ga_config: null,
    megatron_config: null,
    megatron_core: 'megatron.core',
    modules_to_save: null,
    monteclora_config: null,
    peft_type: 'LORA',
    peft_version: '0.21.0',
    qalora_group_size: 16,
    r: lora.rank,
    rank_pattern: {},
    revision: pinned?.revision ?? null,
    target_modules: family.lora.targetModules(lora.targets, first === 0 ? null : layers),
    target_parameters: null,
    task_type: 'CAUSAL_LM',
    trainable_token_indices: null,
    use_bdlora: null,
    use_dora: false,
    use_qalora: false,
    use_rslora: lora.rslora,
    velora_config: null,
  };
}
