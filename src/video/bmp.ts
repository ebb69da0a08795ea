// Windows bitmaps to RGB, as Pillow reads them: uncompressed ones of 1, 4, 8, 16, 24 and 32 bits. The data sets LIVE and TID2013 have them.
import { readFile } from 'node:fs/promises';
import type { MediaFile } from '../media/index.ts';
import { unreadable } from '../media/index.ts';

/** A decoded bitmap. */
export interface Bitmap {
  /** Its pixels, [height, width, 4]; alpha is 255 where it has none. */
  rgba: Uint8Array;
  /** Columns. */
  width: number;
  /** Rows. */
  height: number;
  /** Bits of a pixel. */
  bits: number;
}

/** Values of the header's field for compression. */
const UNCOMPRESSED = 0;
const BY_MASKS = 3;

/**
 * Decodes a bitmap.
 * @param maxPixels - greatest number of pixels
 * @returns its pixels
 * @throws UserError `unreadable-media` where it is cut short, compressed, or too large
 */
export async function readBmp(file: MediaFile, maxPixels: number): Promise<Bitmap> {
  const data = await readFile(file.source);
  const refuse = (got: string): never => {
    throw unreadable(file.path, 'a whole BMP picture without compression', got);
  };
  if (data.length < 26) return refuse('one that is cut short');
  const headerSize = data.readUInt32LE(14);
  if (data.length < 14 + headerSize) return refuse('one that is cut short');
  const isOld = headerSize === 12;
  const width = isOld ? data.readUInt16LE(18) : data.readInt32LE(18);
  const signedHeight = isOld ? data.readUInt16LE(20) : data.readInt32LE(22);
  const bits = data.readUInt16LE(isOld ? 24 : 28);
  const compression = isOld ? UNCOMPRESSED : data.readUInt32LE(30);
  const height = Math.abs(signedHeight);
  if (width < 1 || height < 1) return refuse(`${width}×${height} pixels`);
  if (width * height > maxPixels) throw unreadable(file.path, `at most ${maxPixels} pixels`, 'a larger picture');
  if (![1, 4, 8, 16, 24, 32].includes(bits)) return refuse(`${bits} bits a pixel`);
  if (compression !== UNCOMPRESSED && !(compression === BY_MASKS && (bits === 16 || bits === 32))) {
    return refuse(`compression ${compression}`);
  }
  const stride = Math.ceil((width * bits) / 32) * 4;
  const start = data.readUInt32LE(10);
  if (start + stride * height > data.length) return refuse('one that is cut short');

  const rgba = new Uint8Array(width * height * 4);
  const pixel = pixelReader();
  for (let y = 0, o = 0; y < height; y++) {
    const row = start + stride * (signedHeight < 0 ? y : height - 1 - y);
    for (let x = 0; x < width; x++, o += 4) pixel(row, x, o);
  }
  return { rgba, width, height, bits };

  /** Writes the pixel of column x of the row at an offset. */
  function pixelReader(): (row: number, x: number, o: number) => void {
    if (bits <= 8) {
      const entry = isOld ? 3 : 4;
      const said = isOld ? 0 : data.readUInt32LE(46);
      const first = 14 + headerSize;
      const count = Math.min(said === 0 ? 2 ** bits : said, Math.floor((data.length - first) / entry));
      return (row, x, o) => {
        const place = x * bits;
        const index = (data[row + (place >> 3)]! >> (8 - bits - (place & 7))) & (2 ** bits - 1);
        const colour = first + Math.min(index, count - 1) * entry;
        for (let c = 0; c < 3; c++) rgba[o + c] = data[colour + 2 - c]!;
        rgba[o + 3] = 255;
      };
    }
    if (bits === 24 || (bits === 32 && compression === UNCOMPRESSED)) {
      return (row, x, o) => {
        const from = row + (x * bits) / 8;
        for (let c = 0; c < 3; c++) rgba[o + c] = data[from + 2 - c]!;
        rgba[o + 3] = 255; // the fourth byte is padding where no mask says otherwise
      };
    }
    // Masks stand in later headers, or behind the early one.
    const mask = (i: number): number => (54 + 4 * i + 4 <= data.length ? data.readUInt32LE(54 + 4 * i) : 0);
    const masks =
      compression === BY_MASKS
        ? [mask(0), mask(1), mask(2), headerSize >= 56 ? mask(3) : 0]
        : [0x7c00, 0x03e0, 0x001f, 0];
    const channels = masks.map((value) => {
      const shift = value === 0 ? 0 : 31 - Math.clz32(value & -value);
      return { shift, most: value >>> shift };
    });
    return (row, x, o) => {
      const value = bits === 16 ? data.readUInt16LE(row + 2 * x) : data.readUInt32LE(row + 4 * x);
      channels.forEach(({ shift, most }, c) => {
        rgba[o + c] = most === 0 ? (c === 3 ? 255 : 0) : Math.floor((((value >>> shift) & most) * 255) / most);
      });
    };
  }
}
