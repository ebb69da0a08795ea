// The two passes of resizing with the processor's vector instructions, by WebAssembly: the very sums of `resize.ts`, four at a time.
import { assemble } from './wasm-assembler.ts';

/** The weights of one axis of n outputs: for output i, `count[i]` taps from `first[i]`, at `taps[i * size]`. */
export interface Kernel {
  /** Taps from one output to the next. */
  size: number;
  /** First input of each output. */
  first: Int32Array;
  /** Inputs of each output, at least 1. */
  count: Int32Array;
  /** Weights, [n, size]. */
  taps: Int32Array;
  /** Bits of the weights behind the point. */
  bits: number;
}

/** Bytes of memory up to which it is done here; the memory stays. */
const greatest = 2 ** 26;
/** What may be read or written beyond the end of a picture. */
const slack = 32;
const pageBytes = 2 ** 16;

type Kernels = Record<'rows' | 'columns', (...numbers: number[]) => void>;
// TypeScript knows WebAssembly from its library for browsers only.
declare const WebAssembly: {
  Memory: new (limits: { initial: number }) => { buffer: ArrayBuffer; grow: (pages: number) => number };
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { exports: object };
};

const parameters = [
  'input',
  'stride',
  'output',
  'outputs',
  'lines',
  'first',
  'count',
  'taps',
  'tapStride',
  'half',
  'bits',
];

/** For each of `lines` rows, each of `outputs` pixels: the sum over its taps, three channels and one lane for nothing. */
const rows = `
  loop
    local.get first local.set f
    local.get count local.set c
    local.get taps local.set t
    local.get outputs local.set x
    loop
      local.get input local.get f i32.load i32.add local.set p
      local.get t local.set k
      local.get c i32.load local.set n
      local.get half i32x4.splat local.set a
      loop
        local.get a
        local.get p v128.load32_zero i16x8.extend_low_i8x16_u i32x4.extend_low_i16x8_u
        local.get k v128.load32_splat i32x4.mul i32x4.add local.set a
        local.get p i32.const 3 i32.add local.set p
        local.get k i32.const 4 i32.add local.set k
        local.get n i32.const 1 i32.sub local.tee n br_if 0
      end
      local.get output
      local.get a local.get bits i32x4.shr_s local.tee a
      local.get a i16x8.narrow_i32x4_s local.tee a
      local.get a i8x16.narrow_i16x8_u i32x4.extract_lane 0 i32.store
      local.get output i32.const 3 i32.add local.set output
      local.get f i32.const 4 i32.add local.set f
      local.get c i32.const 4 i32.add local.set c
      local.get t local.get tapStride i32.add local.set t
      local.get x i32.const 1 i32.sub local.tee x br_if 0
    end
    local.get input local.get stride i32.add local.set input
    local.get lines i32.const 1 i32.sub local.tee lines br_if 0
  end`;

const sum = (variable: string, half: string, low: string): string => `
  local.get ${variable} local.get ${half} i32x4.extend_${low}_i16x8_u local.get w i32x4.mul i32x4.add local.set ${variable}`;

