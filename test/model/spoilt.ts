// Copies of model folders with some numbers of their weights written over.
import { closeSync, cpSync, openSync, writeSync } from 'node:fs';
import { narrow } from '../../src/files/half.ts';
import type { FloatDtype } from '../../src/files/index.ts';
import { openCheckpoint } from '../../src/model/index.ts';

const fileDtype: Record<string, FloatDtype> = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' };

/** Copies a model and writes numbers over: [weight, place, value]. */
export async function spoilt(
  from: string,
  to: string,
  changes: readonly (readonly [string, number, number])[],
): Promise<string> {
  cpSync(from, to, { recursive: true });
  const { stored } = await openCheckpoint(to);
  for (const [name, index, value] of changes) {
    const { source, dtype } = stored(name);
    const values = Float32Array.of(value);
    const bits = dtype === 'float32' ? values : narrow(fileDtype[dtype] as 'F16' | 'BF16', values);
    const file = openSync(source.file, 'r+');
    writeSync(file, new Uint8Array(bits.buffer), 0, bits.byteLength, source.offset + index * bits.byteLength);
    closeSync(file);
  }
  return to;
}
