// 16-bit floating point numbers to float32 and back, by bits.

/** Element types of safetensors files that can be read as float32 and written from it. */
export type FloatDtype = 'F32' | 'F16' | 'BF16';

let halfTable: Float32Array | undefined;

/** float32 of each of the 65,536 IEEE half-precision values, by their bits. */
function halves(): Float32Array {
  halfTable ??= Float32Array.from({ length: 0x10000 }, (_, bits) => {
    const exponent = (bits >>> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    const sign = bits >>> 15 === 0 ? 1 : -1;
    if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
    return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
  });
  return halfTable;
}

/**
 * Widens 16-bit floats, exactly.
 * @param dtype - what the bits mean
 * @param bits - one number each
 * @param out - where the float32 values go, as many
 */
export function widen(dtype: 'F16' | 'BF16', bits: Uint16Array, out: Float32Array): void {
  if (dtype === 'F16') {
    const table = halves();
    for (let i = 0; i < bits.length; i++) out[i] = table[bits[i]!]!;
  } else {
    const words = new Uint32Array(out.buffer, out.byteOffset, out.length);
    for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  }
}

/**
 * Narrows float32 to 16 bits: to the nearest, ties to even; too large ones become infinite; NaN stays NaN.
 * @param dtype - what to narrow to
 * @param values - float32 values
 * @returns the bits, one number each
 */
export function narrow(dtype: 'F16' | 'BF16', values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const bitsOf = dtype === 'F16' ? halfBits : bfloatBits;
  const out = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) out[i] = bitsOf(words[i]!);
  return out;
}

function bfloatBits(word: number): number {
  if ((word & 0x7fffffff) > 0x7f800000) return (word >>> 16) | 0x40; // a NaN whose payload lies in the low bits stays one
  return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
}

function halfBits(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff);
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 2¹⁶ and more
  if (magnitude < 0x33000000) return sign; // less than half of the smallest subnormal
  const exponent = magnitude >>> 23;
  // Normal halves keep 10 of 23 fraction bits; subnormal ones fewer, with the leading one written out.
  const normal = exponent >= 113;
  const shift = normal ? 13 : 126 - exponent;
  const significand = normal ? magnitude - 0x38000000 : (magnitude & 0x7fffff) | 0x800000;
  const down = significand >>> shift;
  const rest = significand & ((1 << shift) - 1);
  const tie = 1 << (shift - 1);
  // A carry runs into the exponent, as it should: up to the smallest normal half, or to infinity.
  return sign | (down + (rest > tie || (rest === tie && (down & 1) === 1) ? 1 : 0));
}
