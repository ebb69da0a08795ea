// Model and adapter folders that were spoilt: opened with every weight in its file, or refused by name and reason in time.
// @module-tag long
import { cpSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeSafetensors } from '../../src/files/index.ts';
import type { Checkpoint } from '../../src/model/index.ts';
import { openCheckpoint, readAdapter, readAdapterConfig, readCard } from '../../src/model/index.ts';
import { fileName } from '../../src/model/families/qwen2-5-vl/weights.ts';
import { readProcessorConfig } from '../../src/model/families/qwen2-5-vl/read-processor.ts';
import {
  byteChanges,
  changedBytes,
  changedJson,
  cpuMs,
  expectBounded,
  expectRefusal,
  jsonChanges,
  readOrRefuse,
} from '../files/hostile.ts';
import { temporaryFolder } from '../files/temporary.ts';
import { baseConfig, baseWeights, peftFolder, writeBase, parseQwenConfig } from './checkpoint-fixtures.ts';
import type { FileTensor } from './checkpoint-fixtures.ts';

const runs = (numRuns: number): { numRuns: number; seed: number } => ({ numRuns, seed: 3 });
const json = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Every weight of a checkpoint lies in its file and has the bytes of its shape. */
function expectSound({ names, stored }: Checkpoint): void {
  for (const name of names) {
    const { dtype, shape, source } = stored(name);
    expect(source.length).toBe(size(shape) * (dtype === 'float32' ? 4 : 2));
    expect(source.offset + source.length <= statSync(source.file).size).toBe(true);
  }
}

/** Writes the base in two shards. */
async function writeShards(folder: string): Promise<{ weight_map: Record<string, string> }> {
  const shards = [new Map<string, FileTensor>(), new Map<string, FileTensor>()];
  const weightMap: Record<string, string> = {};
  [...baseWeights()].forEach(([name, tensor], i) => {
    shards[i % 2]!.set(fileName(name), tensor);
    weightMap[fileName(name)] = `${i % 2}.safetensors`;
  });
  for (const [i, shard] of shards.entries()) await writeSafetensors(join(folder, `${i}.safetensors`), shard);
  writeFileSync(join(folder, 'config.json'), JSON.stringify(baseConfig()));
  return { weight_map: weightMap };
}

