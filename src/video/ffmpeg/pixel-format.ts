// How FFmpeg's raw frames lie in memory, by the name of their pixel format: rows without padding, one plane after the other.

/** Where the values of a colour component are. */
export interface Component {
  /** Its plane. */
  plane: number;
  /** Bytes from one value to the next in a row. */
  step: number;
  /** Bytes before the first value of a row. */
  offset: number;
  /** Bits below the value that do not belong to it. */
  shift: number;
  /** Bits of a value; above 8 it takes two bytes. */
  depth: number;
  /** Whether the higher of two bytes comes first. */
  bigEndian: boolean;
}

/** A plane's size against the frame's. */
interface Plane {
  /** Halvings of the columns. */
  shiftX: number;
  /** Halvings of the rows. */
  shiftY: number;
  /** Bytes of a column. */
  step: number;
}

/** A pixel format. */
export interface PixelFormat {
  /** FFmpeg's name. */
  name: string;
  /** What the components are: luma and two differences; luma alone; red, green, blue; the index of one of 256 colours. */
  model: 'yuv' | 'grey' | 'rgb' | 'palette';
  /** In the order of the model, then alpha where there is any. */
  components: Component[];
  /** Whether the last component is alpha. */
  alpha: boolean;
  /** Planes in the order in which they are stored. */
  planes: Plane[];
  /** Halvings of columns and rows of the colour differences. */
  chroma: { shiftX: number; shiftY: number };
}

const chromaShifts: Readonly<Record<string, readonly [number, number]>> = {
  '444': [0, 0],
  '440': [0, 1],
  '422': [1, 0],
  '420': [1, 1],
  '411': [2, 0],
  '410': [2, 2],
};

const full = { shiftX: 0, shiftY: 0 };

/**
 * The layout of a pixel format.
 * @param name - FFmpeg's name
 * @returns the layout; undefined for formats that are not read here
 */
export function pixelFormatOf(name: string): PixelFormat | undefined {
  return planar(name) ?? grey(name) ?? halfPlanar(name) ?? packedRgb(name) ?? packedYuv(name) ?? palette(name);
}

/**
 * Bytes of a raw frame, and where its planes begin.
 * @param format - the pixel format
 * @param width - columns
 * @param height - rows
 * @returns bytes in all; of each plane its place and the bytes of a row
 */
export function frameLayout(
  { model, planes }: PixelFormat,
  width: number,
  height: number,
): { size: number; offsets: number[]; strides: number[] } {
  const offsets: number[] = [];
  const strides: number[] = [];
  let size = 0;
  for (const { shiftX, shiftY, step } of planes) {
    const stride = ceilShift(width, shiftX) * step;
    offsets.push(size);
    strides.push(stride);
    size += stride * ceilShift(height, shiftY);
  }
  // The colours stand behind the picture, which is filled up to whole words.
  if (model === 'palette') {
    offsets.push(Math.ceil(size / 4) * 4);
    strides.push(1024);
    size = offsets[1]! + 1024;
  }
  return { size, offsets, strides };
}

/**
 * Columns or rows of a plane.
 * @param length - of the frame
 * @param shift - halvings
 */
export function ceilShift(length: number, shift: number): number {
  return (length + (1 << shift) - 1) >> shift;
}

const component = (plane: number, depth: number, bigEndian: boolean, step?: number, offset = 0): Component => ({
  plane,
  step: step ?? (depth > 8 ? 2 : 1),
  offset,
  shift: 0,
  depth,
  bigEndian,
});

function planar(name: string): PixelFormat | undefined {
  const match = /^(yuvj?|yuva|gbr|gbra)(4\d\d)?p(9|1[0-6])?(le|be)?$/.exec(name);
  const [, family = '', sampling, bits = '8', end] = match ?? [];
  const isRgb = family.startsWith('gbr');
  const shifts = isRgb ? ([0, 0] as const) : chromaShifts[sampling ?? ''];
  if (!match || !shifts || (isRgb && sampling !== undefined)) return undefined;
  const depth = Number(bits);
  const chroma = { shiftX: shifts[0], shiftY: shifts[1] };
  const alpha = family.endsWith('a');
  const step = depth > 8 ? 2 : 1;
  const planes = [full, chroma, chroma, ...(alpha ? [full] : [])].map((one) => ({ ...one, step }));
  // Green, blue and red are stored in this order.
  const order = [...(isRgb ? [2, 0, 1] : [0, 1, 2]), ...(alpha ? [3] : [])];
  const components = order.map((plane) => component(plane, depth, end === 'be'));
  return { name, model: isRgb ? 'rgb' : 'yuv', components, alpha, planes, chroma };
}

