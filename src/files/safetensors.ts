// Tensors of safetensors files: read as float32, and written the way the reference library lays them out.
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { UserError, invariant, show } from '../core/index.ts';
import { writeFileAtomic } from './atomic.ts';
import type { FloatDtype } from './half.ts';
import { narrow, widen } from './half.ts';
import type { SafetensorsDtype, SafetensorsHeader } from './safetensors-header.ts';

/** Elements that are converted or moved at a time (4 MB of float32). */
const CHUNK = 1 << 20;

/** Bytes of an element. */
export const bytesOf: Readonly<Record<FloatDtype, number>> = { F32: 4, F16: 2, BF16: 2 };

/**
 * Reads one tensor, and no other bytes.
 * @param header - the file's header
 * @param name - the tensor's name in the file
 * @returns its elements in row-major order; 16-bit ones widened exactly
 * @throws UserError `bad-checkpoint` when there is none of that name, it is not F32, F16 or BF16, a number is infinite or undefined,
 *   or the file has become shorter
 */
export async function readTensor(header: SafetensorsHeader, name: string): Promise<Float32Array> {
  const entry = header.tensors.get(name);
  if (entry === undefined) throw new UserError('bad-checkpoint', `${header.file}: expected ${show(name)}, got none`);
  const { dtype, offset, length } = entry;
  if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16') {
    throw new UserError('bad-checkpoint', `${header.file}: ${show(name)}: expected F32, F16 or BF16, got ${dtype}`);
  }
  const out = new Float32Array(length / bytesOf[dtype]);
  const file = await open(header.file, 'r');
  try {
    const chunk = dtype === 'F32' ? null : new Uint16Array(Math.min(CHUNK, out.length));
    for (let at = 0; at < out.length; at += CHUNK) {
      const part = out.subarray(at, at + CHUNK);
      const target = chunk === null ? part : chunk.subarray(0, part.length);
      const bytes = Buffer.from(target.buffer, target.byteOffset, target.byteLength);
      await readExactly(file, bytes, offset + at * bytesOf[dtype], header.file);
      if (dtype !== 'F32') widen(dtype, target as Uint16Array, part);
      for (let i = 0; i < part.length; i++) {
        if (Number.isFinite(part[i])) continue;
        const got = `${part[i]} at ${at + i}`;
        throw new UserError('bad-checkpoint', `${header.file}: ${show(name)}: expected finite numbers, got ${got}`);
      }
    }
  } finally {
    await file.close();
  }
  return out;
}

async function readExactly(file: FileHandle, bytes: Buffer, position: number, path: string): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done);
    if (bytesRead === 0) {
      throw new UserError('bad-checkpoint', `${path}: expected bytes at ${position + done}, got the end of the file`);
    }
    done += bytesRead;
  }
}

/** A tensor to write. */
export interface TensorToWrite {
  /** Elements in row-major order, or what gives them when their turn comes, so that not all need to be in memory. */
  data: Float32Array | (() => Float32Array | Promise<Float32Array>);
  /** Sizes, outermost first. */
  shape: readonly number[];
}

/**
 * Writes a safetensors file, whole or not at all, tensor by tensor. The bytes are those of the reference library.
 * @param path - its path; its folder must be there
 * @param tensors - by name
 * @param metadata - free text; the reference expects `format: pt`, the default
 * @param dtype - element type in the file; 16-bit ones are rounded to the nearest, ties to even; default F32
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorToWrite>,
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
  dtype: FloatDtype = 'F32',
): Promise<void> {
  // All have one dtype, by which the reference sorts first; then by name, by the bytes of its UTF-8.
  const sorted = [...tensors].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const entries = sorted.map(([name, { shape }]) => ({ name, dtype, shape, bytes: elements(shape) * bytesOf[dtype] }));
  const padded = headerBytes(entries, metadata);
  await writeFileAtomic(path, async (file) => {
    await file.write(padded);
    for (const [name, { data, shape }] of sorted) {
      const values = typeof data === 'function' ? await data() : data;
      const size = elements(shape);
      invariant(values.length === size, `${name}: expected ${size} elements for ${show(shape)}, got ${values.length}`);
      for (let at = 0; at < size; at += CHUNK) {
        const part = values.subarray(at, at + CHUNK);
        const bits = dtype === 'F32' ? part : narrow(dtype, part);
        await file.write(new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength));
      }
    }
  });
}

const elements = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** A tensor in the header of a file. */
interface HeaderEntry {
  name: string;
  dtype: SafetensorsDtype;
  shape: readonly number[];
  bytes: number;
}

