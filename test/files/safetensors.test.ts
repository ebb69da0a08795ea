// safetensors files: the reference library's bytes, every 16-bit number, and headers that lie.
import { createHash } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/index.ts';
import type { FloatDtype } from '../../src/files/index.ts';
import { readSafetensorsHeader, readTensor, writeSafetensors } from '../../src/files/index.ts';
import { narrow, widen } from '../../src/files/half.ts';
import { temporaryFolder } from './temporary.ts';

const sha256 = (bytes: NodeJS.ArrayBufferView): string => createHash('sha256').update(bytes).digest('hex');

/** Hashes of what numpy 2 and torch 2.13 make of the same bits (NaN left out). */
describe('16-bit floats', () => {
  it('widen as in numpy, all 65,536', () => {
    const bits = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
    const values = new Float32Array(bits.length);
    widen('F16', bits, values);
    expect(sha256(values.filter((value) => !Number.isNaN(value)))).toBe(
      '680bbc22915f61aa1bbfc7265bc3882a6aa42d299bfd2c571807196e5544de2e',
    );
    expect(values.filter((value) => Number.isNaN(value))).toHaveLength(2 * 1023);
  });

  it('narrow as in numpy and torch, a million numbers of all sizes', () => {
    const words = Uint32Array.from({ length: 1 << 20 }, (_, i) => Math.imul(i, 2654435761));
    const values = new Float32Array(words.buffer).filter((value) => !Number.isNaN(value));
    expect(sha256(narrow('F16', values))).toBe('e96558fe676da48d685ada60f2b49e32b5f13110053f9a4bdc51cffb4abbc63a');
    expect(sha256(narrow('BF16', values))).toBe('5fb1a6a62738b056d5438844aebf6d9a3281ce8ba7c6eeb9b826cc424dad242a');
  });

  it.each(['F16', 'BF16'] as const)(
    '%s: all numbers come back; midpoints go to even; what is near goes near',
    (dtype) => {
      const bits = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
      const values = new Float32Array(bits.length);
      widen(dtype, bits, values);
      const back = narrow(dtype, values);
      const isNan = (i: number): boolean => Number.isNaN(values[i]);
      expect(bits.findIndex((b, i) => (isNan(i) ? false : back[i] !== b))).toBe(-1);
      const again = new Float32Array(bits.length);
      widen(dtype, back, again);
      expect(again.findIndex((value, i) => isNan(i) !== Number.isNaN(value))).toBe(-1);
      const infinity = dtype === 'F16' ? 0x7c00 : 0x7f80;
      const wrong: number[] = [];
      for (let i = 0; i < infinity - 1; i++) {
        // float32 holds midpoints of neighbours exactly; its own neighbours are one bit away.
        const middle = Float32Array.of((values[i]! + values[i + 1]!) / 2);
        const word = new Uint32Array(middle.buffer)[0]!;
        const around = new Float32Array(Uint32Array.of(word - 1, word, word + 1).buffer);
        const want = [i, i % 2 === 0 ? i : i + 1, i + 1];
        if (narrow(dtype, around).some((got, k) => got !== want[k])) wrong.push(i);
      }
      expect(wrong).toEqual([]);
    },
  );
});

describe('NaN', () => {
  it.each(['F16', 'BF16'] as const)('%s: stays one, whichever of its bits are lost', (dtype) => {
    // Payloads in the highest, a middle and the lowest bit, of both signs: cut off, the last would be infinities.
    const words = Uint32Array.of(0x7fc00000, 0x7f802000, 0x7f800001, 0xff800001, 0x7fffffff, 0xffffffff);
    const bits = narrow(dtype, new Float32Array(words.buffer));
    const back = new Float32Array(bits.length);
    widen(dtype, bits, back);
    expect([...back]).toEqual(Array.from(words, () => NaN));
    expect(Array.from(bits, (b) => b >>> 15)).toEqual([0, 0, 0, 1, 0, 1]);
  });
});