/** For each of `lines` rows of the result, each 16 bytes of it: the sum over its taps. Bytes beyond a row are the next row's. */
const columns = `
  loop
    i32.const 0 local.set x
    loop
      local.get input local.get first i32.load i32.add local.get x i32.add local.set p
      local.get taps local.set k
      local.get count i32.load local.set n
      local.get half i32x4.splat local.tee a local.tee b local.tee c local.set d
      loop
        local.get k v128.load32_splat local.set w
        local.get p v128.load local.tee v i16x8.extend_low_i8x16_u local.set l
        local.get v i16x8.extend_high_i8x16_u local.set h
        ${sum('a', 'l', 'low')} ${sum('b', 'l', 'high')} ${sum('c', 'h', 'low')} ${sum('d', 'h', 'high')}
        local.get p local.get stride i32.add local.set p
        local.get k i32.const 4 i32.add local.set k
        local.get n i32.const 1 i32.sub local.tee n br_if 0
      end
      local.get output local.get x i32.add
      local.get a local.get bits i32x4.shr_s local.get b local.get bits i32x4.shr_s i16x8.narrow_i32x4_s
      local.get c local.get bits i32x4.shr_s local.get d local.get bits i32x4.shr_s i16x8.narrow_i32x4_s
      i8x16.narrow_i16x8_u v128.store
      local.get x i32.const 16 i32.add local.tee x local.get stride i32.lt_u br_if 0
    end
    local.get output local.get stride i32.add local.set output
    local.get first i32.const 4 i32.add local.set first
    local.get count i32.const 4 i32.add local.set count
    local.get taps local.get tapStride i32.add local.set taps
    local.get lines i32.const 1 i32.sub local.tee lines br_if 0
  end`;

let opened: { memory: InstanceType<typeof WebAssembly.Memory>; kernels: Kernels } | undefined;

function open(): NonNullable<typeof opened> {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const bytes = assemble([
    {
      name: 'rows',
      parameters,
      variables: { i32: ['f', 'c', 't', 'x', 'p', 'k', 'n'], v128: ['a'] },
      body: rows,
    },
    {
      name: 'columns',
      parameters,
      variables: { i32: ['x', 'p', 'k', 'n'], v128: ['a', 'b', 'c', 'd', 'v', 'l', 'h', 'w'] },
      body: columns,
    },
  ]);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  return { memory, kernels: exports as Kernels };
}

/**
 * Resizes along one axis or both.
 * @param data - the picture, [height, width, 3]
 * @param width - its columns
 * @param height - its rows
 * @param across - weights of the columns of the result; undefined where there are as many
 * @param down - weights of the rows of the result; undefined where there are as many
 * @returns the result, or undefined where the picture is too large to be done here
 */
export function resizeVectors(
  data: Uint8Array,
  width: number,
  height: number,
  across: Kernel | undefined,
  down: Kernel | undefined,
): Uint8Array | undefined {
  let top = 0;
  const place = (bytes: number): number => {
    const at = top;
    top += Math.ceil((bytes + slack) / 16) * 16;
    return at;
  };
  const toWidth = across?.first.length ?? width;
  const toHeight = down?.first.length ?? height;
  const source = place(data.length);
  const middle = across ? place(toWidth * height * 3) : source;
  const result = down ? place(toWidth * toHeight * 3) : middle;
  const tables = [across, down].map((kernel) =>
    kernel
      ? { kernel, at: [kernel.first, kernel.count, kernel.taps].map((table) => place(table.length * 4)) }
      : undefined,
  );
  if (top > greatest) return undefined;
  opened ??= open();
  const { memory, kernels } = opened;
  const lacking = top - memory.buffer.byteLength;
  if (lacking > 0) memory.grow(Math.ceil(lacking / pageBytes));
  const bytes = new Uint8Array(memory.buffer);
  bytes.set(data, source);
  const put = (table: Int32Array, at: number): void => new Int32Array(memory.buffer, at).set(table);
  const run = (
    name: keyof Kernels,
    step: number,
    input: number,
    stride: number,
    output: number,
    lines: number,
  ): void => {
    const { kernel, at } = tables[name === 'rows' ? 0 : 1]!;
    const { first, count, taps, size, bits } = kernel;
    put(
      first.map((index) => index * step),
      at[0]!,
    );
    put(count, at[1]!);
    put(taps, at[2]!);
    const half = 1 << (bits - 1);
    kernels[name](input, stride, output, first.length, lines, at[0]!, at[1]!, at[2]!, size * 4, half, bits);
  };
  if (across) run('rows', 3, source, width * 3, middle, height);
  if (down) run('columns', toWidth * 3, middle, toWidth * 3, result, toHeight);
  return bytes.slice(result, result + toWidth * toHeight * 3);
}