/** The header of tensors that lie one after the other, padded to a multiple of eight bytes as the reference library does. */
function headerBytes(entries: readonly HeaderEntry[], metadata: Readonly<Record<string, string>>): Buffer {
  const header: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  if (Object.keys(metadata).length > 0) header['__metadata__'] = metadata;
  let end = 0;
  for (const { name, dtype, shape, bytes } of entries) {
    invariant(name !== '__metadata__', 'no tensor can be named __metadata__');
    header[name] = { dtype, shape, data_offsets: [end, end + bytes] };
    end += bytes;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  padded.writeBigUInt64LE(BigInt(padded.length - 8));
  json.copy(padded, 8);
  return padded;
}

/** A tensor whose element type is that of its array. */
export interface TypedTensor {
  /** Elements in row-major order. */
  data: Float32Array | Int32Array | Uint8Array;
  /** Sizes, outermost first. */
  shape: readonly number[];
}

const typeOf = (data: TypedTensor['data']): 'F32' | 'I32' | 'U8' =>
  data instanceof Float32Array ? 'F32' : data instanceof Int32Array ? 'I32' : 'U8';

/**
 * Writes tensors of several element types, whole or not at all.
 * @param path - its path; its folder must be there
 * @param tensors - by name
 * @param metadata - free text
 */
export async function writeTypedSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TypedTensor>,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  // Four bytes before one, so that all are aligned; then by name.
  const order = ([name, { data }]: [string, TypedTensor]): string => `${9 - data.BYTES_PER_ELEMENT} ${name}`;
  const sorted = [...tensors].sort((a, b) => Buffer.compare(Buffer.from(order(a)), Buffer.from(order(b))));
  const entries = sorted.map(([name, { data, shape }]) => {
    invariant(data.length === elements(shape), `${name}: ${data.length} elements are not ${show(shape)}`);
    return { name, dtype: typeOf(data), shape, bytes: data.byteLength };
  });
  await writeFileAtomic(path, async (file) => {
    await file.write(headerBytes(entries, metadata));
    for (const [, { data }] of sorted) await file.write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  });
}

/**
 * Reads a tensor as it is stored.
 * @param header - the file's header
 * @param name - the tensor's name in the file
 * @throws UserError `bad-checkpoint` when there is none of that name, it is not F32, I32 or U8, or the file has become shorter
 */
export async function readTypedTensor(header: SafetensorsHeader, name: string): Promise<TypedTensor['data']> {
  const entry = header.tensors.get(name);
  const arrays = { F32: Float32Array, I32: Int32Array, U8: Uint8Array };
  const dtype = (['F32', 'I32', 'U8'] as const).find((one) => one === entry?.dtype);
  if (entry === undefined || dtype === undefined) {
    const got = entry?.dtype ?? 'none';
    throw new UserError('bad-checkpoint', `${header.file}: ${show(name)}: expected F32, I32 or U8, got ${got}`);
  }
  const bytes = Buffer.from(new ArrayBuffer(entry.length));
  const file = await open(header.file, 'r');
  try {
    await readExactly(file, bytes, entry.offset, header.file);
  } finally {
    await file.close();
  }
  return new arrays[dtype](bytes.buffer);
}
