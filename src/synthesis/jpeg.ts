// Pictures through JPEG and back.
import sharp from 'sharp';
import type { RgbFrame } from '../video/index.ts';

/**
 * The quality setting of libjpeg at a scale of its quantisation tables.
 * @param scale - percent, above 0
 * @returns quality, 1–100
 */
export function jpegQuality(scale: number): number {
  const quality = scale < 100 ? 100 - scale / 2 : 5000 / scale;
  return Math.min(100, Math.max(1, Math.round(quality)));
}

/**
 * Codes each frame as a JPEG picture with chroma of half resolution, and decodes it again.
 * @param frames - a clip
 * @param quality - of libjpeg, 1–100
 * @returns new frames
 */
export async function recompressJpeg(frames: readonly RgbFrame[], quality: number): Promise<RgbFrame[]> {
  return Promise.all(
    frames.map(async ({ width, height, data }) => {
      const raw = { width, height, channels: 3 } as const;
      const coded = await sharp(data, { raw }).jpeg({ quality, chromaSubsampling: '4:2:0' }).toBuffer();
      const decoded = await sharp(coded).raw().toBuffer();
      return { width, height, data: new Uint8Array(decoded) };
    }),
  );
}
