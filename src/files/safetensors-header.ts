// Reads the header of a safetensors file and checks all of it before a byte of a tensor is touched.
import { open, stat } from 'node:fs/promises';
import { UserError, show } from '../core/index.ts';
import { isCode } from './codes.ts';

/** Bits of an element, by the format's name of the type. */
const bitsOf = {
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

/** Element types of safetensors files. */
export type SafetensorsDtype = keyof typeof bitsOf;

/** Where a tensor lies in a safetensors file. */
export interface TensorEntry {
  /** Element type. */
  dtype: SafetensorsDtype;
  /** Sizes, outermost first. */
  shape: number[];
  /** First byte, counted from the start of the file. */
  offset: number;
  /** Length in bytes. */
  length: number;
}

/** The checked header of a safetensors file. */
export interface SafetensorsHeader {
  /** The file's path as it was given. */
  file: string;
  /** Free text that the writer left. */
  metadata: Record<string, string>;
  /** Tensors by name, in the order of their bytes. */
  tensors: Map<string, TensorEntry>;
}

/**
 * Largest header, in bytes, and most tensors. The reference library allows 100 MB and any number, which take 2 GB to parse; the 72B
 * model has 1,600 tensors in all its shards, in 200 kB of headers.
 */
const MAX_HEADER_BYTES = 10_000_000;
const MAX_TENSORS = 100_000;
const tooMany: [string, string] = [`at most ${MAX_TENSORS} tensors`, 'more'];

/** Levels of a header: itself, a tensor, its shape. */
const MAX_DEPTH = 3;

/**
 * Reads a header: at most 10 MB and 100,000 tensors, never more than the file holds.
 * @param file - path of the file
 * @throws UserError `bad-checkpoint` when the file is not exactly as the format says: tensors without gap or overlap up to its end,
 *   lengths that follow from dtype and shape, no name twice
 */
export async function readSafetensorsHeader(file: string): Promise<SafetensorsHeader> {
  let handle;
  try {
    const info = await stat(file); // before it is opened: opening a pipe waits for its writer
    if (!info.isFile()) throw wrong(file, 'a safetensors file', 'something that is no file');
    handle = await open(file, 'r');
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const got = isCode(cause, 'ENOENT') ? 'none' : show((cause as Error).message);
    throw new UserError('bad-checkpoint', `${file}: expected a safetensors file, got ${got}`, { cause });
  }
  try {
    const { size } = await handle.stat();
    if (size < 8) throw wrong(file, 'a header length of 8 bytes', `a file of ${size} bytes`);
    const prefix = Buffer.alloc(8);
    await handle.read(prefix, 0, 8, 0);
    const announced = prefix.readBigUInt64LE();
    if (announced > BigInt(Math.min(MAX_HEADER_BYTES, size - 8))) {
      const limit = Math.min(MAX_HEADER_BYTES, size - 8);
      throw wrong(file, `a header of at most ${limit} bytes`, `${announced} bytes announced`);
    }
    const bytes = Buffer.alloc(Number(announced));
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 8);
    if (bytesRead !== bytes.length) throw wrong(file, `a header of ${bytes.length} bytes`, `${bytesRead} bytes`);
    return parseHeader(file, bytes, size);
  } finally {
    await handle.close();
  }
}

function wrong(file: string, expected: string, got: string): UserError {
  return new UserError('bad-checkpoint', `${file}: expected ${expected}, got ${got}`);
}