describe('model folders', () => {
  it('with config.json changed in parts: opened whole, or refused', async () => {
    const folder = await writeBase(join(temporaryFolder(), 'base'));
    let opened = 0;
    await fc.assert(
      fc.asyncProperty(jsonChanges, async (changes) => {
        writeFileSync(join(folder, 'config.json'), changedJson(baseConfig(), changes));
        const read = await readOrRefuse(() => openCheckpoint(folder), folder);
        if (read === null) return;
        opened++;
        expectSound(read.value);
      }),
      runs(400),
    );
    expect(opened).toBeGreaterThan(10);
  });

  it('with the index changed in parts: opened whole, or refused', async () => {
    const folder = temporaryFolder();
    const index = { metadata: { total_size: 1 }, ...(await writeShards(folder)) };
    await fc.assert(
      fc.asyncProperty(jsonChanges, async (changes) => {
        writeFileSync(join(folder, 'model.safetensors.index.json'), changedJson(index, changes));
        const read = await readOrRefuse(() => openCheckpoint(folder), folder);
        if (read !== null) expectSound(read.value);
      }),
      runs(150),
    );
  });

  it('with the header of the weights changed in parts or bytes: opened whole, or refused', async () => {
    const folder = await writeBase(join(temporaryFolder(), 'base'));
    const file = join(folder, 'model.safetensors');
    const bytes = readFileSync(file);
    const end = 8 + Number(bytes.readBigUInt64LE());
    const header: unknown = JSON.parse(bytes.toString('utf8', 8, end));
    const write = (text: Buffer): void => {
      const prefix = Buffer.alloc(8);
      prefix.writeBigUInt64LE(BigInt(text.length));
      writeFileSync(file, Buffer.concat([prefix, text, bytes.subarray(end)]));
    };
    const change = fc.oneof(
      jsonChanges.map((changes) => Buffer.from(changedJson(header, changes))),
      byteChanges.map((changes) => changedBytes(bytes.subarray(8, end), changes)),
    );
    await fc.assert(
      fc.asyncProperty(change, async (text) => {
        write(text);
        const read = await readOrRefuse(() => openCheckpoint(folder), folder);
        if (read !== null) expectSound(read.value);
      }),
      runs(250),
    );
  });

  it.each(['processor_config.json', 'preprocessor_config.json'])(
    'with %s changed: numbers in range, or refused',
    async (name) => {
      const folder = temporaryFolder();
      const { vision } = parseQwenConfig(baseConfig(), '');
      const settings = {
        min_pixels: 3136,
        max_pixels: 12_845_056,
        size: { shortest_edge: 3136, longest_edge: 12_845_056 },
        image_mean: [0.5, 0.5, 0.5],
        image_std: [0.5, 0.5, 0.5],
        patch_size: 14,
        merge_size: 2,
        temporal_patch_size: 2,
      };
      const whole = name === 'processor_config.json' ? { image_processor: settings } : settings;
      await fc.assert(
        fc.asyncProperty(jsonChanges, async (changes) => {
          writeFileSync(join(folder, name), changedJson(whole, changes));
          const read = await readOrRefuse(() => readProcessorConfig(folder, vision), folder);
          if (read === null) return;
          const { minPixels, maxPixels, mean, std } = read.value;
          expect(minPixels > 0 && minPixels <= 2 ** 22 && minPixels <= maxPixels).toBe(true);
          expect([...mean, ...std].every((value) => Number.isFinite(value))).toBe(true);
        }),
        runs(150),
      );
    },
  );

  const text = (change: object): unknown => ({
    ...baseConfig(),
    text_config: { ...baseConfig().text_config, ...change },
  });
  const vision = (change: object): unknown => ({
    ...baseConfig(),
    vision_config: { ...baseConfig().vision_config, ...change },
  });
  it.each<[string, unknown, string]>([
    ['a width of 10⁹', text({ hidden_size: 1e9 }), 'text_config.hidden_size: Too big'],
    ['a million layers', text({ num_hidden_layers: 1e6 }), 'text_config.num_hidden_layers: Too big'],
    ['a vocabulary of 2⁵³', text({ vocab_size: 2 ** 53 }), 'text_config.vocab_size'],
    ['a million layers of the tower', vision({ depth: 1e6 }), 'vision_config.depth: Too big'],
    ['patches of a kilometre', vision({ patch_size: 1e6, window_size: 1e6 }), 'vision_config.patch_size: Too big'],
    ['10³⁰⁸ steps a second', vision({ tokens_per_second: 1e308 }), 'vision_config.tokens_per_second: Too big'],
    [
      'a million kinds of layers',
      text({ layer_types: Array.from({ length: 1e6 }, () => 'full_attention') }),
      'layer_types: Too big',
    ],
    ['wrong kinds of layers', text({ layer_types: Array.from({ length: 900 }, () => 1) }), '… (900 problems in all)'],
    ['lines in a name', { ...baseConfig(), model_type: 'a\nb'.repeat(1e5) }, 'model_type'],
  ])('with %s in config.json are refused in one line', (_, config, message) => {
    const error = ((): unknown => {
      try {
        return parseQwenConfig(config, 'here/config.json');
      } catch (caught) {
        return caught;
      }
    })();
    expectRefusal(error, 'here/config.json: ');
    expect((error as Error).message).toContain(message);
  });

  it('with least pixels that no frame should have are refused', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'preprocessor_config.json'), '{"min_pixels": 1e15, "max_pixels": 1e15}');
    const read = readProcessorConfig(folder, parseQwenConfig(baseConfig(), '').vision);
    await expect(read).rejects.toThrow('min_pixels: expected at most 4194304, got 1000000000000000');
  });

  it.each([
    ['a million tensors', 1e6, 'model.layers.', 'expected at most 16000000 bytes'],
    ['a million tensors with short names', 999_900, '', 'expected at most 16000000 bytes'],
    ['more tensors than there are', 100_001, '', 'expected at most 100000 tensors, got 100001'],
  ])('with an index of %s are refused', async (_, count, prefix, message) => {
    const folder = temporaryFolder();
    await writeShards(folder);
    const entries = Array.from({ length: count }, (__, i) => `"${prefix}${i}":"0.safetensors"`);
    writeFileSync(join(folder, 'model.safetensors.index.json'), `{"weight_map":{${entries.join()}}}`);
    await expectBounded(() => expect(openCheckpoint(folder)).rejects.toThrow(message), 3);
  });

  it('with names of tensors that are long or in lines are refused in one line', async () => {
    const tensors = new Map(
      Array.from({ length: 30 }, (_, i) => [
        `${i}\n\u2028${'x'.repeat(5000)}`,
        { data: new Float32Array(1), shape: [1] },
      ]),
    );
    const folder = await writeBase(join(temporaryFolder(), 'base'), { tensors, rename: (name) => name });
    const error: unknown = await openCheckpoint(folder).catch((caught: unknown) => caught);
    expectRefusal(error, folder);
    expect((error as Error).message).toContain('0\\n\\u2028xxx');
  });

  it('with a shard whose name is in lines are refused in one line', async () => {
    const folder = temporaryFolder();
    const { weight_map } = await writeShards(folder);
    for (const name of ['a\nb.safetensors', `${'x'.repeat(5000)}.safetensors`, '..\\a.safetensors', '.safetensors']) {
      writeFileSync(
        join(folder, 'model.safetensors.index.json'),
        JSON.stringify({ weight_map: { ...weight_map, x: name } }),
      );
      expectRefusal(await openCheckpoint(folder).catch((caught: unknown) => caught), folder);
    }
  });
});

