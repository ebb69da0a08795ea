// A hub with one model in two shards, caches to pull it into, and what tests look at.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { UserError, randomStream } from '../../src/core/index.ts';
import type { PullOptions, PulledModel } from '../../src/model/index.ts';
import type { HubSettings } from '../../src/model/hub/settings.ts';
import { pullModel } from '../../src/model/index.ts';
import { temporaryFolder } from '../files/temporary.ts';
import { baseConfig } from './checkpoint-fixtures.ts';
import type { Fault, HubRepo, TestHub } from './hub-server.ts';
import { hubRepo, sha256, startHub } from './hub-server.ts';

export let hub: TestHub;

/** Gives the tests of the file that calls it a hub, without repos before each. */
export function useHub(): void {
  beforeAll(async () => {
    hub = await startHub();
  });
  afterAll(() => hub.close());
  beforeEach(() => {
    hub.repos.clear();
    hub.faults.clear();
    hub.requests.length = 0;
    hub.listingFaults.length = 0;
  });
}

export const noise = (size: number, seed: number): Buffer => {
  const stream = randomStream(seed);
  return Buffer.from(Uint8Array.from({ length: size }, () => stream.below(256)));
};
export const SHARD: number = 300_000;
export const shardA: Buffer = noise(SHARD, 1);
export const shardB: Buffer = noise(SHARD, 2);
export const nameA = 'model-00001-of-00002.safetensors';
export const nameB = 'model-00002-of-00002.safetensors';
export const index = (...names: string[]): string =>
  JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(names.map((name, i) => [`tensor.${i}`, name])) });

/** A model in two shards among files that nobody needs. */
export function modelRepo(): HubRepo {
  return hubRepo({
    '.gitattributes': 'x',
    'README.md': 'x',
    LICENSE: 'Apache',
    'config.json': JSON.stringify(baseConfig()),
    'generation_config.json': '{}',
    'preprocessor_config.json': '{}',
    'tokenizer.json': '{"tok": "é"}',
    'tokenizer_config.json': '{}',
    'vocab.json': '{}',
    'merges.txt': '',
    'chat_template.json': '{}',
    'additional_chat_templates/tools.jinja': 'x',
    'model.safetensors.index.json': index(nameA, nameB, nameA),
    [nameA]: shardA,
    [nameB]: shardB,
    'pytorch_model.bin': 'pickle',
    'modeling_own.py': 'code',
    'onnx/model.onnx': 'x',
    'model.fp16.safetensors': 'x',
  });
}

/** Those that somebody needs. */
export const wanted: readonly string[] = [
  'LICENSE',
  'additional_chat_templates/tools.jinja',
  'chat_template.json',
  'config.json',
  'generation_config.json',
  'merges.txt',
  nameA,
  nameB,
  'model.safetensors.index.json',
  'preprocessor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'vocab.json',
];

export interface Shop {
  cacheFolder: string;
  at: (...names: string[]) => string;
  pull: (options?: PullOptions & { token?: string; offline?: boolean; endpoint?: string }) => Promise<PulledModel>;
}

/** A cache of its own. */
export function shop(name = 'Org/Model'): Shop {
  const cacheFolder = join(temporaryFolder(), 'hub');
  return {
    cacheFolder,
    at: (...names) => join(cacheFolder, `models--${name.replace('/', '--')}`, ...names),
    pull: ({ token, offline = false, endpoint = hub.endpoint, ...options } = {}) => {
      const settings: HubSettings = { endpoint, cacheFolder, token: token ?? null, offline };
      return pullModel(name, { settings, retryDelayMs: 1, ...options });
    },
  };
}

export async function refusal(run: Promise<unknown>): Promise<UserError> {
  const error = await run.then(
    () => new Error('no error'),
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

/** The blob of shard A is there, whole, and nothing else of it. */
export function expectShardA({ at }: Shop): void {
  expect(readFileSync(at('blobs', sha256(shardA))).equals(shardA)).toBe(true);
  expect(readdirSync(at('blobs')).filter((name) => name.includes('incomplete'))).toEqual([]);
}
export const busy = (): Fault[] => Array.from({ length: 6 }, () => ({ status: 500 }));
export const contentRequests = (name: string): (string | undefined)[] =>
  hub.requests.filter(({ server, path }) => server === 'store' && path.includes(name)).map(({ range }) => range);
