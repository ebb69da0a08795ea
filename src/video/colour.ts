// Pixels of any kind to 8-bit RGB: blending of transparency, and what is said of it.
import type { RgbFrame } from './types.ts';

/**
 * RGBA on white, as qwen-vl-utils (`to_rgb`) and Pillow's `paste` do it: transparent areas look as on a white page, and hidden
 * colours below them do not matter. (transformers' `load_image` drops alpha and shows those colours.)
 * @param data - values, [height, width, 4], alpha not multiplied in
 * @param width - columns
 * @param height - rows
 * @param stride - bytes from row to row; default 4 · width
 * @returns the picture, and whether any pixel was not opaque
 */
export function blendOnWhite(
  data: Uint8Array,
  width: number,
  height: number,
  stride: number = width * 4,
): { frame: RgbFrame; transparent: boolean } {
  const rgb = new Uint8Array(width * height * 3);
  let transparent = false;
  let o = 0;
  for (let y = 0; y < height; y++) {
    let p = y * stride;
    for (let x = 0; x < width; x++, p += 4) {
      const alpha = data[p + 3]!;
      if (alpha === 255) {
        rgb[o++] = data[p]!;
        rgb[o++] = data[p + 1]!;
        rgb[o++] = data[p + 2]!;
      } else {
        transparent = true;
        for (let c = 0; c < 3; c++) {
          const sum = data[p + c]! * alpha + 255 * (255 - alpha) + 128;
          rgb[o++] = ((sum >> 8) + sum) >> 8;
        }
      }
    }
  }
  return { frame: { width, height, data: rgb }, transparent };
}

/**
 * CMYK to RGB without profiles, as Pillow's `convert('RGB')` does it.
 * @param data - values, [pixels, 4]; 255 is full ink
 * @param width - columns
 * @param height - rows
 * @returns the picture
 */
export function cmykToRgb(data: Uint8Array, width: number, height: number): RgbFrame {
  const rgb = new Uint8Array(width * height * 3);
  for (let p = 0, o = 0; p < data.length; p += 4) {
    const light = 255 - data[p + 3]!;
    for (let c = 0; c < 3; c++) {
      const product = data[p + c]! * light + 128;
      rgb[o++] = Math.max(0, light - (((product >> 8) + product) >> 8));
    }
  }
  return { width, height, data: rgb };
}