function grey(name: string): PixelFormat | undefined {
  const match = /^(gray|ya)(8|9|1[0-6])?(le|be)?$/.exec(name);
  if (!match) return undefined;
  const alpha = match[1] === 'ya';
  const depth = Number(match[2] ?? 8);
  const bytes = depth > 8 ? 2 : 1;
  const step = alpha ? 2 * bytes : bytes;
  const components = [0, ...(alpha ? [bytes] : [])].map((offset) =>
    component(0, depth, match[3] === 'be', step, offset),
  );
  return { name, model: 'grey', components, alpha, planes: [{ ...full, step }], chroma: full };
}

/** Luma, and both differences in turn in a second plane; in the formats of more than 8 bits the lower bits are empty. */
function halfPlanar(name: string): PixelFormat | undefined {
  const [, sampling, depth, end] = /^p([024])(10|12|16)(le|be)$/.exec(name) ?? [];
  const eight: Readonly<Record<string, string>> = { nv12: '420', nv21: '420', nv16: '422', nv24: '444', nv42: '444' };
  const shifts = chromaShifts[eight[name] ?? (sampling === undefined ? '' : `4${sampling}${sampling}`)] ?? undefined;
  const kind = sampling === '0' ? chromaShifts['420'] : sampling === '2' ? chromaShifts['422'] : shifts;
  if (!kind) return undefined;
  const [shiftX, shiftY] = kind;
  const bits = Number(depth ?? 8);
  const bytes = bits > 8 ? 2 : 1;
  const bigEndian = end === 'be';
  const swapped = name === 'nv21' || name === 'nv42';
  const shift = bits > 8 ? 16 - bits : 0;
  const components = [
    component(0, bits, bigEndian),
    component(1, bits, bigEndian, 2 * bytes, swapped ? bytes : 0),
    component(1, bits, bigEndian, 2 * bytes, swapped ? 0 : bytes),
  ].map((one) => ({ ...one, shift }));
  const chroma = { shiftX, shiftY };
  const planes = [
    { ...full, step: bytes },
    { ...chroma, step: 2 * bytes },
  ];
  return { name, model: 'yuv', components, alpha: false, planes, chroma };
}

function packedRgb(name: string): PixelFormat | undefined {
  const match = /^([argb0]{3,4})(24|48|64)?(le|be)?$/.exec(name);
  const [, order = '', bits, end] = match ?? [];
  const isKnown = /^(?:rgb|bgr)$/.test(order)
    ? bits === '24' || bits === '48'
    : /^(?:[a0](?:rgb|bgr)|(?:rgb|bgr)[a0])$/.test(order) && bits !== '24' && bits !== '48';
  if (!match || !isKnown) return undefined;
  const bytes = bits === '48' || bits === '64' ? 2 : 1;
  const step = order.length * bytes;
  const alpha = order.includes('a');
  const components = ['r', 'g', 'b', ...(alpha ? ['a'] : [])].map((letter) =>
    component(0, 8 * bytes, end === 'be', step, order.indexOf(letter) * bytes),
  );
  return { name, model: 'rgb', components, alpha, planes: [{ ...full, step }], chroma: full };
}

/** Two pixels in four bytes. */
function packedYuv(name: string): PixelFormat | undefined {
  const order = { yuyv422: 'yuyv', uyvy422: 'uyvy', yvyu422: 'yvyu' }[name];
  if (order === undefined) return undefined;
  const components = ['y', 'u', 'v'].map((letter) =>
    component(0, 8, false, letter === 'y' ? 2 : 4, order.indexOf(letter)),
  );
  const chroma = { shiftX: 1, shiftY: 0 };
  return { name, model: 'yuv', components, alpha: false, planes: [{ ...chroma, step: 4 }], chroma };
}

function palette(name: string): PixelFormat | undefined {
  if (name !== 'pal8') return undefined;
  const planes = [{ ...full, step: 1 }];
  return { name, model: 'palette', components: [component(0, 8, false)], alpha: true, planes, chroma: full };
}