describe('adapters', () => {
  const settings = json(join(peftFolder, 'adapter_config.json')) as Record<string, unknown>;
  const copy = (): string => {
    const folder = join(temporaryFolder(), 'adapter');
    cpSync(peftFolder, folder, { recursive: true });
    return folder;
  };

  it('with adapter_config.json changed in parts: read whole, or refused', async () => {
    const checkpoint = await openCheckpoint(await writeBase(join(temporaryFolder(), 'base')));
    const folder = copy();
    await fc.assert(
      fc.asyncProperty(jsonChanges, async (changes) => {
        writeFileSync(join(folder, 'adapter_config.json'), changedJson(settings, changes));
        const read = await readOrRefuse(() => readAdapter(folder, checkpoint), folder);
        for (const [name, values] of read?.value.tensors ?? []) {
          const module = name.replace(/\.lora_[AB]\.weight$/, '.weight');
          const side = checkpoint.stored(module).shape[name.includes('lora_A') ? 1 : 0]!;
          expect(values.length).toBe(read!.value.lora.rank * side);
        }
      }),
      runs(250),
    );
  });

  it('with bytes of the tensors changed: read whole and finite, or refused', async () => {
    const checkpoint = await openCheckpoint(await writeBase(join(temporaryFolder(), 'base')));
    const folder = copy();
    const bytes = readFileSync(join(folder, 'adapter_model.safetensors'));
    await fc.assert(
      fc.asyncProperty(byteChanges, async (changes) => {
        writeFileSync(join(folder, 'adapter_model.safetensors'), changedBytes(bytes, changes));
        const read = await readOrRefuse(() => readAdapter(folder, checkpoint), folder);
        const odd = [...(read?.value.tensors ?? [])].find(([, values]) => values.some((v) => !Number.isFinite(v)));
        expect(odd).toBeUndefined();
      }),
      runs(150),
    );
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['a rank of 10⁹', { r: 1e9 }, 'expected shape [1000000000,48], got [3,48]'],
    ['a long pattern that is none', { target_modules: '('.repeat(90_000) }, 'expected a pattern that can be matched'],
    ['a pattern that is longer', { target_modules: '.'.repeat(200_000) }, 'target_modules: '],
    [
      'a list of modules without end',
      { target_modules: Array.from({ length: 1e5 }, () => 'q_proj') },
      'target_modules: ',
    ],
    [
      'many settings',
      Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`use_\n${i}`, true])),
      '(5000 problems in all)',
    ],
    ['a base in lines', { base_model_name_or_path: 'a\nb' }, 'base_model_name_or_path: '],
  ])('with %s are refused in one line', async (_, change, message) => {
    const checkpoint = await openCheckpoint(await writeBase(join(temporaryFolder(), 'base')));
    const folder = copy();
    writeFileSync(join(folder, 'adapter_config.json'), JSON.stringify({ ...settings, ...change }));
    const spent = cpuMs();
    const error: unknown = await readAdapter(folder, checkpoint).catch((caught: unknown) => caught);
    expect(spent()).toBeLessThan(2500);
    expectRefusal(error, folder);
    expect((error as Error).message).toContain(message);
  });

  it('may name every module of a large model', async () => {
    const folder = copy();
    const modules = Array.from({ length: 1400 }, (_, i) => `model.layers.${i}.q_proj`);
    const names = modules.concat(Array.from({ length: 8600 }, (_, i) => `x${i}`));
    writeFileSync(join(folder, 'adapter_config.json'), JSON.stringify({ ...settings, target_modules: names }));
    const config = await readAdapterConfig(folder);
    const before = process.cpuUsage();
    expect(config.chosen(modules).every(Boolean)).toBe(true);
    expect(process.cpuUsage(before).user).toBeLessThan(1e6); // comparing each with each takes longer
  });

  it('with a card changed in parts: read, or refused', async () => {
    const folder = temporaryFolder();
    mkdirSync(folder, { recursive: true });
    const card = {
      format: 1,
      baseHash: 'a'.repeat(64),
      baseModel: 'some/base',
      frames: { pick: 'middle', count: 1, assumedFps: null },
      prompt: { template: 'own.txt', source: 'Rate this.' },
      answer: { kind: 'integer', step: 0.1 },
      positions: 'transformers',
      scale: { min: 0, max: 100, higherIsBetter: false },
      training: { manifestSha256: '0'.repeat(64), targetColumn: 'mos', numClips: 3, step: 7 },
      goldenScores: [{ inputSha256: 'f'.repeat(64), score: 3.3 }],
      writtenBy: 'iovqa 0.1.0',
    };
    await fc.assert(
      fc.asyncProperty(jsonChanges, async (changes) => {
        writeFileSync(join(folder, 'iovqa.json'), changedJson(card, changes));
        await readOrRefuse(() => readCard(folder), folder);
      }),
      runs(250),
    );
  });
});
