// Photographs as pixels to work on.
import sharp from 'sharp';
import { UserError } from '../core/index.ts';
import type { RgbFrame } from '../video/index.ts';

/**
 * Decodes a photograph: upright, on white where it is transparent, grey ones as RGB.
 * @param path - a JPEG, PNG or WebP file
 * @param maxSide - longest side that it is reduced to, in pixels; default: as it is
 * @throws UserError `unreadable-media` where it cannot be decoded
 */
export async function openPhoto(path: string, maxSide?: number): Promise<RgbFrame> {
  const upright = sharp(path).autoOrient();
  const sized =
    maxSide === undefined ? upright : upright.resize(maxSide, maxSide, { fit: 'inside', withoutEnlargement: true });
  const { data, info } = await sized
    .flatten({ background: '#fff' })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((cause: unknown) => {
      throw new UserError('unreadable-media', `${path}: expected a photograph, got ${(cause as Error).message}`, {
        cause,
      });
    });
  const { width, height } = info;
  const channels = info.channels as number;
  if (channels === 3) return { width, height, data: new Uint8Array(data) };
  const pixels = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) pixels.fill(data[i * channels]!, 3 * i, 3 * i + 3);
  return { width, height, data: pixels };
}
