// WebAssembly from its text instructions: just what the kernels of resizing need (the WebAssembly core specification, chapter 5).

/** A function: all its parameters are i32, it gives nothing back. */
export interface WasmFunction {
  /** Its name outside. */
  name: string;
  /** Names of its parameters. */
  parameters: readonly string[];
  /** Names of its other variables. */
  variables: { i32: readonly string[]; v128: readonly string[] };
  /** Instructions as WebAssembly's text has them, apart by white space. */
  body: string;
}

/** Bytes of each instruction; of `v128` ones the number behind the prefix. */
const scalar: Readonly<Record<string, number>> = {
  loop: 0x03,
  end: 0x0b,
  br_if: 0x0d,
  'local.get': 0x20,
  'local.set': 0x21,
  'local.tee': 0x22,
  'i32.load': 0x28,
  'i32.store': 0x36,
  'i32.const': 0x41,
  'i32.lt_u': 0x49,
  'i32.add': 0x6a,
  'i32.sub': 0x6b,
};
const vector: Readonly<Record<string, number>> = {
  'v128.load': 0x00,
  'v128.load32_splat': 0x09,
  'v128.store': 0x0b,
  'i32x4.splat': 0x11,
  'i32x4.extract_lane': 0x1b,
  'v128.load32_zero': 0x5c,
  'i8x16.narrow_i16x8_u': 0x66,
  'i16x8.narrow_i32x4_s': 0x85,
  'i16x8.extend_low_i8x16_u': 0x89,
  'i16x8.extend_high_i8x16_u': 0x8a,
  'i32x4.extend_low_i16x8_u': 0xa9,
  'i32x4.extend_high_i16x8_u': 0xaa,
  'i32x4.shr_s': 0xac,
  'i32x4.add': 0xae,
  'i32x4.mul': 0xb5,
};
const [i32, v128] = [0x7f, 0x7b];
const preamble: readonly number[] = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/**
 * Assembles a module that imports its memory as `env.memory`.
 * @param functions - what it holds
 * @returns the module's bytes
 */
export function assemble(functions: readonly WasmFunction[]): Uint8Array {
  const name = (text: string): number[] => vectorOf([...Buffer.from(text)].map((byte) => [byte]));
  const types = functions.map(({ parameters }) => [0x60, ...vectorOf(parameters.map(() => [i32])), 0]);
  const section = (id: number, entries: number[][]): number[] => withLength(id, vectorOf(entries));
  return Uint8Array.from([
    ...preamble,
    ...section(1, types),
    ...section(2, [[...name('env'), ...name('memory'), 2, 0, 1]]),
    ...section(
      3,
      functions.map((_, i) => [i]),
    ),
    ...section(
      7,
      functions.map((one, i) => [...name(one.name), 0, i]),
    ),
    ...section(10, functions.map(code)),
  ]);
}

function code({ parameters, variables, body }: WasmFunction): number[] {
  const names = [...parameters, ...variables.i32, ...variables.v128];
  const bytes: number[] = [];
  const words = body.trim().split(/\s+/);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const simple = scalar[word];
    const many = vector[word];
    if (simple !== undefined) bytes.push(simple);
    else if (many !== undefined) bytes.push(0xfd, ...unsigned(many));
    else throw new Error(`internal: no instruction ${word}`);
    if (word === 'loop') bytes.push(0x40);
    else if (word.startsWith('local.')) {
      const index = names.indexOf(words[++i]!);
      if (index < 0) throw new Error(`internal: no variable ${words[i]}`);
      bytes.push(index);
    } else if (word === 'i32.const' || word === 'br_if' || word === 'i32x4.extract_lane') {
      const value = Number(words[++i]);
      if (!(value >= 0 && value < 64)) throw new Error(`internal: a number of one byte, not ${words[i]}`);
      bytes.push(value);
    } else if (word.includes('load') || word.includes('store')) bytes.push(0, 0); // no alignment, no offset
  }
  const locals = vectorOf([
    [...unsigned(variables.i32.length), i32],
    [...unsigned(variables.v128.length), v128],
  ]);
  const whole = [...locals, ...bytes, 0x0b];
  return [...unsigned(whole.length), ...whole];
}

function vectorOf(entries: readonly number[][]): number[] {
  return [...unsigned(entries.length), ...entries.flat()];
}

function withLength(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

/** LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  return [...bytes, value];
}
