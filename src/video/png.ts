// Frames to PNG files, for people to look at.
import { writeFileAtomic } from '../files/index.ts';
import type { RgbFrame } from './types.ts';

/**
 * Writes a frame as a PNG file, whole or not at all.
 * @param frame - the picture
 */
export async function writePng(path: string, frame: RgbFrame): Promise<void> {
  // Loaded when needed: it takes longer than all of this layer.
  const { default: sharp } = await import('sharp');
  const { width, height, data } = frame;
  await writeFileAtomic(
    path,
    await sharp(data, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer(),
  );
}