const sample = new Map([
  ['layers.10.w', { data: Float32Array.from({ length: 6 }, (_, i) => i / 7), shape: [2, 3] }],
  ['layers.2.w', { data: Float32Array.of(1e-6, -70000, 3.3), shape: [3] }],
  ['é', { data: new Float32Array(0), shape: [0, 4] }],
  ['Z', { data: () => Promise.resolve(Float32Array.of(2.5)), shape: [] }],
]);
/** SHA-256 of `safetensors.torch.save` (safetensors 0.8) of the same tensors. */
const savedByReference: Record<FloatDtype, string> = {
  F32: 'd03ec121813eafbddec348ac6185e918f33acf6af8acec817092575da2c2e5c4',
  F16: '202b889f0ba0ab0142fb30be4a149efd60c4eefd55b6b695ef75fa6d0c8dda28',
  BF16: '04d8a6491da33c82ea8eba8b907878b7923dbfd4bfc5f687e08618ea35b1ce7b',
};

describe('safetensors', () => {
  it.each(['F32', 'F16', 'BF16'] as const)('%s files have the bytes of the reference library', async (dtype) => {
    const file = join(temporaryFolder(), 'a.safetensors');
    await writeSafetensors(file, sample, { format: 'pt' }, dtype);
    expect(sha256(readFileSync(file))).toBe(savedByReference[dtype]);
    const header = await readSafetensorsHeader(file);
    expect(header.metadata).toEqual({ format: 'pt' });
    expect([...header.tensors.keys()]).toEqual(['Z', 'layers.10.w', 'layers.2.w', 'é']);
    const want = Float32Array.of(1e-6, -70000, 3.3);
    const rounded = new Float32Array(3);
    if (dtype !== 'F32') widen(dtype, narrow(dtype, want), rounded);
    const infinite = expect.stringContaining('"layers.2.w": expected finite numbers, got -Infinity at 1') as string;
    const got = await readTensor(header, 'layers.2.w').catch((error: unknown) => (error as Error).message);
    expect(got).toEqual({ F32: want, F16: infinite, BF16: rounded }[dtype]);
    expect(await readTensor(header, 'é')).toHaveLength(0);
    await expect(readTensor(header, 'x')).rejects.toMatchObject({ code: 'bad-checkpoint' });
  });

  it('moves tensors larger than its buffer', async () => {
    const file = join(temporaryFolder(), 'a.safetensors');
    const data = Float32Array.from({ length: (1 << 21) + 5 }, (_, i) => i % 251);
    await writeSafetensors(file, new Map([['x', { data, shape: [data.length] }]]), {}, 'BF16');
    const got = await readTensor(await readSafetensorsHeader(file), 'x');
    expect(got.length === data.length && got.every((value, i) => value === data[i])).toBe(true);
  });

  it('leaves no file when a tensor has another size than its shape', async () => {
    const file = join(temporaryFolder(), 'a.safetensors');
    const wrong = new Map([['x', { data: new Float32Array(3), shape: [2, 2] }]]);
    await expect(writeSafetensors(file, wrong)).rejects.toThrow('expected 4 elements');
    await expect(readSafetensorsHeader(file)).rejects.toMatchObject({ code: 'bad-checkpoint' });
  });

  it('notices when the file has become shorter since', async () => {
    const file = join(temporaryFolder(), 'a.safetensors');
    await writeSafetensors(file, sample);
    const header = await readSafetensorsHeader(file);
    truncateSync(file, 300);
    await expect(readTensor(header, 'layers.2.w')).rejects.toThrow('expected bytes at 308, got the end of the file');
  });
});

/** A file with the given header text and as many bytes of data. */
function fileWith(header: string | Buffer, data = 0, announced?: bigint): string {
  const file = join(temporaryFolder(), 'hostile.safetensors');
  const text = Buffer.from(header);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(announced ?? BigInt(text.length));
  writeFileSync(file, Buffer.concat([prefix, text, Buffer.alloc(data)]));
  return file;
}

