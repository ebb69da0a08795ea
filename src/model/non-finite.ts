// Which weights of a model on disk are infinite or undefined. Mapped weights are not looked at before a model's numbers go wrong.
import { open } from 'node:fs/promises';
import { UserError, invariant } from '../core/index.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { StoredTensor } from './weights.ts';

/** The first number of a weight that is infinite or undefined. */
export interface NonFiniteWeight {
  /** The weight's canonical name. */
  name: string;
  /** Place of the number, in row-major order from 0. */
  index: number;
  /** NaN, Infinity or -Infinity. */
  value: number;
}

/** Bytes that are looked at in one go: 4 MB. */
const PIECE = 1 << 22;

/** Bits of exponent and fraction: a number is not finite when all of its exponent are set, and undefined with any of the fraction. */
const bitsOf: Record<StoredTensor['dtype'], { exponent: number; fraction: number; sign: number }> = {
  float32: { exponent: 0x7f800000, fraction: 0x7fffff, sign: 31 },
  bfloat16: { exponent: 0x7f80, fraction: 0x7f, sign: 15 },
  float16: { exponent: 0x7c00, fraction: 0x3ff, sign: 15 },
};

/**
 * Reads all weights of a model once, in pieces of 4 MB.
 * @returns the weights that hold numbers which are infinite or undefined, in the order of `names`
 */
export async function findNonFinite(checkpoint: Pick<Checkpoint, 'names' | 'stored'>): Promise<NonFiniteWeight[]> {
  const found: NonFiniteWeight[] = [];
  const buffer = Buffer.from(new ArrayBuffer(PIECE));
  for (const name of checkpoint.names) {
    const first = await firstNonFinite(checkpoint.stored(name), buffer);
    if (first !== null) found.push({ name, ...first });
  }
  return found;
}

async function firstNonFinite(
  { dtype, source }: StoredTensor,
  buffer: Buffer<ArrayBuffer>,
): Promise<Omit<NonFiniteWeight, 'name'> | null> {
  const { exponent, fraction, sign } = bitsOf[dtype];
  const Bits = dtype === 'float32' ? Uint32Array : Uint16Array;
  const file = await open(source.file);
  try {
    for (let at = 0; at < source.length; at += PIECE) {
      const length = Math.min(PIECE, source.length - at);
      const { bytesRead } = await file.read(buffer, 0, length, source.offset + at);
      invariant(bytesRead === length, `${source.file} became shorter`);
      const numbers = new Bits(buffer.buffer, 0, length / Bits.BYTES_PER_ELEMENT);
      for (let i = 0; i < numbers.length; i++) {
        const bits = numbers[i]!;
        if ((bits & exponent) !== exponent) continue;
        const infinite = bits >>> sign === 0 ? Infinity : -Infinity;
        return { index: at / Bits.BYTES_PER_ELEMENT + i, value: (bits & fraction) === 0 ? infinite : NaN };
      }
    }
  } finally {
    await file.close();
  }
  return null;
}

const searched = new WeakMap<object, Promise<NonFiniteWeight[]>>();

/**
 * Says with an error about numbers that are not finite which weights of the model are to blame. Reads them all, once for a model.
 * @param checkpoint - the model, whose weights are mapped
 * @param error - what was thrown
 * @returns the error with its message lengthened when it is a UserError `non-finite`; else the error itself
 */
export async function blameWeights(
  checkpoint: Pick<Checkpoint, 'names' | 'stored' | 'folder'>,
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof UserError) || error.code !== 'non-finite') return error;
  const search = searched.get(checkpoint) ?? findNonFinite(checkpoint);
  searched.set(checkpoint, search);
  const found = await search;
  if (found.length === 0) {
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    const message = `${error.message}; all weights of ${checkpoint.folder} are finite`;
    return new UserError('non-finite', message, { ...hint, cause: error });
  }
  const list = found.slice(0, 5).map(({ name, index, value }) => `${name} has ${value} at ${index}`);
  const more = found.length > list.length ? ` … (${found.length} weights in all)` : '';
  return new UserError('non-finite', `${error.message}; model ${checkpoint.folder}: ${list.join(', ')}${more}`, {
    hint: 'These numbers are in its files: get the model again, or take another one.',
    cause: error,
  });
}
