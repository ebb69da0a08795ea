// Small checkpoints on disk with weights of a formula, as golden-adapter.py and golden-model.py of test/reference make them.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeSafetensors } from '../../src/files/index.ts';
import type { QwenTextConfig, QwenVisionConfig } from '../../src/model/families/qwen2-5-vl/config.ts';
import { fileName, weightShapes } from '../../src/model/families/qwen2-5-vl/weights.ts';
import type { ModelConfig } from '../../src/model/families/sizes.ts';
import { parseFamilyConfig } from '../../src/model/model-config.ts';

/** The folder of the adapter that PEFT wrote. */
export const peftFolder: string = fileURLToPath(new URL('golden/adapter', import.meta.url));

/** config.json of the base of that adapter, as transformers 5.17 writes it; a fresh copy. */
export function baseConfig(): Config {
  return JSON.parse(readFileSync(join(peftFolder, 'base-config.json'), 'utf8')) as Config;
}

/** A parsed config.json. */
export interface Config extends Record<string, unknown> {
  text_config: Record<string, unknown>;
  vision_config: Record<string, unknown>;
}

/** Checks a parsed config.json of the only family that there is. */
export function parseQwenConfig(json: unknown, where: string): ModelConfig<QwenTextConfig, QwenVisionConfig> {
  return parseFamilyConfig(json, where).config as ModelConfig<QwenTextConfig, QwenVisionConfig>;
}

/** The formula of the reference scripts. */
export function formula(name: string, size: number, scale: number, offset = 0): Float32Array {
  let seed = 0;
  for (let i = 0; i < name.length; i++) seed += name.charCodeAt(i) * (i + 1);
  return Float32Array.from({ length: size }, (_, i) => {
    const x = Math.sin(i * 12.9898 + seed) * 43758.5453;
    return ((x - Math.floor(x)) * 2 - 1) * scale + offset;
  });
}

/** A tensor in a file of tests. */
export interface FileTensor {
  data: Float32Array;
  shape: number[];
}

/** Weights of the base by canonical name. */
export function baseWeights(config: unknown = baseConfig()): Map<string, FileTensor> {
  const { text, vision } = parseQwenConfig(config, 'config.json');
  const weights = [...weightShapes(text, vision)].map(([name, shape]): [string, FileTensor] => {
    const size = shape.reduce((a, b) => a * b, 1);
    return [name, { data: formula(name, size, 0.2, shape.length === 1 && !name.endsWith('.bias') ? 1 : 0), shape }];
  });
  return new Map(weights);
}

/** Writes config.json and one file of weights, with the names that they get in it. */
export async function writeBase(
  folder: string,
  options: {
    config?: unknown;
    tensors?: ReadonlyMap<string, FileTensor>;
    rename?: (name: string) => string;
    dtype?: 'F32' | 'F16' | 'BF16';
  } = {},
): Promise<string> {
  const { config = baseConfig(), tensors = baseWeights(), rename = fileName, dtype = 'F32' } = options;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  const named = new Map([...tensors].map(([name, tensor]) => [rename(name), tensor]));
  await writeSafetensors(join(folder, 'model.safetensors'), named, { format: 'pt' }, dtype);
  return folder;
}
