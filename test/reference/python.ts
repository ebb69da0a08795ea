// The reference implementation, where it is at hand: IOVQA_REFERENCE_PYTHON names a Python with transformers, PEFT and PyTorch
// (see docs/toolchain.md). Without it the live comparisons skip and say so; goldens are compared everywhere.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The interpreter; undefined where there is none. */
export const python: string | undefined = process.env['IOVQA_REFERENCE_PYTHON'];

/** Why a live comparison is skipped; part of its name. */
export const needsPython = 'needs IOVQA_REFERENCE_PYTHON';

/**
 * Runs a script of this folder.
 * @param script - its name
 * @param args - its arguments
 * @returns the JSON value on its last line of output
 */
export async function runPython(script: string, ...args: string[]): Promise<unknown> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const { stdout } = await promisify(execFile)(python!, [path, ...args], { maxBuffer: 1 << 28 });
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as unknown;
}

/** ‖got − want‖ / ‖want‖, in float64. */
export function relativeError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Infinity;
  let [difference, norm] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    difference += (got[i]! - want[i]!) ** 2;
    norm += want[i]! ** 2;
  }
  return Math.sqrt(difference / norm);
}
