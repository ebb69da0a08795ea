// Numbers as tables have them.
import type { MosScale } from './scale.ts';

/**
 * Reads a decimal number with a point or a comma: no hexadecimal, no NaN, no infinity, no separators of thousands. Spaces around are allowed.
 * @param text - the cell
 * @param scale - the scale of the numbers: on one that goes beyond 999, `1,234` might be either number, so it is none
 * @returns the number; undefined where it is none
 */
export function parseDecimal(text: string, scale?: MosScale): number | undefined {
  const match = /^\s*([+-]?)(?:(\d+)([.,]?)(\d*)|([.,])(\d+))([eE][+-]?\d+)?\s*$/.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', mark = '', decimals = '', , alone, exponent = ''] = match;
  const isThousands = mark === ',' && whole.length <= 3 && decimals.length === 3;
  if (isThousands && scale !== undefined && Math.max(Math.abs(scale.min), Math.abs(scale.max)) > 999) return undefined;
  if (mark === ',' && decimals === '') return undefined;
  const value = Number(`${sign}${whole || '0'}.${decimals || alone || '0'}${exponent}`);
  return Number.isFinite(value) ? value : undefined;
}