function parseHeader(file: string, bytes: Buffer, fileSize: number): SafetensorsHeader {
  let text: string;
  let json: unknown;
  let found: [string, string] | null;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    found = scan(text);
    json = found === null ? JSON.parse(text) : {};
  } catch (cause) {
    throw new UserError('bad-checkpoint', `${file}: expected a JSON header, got ${show((cause as Error).message)}`, {
      cause,
    });
  }
  if (!text.startsWith('{') || !isRecord(json))
    throw wrong(file, 'a header that begins with {', show(text.slice(0, 80)));
  if (found !== null) throw wrong(file, ...found);
  const { __metadata__: given = {}, ...entries } = json;
  if (!isRecord(given) || !Object.values(given).every((value) => typeof value === 'string')) {
    throw wrong(file, '__metadata__ of texts', show(given));
  }
  const start = 8 + bytes.length;
  const parsed = Object.entries(entries).map(([name, entry]) => [name, parseEntry(file, name, entry, start)] as const);
  parsed.sort(([, a], [, b]) => a.offset - b.offset || a.length - b.length);
  let end = start;
  for (const [name, entry] of parsed) {
    if (entry.offset !== end) {
      const got = `${entry.offset - start} (${entry.offset < end ? 'overlap' : 'gap'})`;
      throw wrong(file, `${show(name)} to begin at byte ${end - start} of the data`, got);
    }
    end += entry.length;
  }
  if (end !== fileSize) throw wrong(file, `${end} bytes as its header says`, `${fileSize}`);
  return { file, metadata: given as Record<string, string>, tensors: new Map(parsed) };
}

function parseEntry(file: string, name: string, entry: unknown, start: number): TensorEntry {
  const where = `${file}: ${show(name)}`;
  if (!isRecord(entry)) throw wrong(where, 'dtype, shape and data_offsets', show(entry));
  const { dtype, shape, data_offsets: offsets, ...rest } = entry;
  if (Object.keys(rest).length > 0) throw wrong(where, 'dtype, shape and data_offsets', show(Object.keys(rest)));
  if (typeof dtype !== 'string' || !Object.hasOwn(bitsOf, dtype)) {
    throw wrong(where, `a dtype of ${Object.keys(bitsOf).join(' ')}`, show(dtype));
  }
  if (!isSizes(shape)) throw wrong(where, 'a shape of whole numbers below 2⁵³', show(shape));
  if (!isSizes(offsets) || offsets.length !== 2) throw wrong(where, 'two data_offsets below 2⁵³', show(offsets));
  const [begin, end] = offsets as [number, number];
  const bits = elementBits(shape, bitsOf[dtype as SafetensorsDtype]);
  if (bits === null) throw wrong(where, 'fewer than 2⁵³ bits', show(shape));
  if (end - begin !== bits / 8) {
    throw wrong(where, `${bits / 8} bytes for ${dtype} ${show(shape)}`, `data_offsets ${begin} to ${end}`);
  }
  return { dtype: dtype as SafetensorsDtype, shape, offset: start + begin, length: end - begin };
}

/** Bits of a tensor; null when that is no exact number. Sizes beside a zero may be large. */
function elementBits(shape: number[], bits: number): number | null {
  if (shape.includes(0)) return 0;
  let product = bits;
  for (const size of shape) {
    product *= size;
    if (!Number.isSafeInteger(product)) return null;
  }
  return product;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;

/**
 * What is wrong with JSON beyond what JSON.parse says: a key that an object has twice, of which it keeps the last without a word;
 * nesting deeper than a header has, which could exhaust the stack of whoever shows it; or more tensors than fit in memory.
 * @param text - JSON, or anything else, of which nothing is said
 * @returns what was expected and what came; null where all is well
 */
function scan(text: string): [string, string] | null {
  const open: (Set<string> | null)[] = [];
  let parts = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === OPEN || code === OPEN_LIST) {
      if (++parts > 4 * MAX_TENSORS) return tooMany; // a tensor has three, itself, its shape and its place
      if (open.push(code === OPEN ? new Set() : null) > MAX_DEPTH) return [`${MAX_DEPTH} levels in the header`, 'more'];
    } else if (code === CLOSE || code === CLOSE_LIST) open.pop();
    if (code !== QUOTE) continue;
    const start = i;
    for (i++; i < text.length && text.charCodeAt(i) !== QUOTE; i++) if (text.charCodeAt(i) === BACKSLASH) i++;
    let next = i + 1;
    while (text.charCodeAt(next) <= 0x20) next++;
    const keys = open.at(-1);
    if (text.charCodeAt(next) !== COLON || keys == null) continue;
    const key = JSON.parse(text.slice(start, i + 1)) as string;
    if (keys.has(key)) return ['every name once in the header', `${show(key)} twice`];
    if (keys.add(key).size > MAX_TENSORS) return tooMany;
  }
  return null;
}
