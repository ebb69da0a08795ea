// Safetensors and JSON files that were spoilt: never read out of bounds, never more memory or time than a sound file may take.
// @module-tag long
import { execFileSync } from 'node:child_process';
import { createWriteStream, openSync, closeSync, ftruncateSync, readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readJson, readSafetensorsHeader, readTensor, writeSafetensors } from '../../src/files/index.ts';
import { byteChanges, changedBytes, changedJson, expectBounded, jsonChanges, readOrRefuse } from './hostile.ts';
import { temporaryFolder } from './temporary.ts';

const SEED = 3;

/** A sound file and its parts. */
async function soundFile(folder: string): Promise<{ bytes: Buffer; header: unknown; data: Buffer }> {
  const file = join(folder, 'sound.safetensors');
  const tensors = new Map(
    ['a.weight', 'b.weight', 'c.bias', 'empty'].map((name, i) => {
      const shape = name === 'empty' ? [0, 3] : [i + 1, 4];
      return [name, { data: new Float32Array(shape[0]! * shape[1]!).fill(i), shape }] as const;
    }),
  );
  await writeSafetensors(file, tensors, { format: 'pt', by: 'test' });
  const bytes = readFileSync(file);
  const length = Number(bytes.readBigUInt64LE());
  const header: unknown = JSON.parse(bytes.toString('utf8', 8, 8 + length));
  return { bytes, header, data: bytes.subarray(8 + length) };
}

/** Reads all of a file; every tensor that is accepted must lie in it and have as many numbers as its shape says. */
async function readAll(file: string): Promise<void> {
  const header = await readSafetensorsHeader(file);
  const size = readFileSync(file).length;
  for (const [name, { dtype, shape, offset, length }] of header.tensors) {
    expect(offset >= 8 && offset + length <= size).toBe(true);
    if (!['F32', 'F16', 'BF16'].includes(dtype)) continue;
    const values = await readTensor(header, name);
    expect(values.length).toBe(shape.reduce((a, b) => a * b, 1));
    expect(values.every((value) => Number.isFinite(value))).toBe(true);
  }
}

function withHeader(file: string, header: string, data: Buffer): void {
  const text = Buffer.from(header);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(file, Buffer.concat([prefix, text, data]));
}

describe('safetensors files', () => {
  it('with one part of the header changed: whole and in bounds, or refused', async () => {
    const folder = temporaryFolder();
    const { header, data } = await soundFile(folder);
    const file = join(folder, 'spoilt.safetensors');
    await fc.assert(
      fc.asyncProperty(jsonChanges, async (changes) => {
        withHeader(file, changedJson(header, changes), data);
        await readOrRefuse(() => readAll(file), file);
      }),
      { numRuns: 600, seed: SEED },
    );
  });

  it('with bytes set, inserted, deleted, repeated or cut: whole and in bounds, or refused', async () => {
    const folder = temporaryFolder();
    const { bytes } = await soundFile(folder);
    const file = join(folder, 'spoilt.safetensors');
    await fc.assert(
      fc.asyncProperty(byteChanges, async (changes) => {
        writeFileSync(file, changedBytes(bytes, changes));
        await readOrRefuse(() => readAll(file), file);
      }),
      { numRuns: 1000, seed: SEED },
    );
  });

  it('with NaN or infinite numbers are refused by tensor and place, beyond the first piece too', async () => {
    const file = join(temporaryFolder(), 'a.safetensors');
    const data = new Float32Array((1 << 20) + 9);
    for (const dtype of ['F32', 'F16', 'BF16'] as const) {
      for (const [value, at] of [
        [NaN, 3],
        [-Infinity, (1 << 20) + 8],
      ] as const) {
        await writeSafetensors(
          file,
          new Map([['x', { data: data.fill(0).fill(value, at), shape: [data.length] }]]),
          {},
          dtype,
        );
        const read = readTensor(await readSafetensorsHeader(file), 'x');
        await expect(read).rejects.toThrow(`${file}: "x": expected finite numbers, got ${value} at ${at}`);
      }
    }
  });

  it('of a million tensors, in a header that the format allows: are refused at once', async () => {
    const file = join(temporaryFolder(), 'million.safetensors');
    const entries = function* (): Generator<string> {
      for (let i = 0; i < 1e6; i++) yield `"model.layers.${i}.w":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`;
    };
    await writeHeader(file, entries());
    await expectBounded(async () => {
      await expect(readSafetensorsHeader(file)).rejects.toThrow(
        /expected a header of at most 10000000 bytes, got \d{8} /,
      );
    }, 1);
  });

  const tensors = (n: number): string =>
    `{${Array.from({ length: n }, (_, i) => `"layers.${i}.weight":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`).join()}}`;
  it.each<[string, () => string, string]>([
    ['100,000 tensors', () => tensors(100_000), 'was read'],
    ['one more', () => tensors(100_001), 'expected at most 100000 tensors, got more'],
    ['a list of objects', () => `{"a":[${'{},'.repeat(3.3e6)}0]}`, 'expected at most 100000 tensors, got more'],
    ['a list of numbers', () => `{"a":[${'1,'.repeat(4.9e6)}0]}`, '"a": expected dtype, shape and data_offsets'],
    [
      'a sound tensor of as many sizes',
      () => `{"a":{"dtype":"F32","shape":[${'1,'.repeat(4.9e6)}0],"data_offsets":[0,0]}}`,
      'was read',
    ],
    ['a text without end', () => `{"a${'\\'.repeat(9e6)}`, 'expected a JSON header'],
    ['spaces', () => `{"a" ${' '.repeat(9e6)}`, 'expected a JSON header'],
  ])('of 10 MB of header, %s: take no more than 300 MB and 2 s', async (_, header, message) => {
    const file = join(temporaryFolder(), 'large.safetensors');
    withHeader(file, header(), Buffer.alloc(0));
    const read = (): Promise<string> =>
      readSafetensorsHeader(file).then(
        () => `${file}: was read`,
        (error: unknown) => (error as Error).message,
      );
    await expectBounded(async () => {
      expect(await read()).toContain(`${file}: ${message}`);
    }, 2);
  });
});

