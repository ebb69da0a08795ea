// Models of given sizes whose weights are zeros, in files that take no place on disk; and how much memory workers have held.
import { readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Checkpoint } from '../../../src/model/index.ts';
import { createRandomCheckpoint, openCheckpoint } from '../../../src/model/index.ts';
import { fileName, weightShapes } from '../../../src/model/families/qwen2-5-vl/weights.ts';
import { parseQwenConfig } from '../../model/checkpoint-fixtures.ts';

/** Sizes of a text model; heads are 64 wide, half as many for keys. */
export interface Sizes {
  layers: number;
  width: number;
  mlp: number;
}

/** Writes a model with the tower and the tokenizer of `tiny`. */
export async function writeSized(folder: string, { layers, width, mlp }: Sizes): Promise<Checkpoint> {
  await createRandomCheckpoint(folder, { preset: 'tiny' });
  const path = join(folder, 'config.json');
  const config = JSON.parse(readFileSync(path, 'utf8')) as {
    text_config: Record<string, unknown>;
    vision_config: Record<string, unknown>;
  };
  Object.assign(config.text_config, {
    hidden_size: width,
    intermediate_size: mlp,
    num_hidden_layers: layers,
    num_attention_heads: width / 64,
    num_key_value_heads: width / 128,
    max_window_layers: layers,
    layer_types: Array.from({ length: layers }, () => 'full_attention'),
    rope_parameters: { rope_type: 'default', rope_theta: 1e6, mrope_section: [8, 12, 12] },
  });
  config.vision_config['out_hidden_size'] = width;
  writeFileSync(path, JSON.stringify(config));
  const { text, vision } = parseQwenConfig(config, path);
  const header: Record<string, unknown> = {};
  let offset = 0;
  for (const [name, shape] of weightShapes(text, vision)) {
    const end = offset + 4 * shape.reduce((a, b) => a * b, 1);
    header[fileName(name)] = { dtype: 'F32', shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const weights = join(folder, 'model.safetensors');
  rmSync(weights);
  writeFileSync(weights, Buffer.concat([length, json]));
  truncateSync(weights, 8 + json.length + offset);
  return openCheckpoint(folder);
}

/** The most memory that each worker of this process has held (VmHWM), in bytes. Linux only. */
export function peaksOfWorkers(): number[] {
  const parents = new Map<number, number>();
  const peaks = new Map<number, number>();
  for (const pid of readdirSync('/proc').map(Number)) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)![1]);
      parents.set(pid, field('PPid'));
      const isWorker = readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('engine-torch/worker.py');
      if (isWorker) peaks.set(pid, 1024 * field('VmHWM'));
    } catch {
      // not a process, or it has ended
    }
  }
  const isOurs = (pid: number): boolean => pid === process.pid || (parents.has(pid) && isOurs(parents.get(pid)!));
  return [...peaks].filter(([pid]) => isOurs(pid)).map(([, bytes]) => bytes);
}