const entry = (begin: number, end: number, shape = `[${(end - begin) / 4}]`, dtype = 'F32'): string =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`;

describe('hostile headers', () => {
  it.each<[string, string | Buffer, number, string | RegExp, bigint?]>([
    ['more than the file', '{}', 0, 'a header of at most 2 bytes, got 18446744073709551615', 2n ** 64n - 1n],
    ['one byte more than the file', '{}', 0, 'a header of at most 2 bytes, got 3', 3n],
    ['no JSON', '{"a"', 0, 'a JSON header'],
    ['an array', '[]', 0, 'begins with {'],
    ['a space first', ' {}', 0, 'begins with {'],
    ['no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 0, 'a JSON header'],
    ['a name twice', `{"a":${entry(0, 4)},"b":${entry(4, 8)},"a":${entry(0, 4)}}`, 8, 'every name once'],
    ['a name twice, escaped', `{"a":${entry(0, 4)},"\\u0061":${entry(0, 4)}}`, 4, 'every name once'],
    ['a key twice', '{"a":{"dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4]}}', 4, 'every name once'],
    ['an overlap', `{"a":${entry(0, 8)},"b":${entry(4, 12)}}`, 12, '(overlap)'],
    ['the same bytes twice', `{"a":${entry(0, 8)},"b":${entry(0, 8)}}`, 8, '(overlap)'],
    ['a gap', `{"a":${entry(0, 4)},"b":${entry(8, 12)}}`, 12, '(gap)'],
    ['a gap first', `{"a":${entry(4, 8)}}`, 8, '(gap)'],
    ['bytes behind the last', `{"a":${entry(0, 4)}}`, 8, 'as its header says'],
    ['fewer bytes', `{"a":${entry(0, 400)}}`, 8, 'as its header says'],
    ['a size that does not follow', `{"a":${entry(0, 8, '[3]')}}`, 8, '12 bytes for F32'],
    ['a dtype of none', `{"a":${entry(0, 8, '[2]', 'F31')}}`, 8, 'a dtype of'],
    ['a dtype of the prototype', `{"a":${entry(0, 8, '[2]', 'toString')}}`, 8, 'a dtype of'],
    ['a product over 2⁶⁴', `{"a":${entry(0, 0, '[4294967296,4294967296,4294967296]')}}`, 0, 'fewer than 2⁵³'],
    ['a size over 2⁵³', `{"a":${entry(0, 0, '[18446744073709551616]')}}`, 0, 'whole numbers'],
    ['a negative size', `{"a":${entry(0, 4, '[-1,-1]')}}`, 4, 'whole numbers'],
    ['half an element', `{"a":${entry(0, 2, '[0.5]')}}`, 2, 'whole numbers'],
    ['offsets backwards', `{"a":${entry(4, 0, '[1]')}}`, 4, 'data_offsets 4 to 0'],
    ['offsets over 2⁶⁴', `{"a":${entry(1e30, 2e30, '[1]')}}`, 4, 'two data_offsets'],
    ['three offsets', '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}', 4, 'two data_offsets'],
    [
      'a further key',
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}',
      4,
      'dtype, shape and data_offsets',
    ],
    ['a tensor that is none', '{"a":null}', 0, 'dtype, shape and data_offsets'],
    ['lists without end', `{"a":${'['.repeat(2e5)}${']'.repeat(2e5)}}`, 0, '3 levels in the header, got more'],
    ['objects without end', `{"a":${'{"a":'.repeat(2e5)}1${'}'.repeat(2e5)}}`, 0, '3 levels in the header, got more'],
    ['metadata of numbers', '{"__metadata__":{"a":1}}', 0, '__metadata__ of texts'],
  ])('%s: is refused in one line', async (_, header, data, message, announced) => {
    const file = fileWith(header, data, announced);
    const error: unknown = await readSafetensorsHeader(file).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(UserError);
    const { code, message: got } = error as UserError;
    expect(code).toBe('bad-checkpoint');
    expect(got).toContain(`${file}: `);
    expect(got).toContain(message);
    expect(got).not.toContain('\n');
  });

  it('are read where they are only odd: names of the prototype, empty tensors, spaces behind', async () => {
    const names = ['__proto__', 'constructor', '', '0'];
    const text = `{${names.map((name, i) => `"${name}":${entry(4 * i, 4 * i + 4)}`).join()},"e":${entry(16, 16, '[0,9007199254740991,9]')}}   `;
    const { tensors } = await readSafetensorsHeader(fileWith(text, 16));
    expect([...tensors.keys()].sort()).toEqual([...names, 'e'].sort());
  });

  it.each(['', 'short', '/dev/null'])('files that are none: %s', async (content) => {
    const path = join(temporaryFolder(), 'x');
    writeFileSync(path, content);
    await expect(readSafetensorsHeader(content === '/dev/null' ? content : path)).rejects.toBeInstanceOf(UserError);
    await expect(readSafetensorsHeader(temporaryFolder())).rejects.toBeInstanceOf(UserError);
  });

  const size = fc.oneof(fc.nat(20), fc.maxSafeNat(), fc.constantFrom(-1, 0.5, 2 ** 53, 2 ** 64, 1e300));
  const odd = fc.oneof(fc.jsonValue(), fc.constantFrom('F32', 'F16', 'BF16', 'F4', 'I64', 'BOOL'));
  const tensor = fc.record(
    {
      dtype: fc.oneof({ weight: 4, arbitrary: fc.constantFrom('F32', 'F16', 'BF16', 'F4', 'I64') }, odd),
      shape: fc.oneof({ weight: 4, arbitrary: fc.array(size, { maxLength: 4 }) }, odd),
      data_offsets: fc.oneof({ weight: 4, arbitrary: fc.array(size, { minLength: 2, maxLength: 2 }) }, odd),
    },
    { requiredKeys: [] },
  );
  const headerText = fc.oneof(
    fc
      .dictionary(fc.oneof(fc.string(), fc.constant('__metadata__')), fc.oneof(tensor, odd))
      .map((v) => JSON.stringify(v)),
    fc.json(),
    fc.constantFrom('{}', `{"a":${entry(0, 4)}}`, `{"b":${entry(4, 4, '[0]')},"a":${entry(0, 4)}}`),
    fc.string(),
  );

  it('never crash and never lead out of the file', { tags: ['long'] }, async () => {
    const file = join(temporaryFolder(), 'fuzz.safetensors');
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(
        headerText,
        fc.oneof(fc.nat(40), fc.constantFrom(0, 4)),
        fc.option(fc.bigInt(0n, 2n ** 64n - 1n)),
        async (text, data, announced) => {
          const bytes = Buffer.from(text);
          const prefix = Buffer.alloc(8);
          prefix.writeBigUInt64LE(announced ?? BigInt(bytes.length));
          writeFileSync(file, Buffer.concat([prefix, bytes, Buffer.alloc(data)]));
          if (await isSound(file)) accepted++;
        },
      ),
      { numRuns: 800 },
    );
    expect(accepted).toBeGreaterThan(0);
  });

  it('never crash when a sound file is changed in a few bytes or cut', { tags: ['long'] }, async () => {
    const file = join(temporaryFolder(), 'fuzz.safetensors');
    await writeSafetensors(file, sample);
    const sound = readFileSync(file);
    const change = fc.tuple(fc.nat(sound.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 4 }), fc.nat(sound.length), async (changes, length) => {
        const bytes = Buffer.from(sound);
        for (const [at, value] of changes) bytes[at] = value;
        writeFileSync(file, length % 2 === 0 ? bytes : bytes.subarray(0, length));
        await isSound(file);
      }),
      { numRuns: 800 },
    );
  });
});

/** Whether a file is accepted; if so, all its tensors must lie in it and be readable; if not, the user must be told. */
async function isSound(file: string): Promise<boolean> {
  try {
    const header = await readSafetensorsHeader(file);
    const fileSize = readFileSync(file).length;
    for (const [name, { dtype, offset, length }] of header.tensors) {
      expect(offset >= 8 && offset + length <= fileSize).toBe(true);
      if (['F32', 'F16', 'BF16'].includes(dtype)) await readTensor(header, name);
    }
    return true;
  } catch (error) {
    if (error instanceof UserError && error.code === 'bad-checkpoint') return false;
    throw error;
  }
}