/** Writes a file of a header and no data, without holding it in memory. */
async function writeHeader(file: string, entries: Iterable<string>): Promise<void> {
  const stream = createWriteStream(file);
  let length = 0;
  const write = async (text: string): Promise<void> => {
    length += text.length;
    if (!stream.write(text)) await once(stream, 'drain');
  };
  stream.write(Buffer.alloc(8));
  let piece = '{';
  for (const entry of entries) {
    piece += length + piece.length > 1 ? `,${entry}` : entry;
    if (piece.length < 1 << 16) continue;
    await write(piece);
    piece = '';
  }
  await write(`${piece}}`);
  stream.end();
  await once(stream, 'finish');
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(length));
  const handle = createWriteStream(file, { flags: 'r+', start: 0 });
  handle.end(prefix);
  await once(handle, 'finish');
}

describe('JSON files', () => {
  it.each([
    ['of 10 GB', 10e9, 'expected at most 16000000 bytes, got 10000000000'],
    ['of zeros', 1e6, 'expected JSON, got'],
  ])('%s are refused', async (_, size, message) => {
    const file = join(temporaryFolder(), 'a.json');
    const handle = openSync(file, 'w');
    ftruncateSync(handle, size); // sparse
    closeSync(handle);
    await expectBounded(() => expect(readJson(file)).rejects.toThrow(`${file}: ${message}`), 1);
  });

  it('of too many values are refused before they are parsed', async () => {
    const file = join(temporaryFolder(), 'a.json');
    writeFileSync(file, `[${'{},'.repeat(5e6)}0]`);
    await expectBounded(() => expect(readJson(file)).rejects.toThrow('expected at most 1000000 values, got more'), 1);
  });

  it('that are folders, devices or pipes are refused, and nobody waits', async () => {
    const folder = temporaryFolder();
    const pipe = join(folder, 'pipe.json');
    execFileSync('mkfifo', [pipe]);
    for (const path of [folder, '/dev/zero', pipe]) {
      await expectBounded(
        () => expect(readJson(path)).rejects.toThrow('expected a file, got something that is none'),
        1,
      );
      await expectBounded(
        () => expect(readSafetensorsHeader(path)).rejects.toThrow('got something that is no file'),
        1,
      );
    }
  });
});
