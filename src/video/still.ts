// Still pictures to RGB with sharp, equal to Pillow's decoding to the grey level.
import sharp from 'sharp';
import type { Sharp } from 'sharp';
import { blendOnWhite, cmykToRgb } from './colour.ts';
import { unreadable } from './media-file.ts';
import type { MediaFile } from './media-file.ts';
import type { RgbFrame } from './types.ts';

sharp.concurrency(1); // one picture at a time in a process of its own
sharp.cache(false);

/** A decoded still picture. */
export interface Still {
  /** Its pixels, upright. */
  frame: RgbFrame;
  /** How its colours became RGB. */
  colour: string;
  /** What a careful user should know. */
  notes: string[];
}

/**
 * Decodes a still picture; of an animated or many-page file the first one. The EXIF orientation is applied, as transformers'
 * `load_image` does; embedded colour profiles are not; transparency is blended on white; 16-bit values keep their high byte.
 * @param file - the file
 * @param maxPixels - greatest number of pixels
 * @returns the picture
 * @throws UserError `unreadable-media` where it cannot be decoded whole
 */
export async function readStill(file: MediaFile, maxPixels: number): Promise<Still> {
  const expected = 'a JPEG, PNG, WebP, GIF, TIFF or AVIF picture';
  if (file.still === undefined) throw unreadable(file.path, expected, file.looksLike);
  const open = (): Sharp =>
    sharp(file.path, { failOn: 'truncated', limitInputPixels: maxPixels, ignoreIcc: true, pages: 1 });
  try {
    const meta = await open().metadata();
    const notes = (meta.pages ?? 1) > 1 ? [`first of ${meta.pages} pages`] : [];
    const depth = meta.depth === 'uchar' ? '' : `, ${meta.depth} values cut to 8 bits`;
    if (meta.space === 'cmyk') {
      const { data, info } = await open()
        .autoOrient()
        .pipelineColourspace('cmyk')
        .toColourspace('cmyk')
        .raw({ depth: 'uchar' })
        .toBuffer({ resolveWithObject: true });
      if (info.channels !== 4) throw new Error(`CMYK gave ${info.channels} channels`);
      return { frame: cmykToRgb(data, info.width, info.height), colour: 'CMYK without profile', notes };
    }
    const upright = open().autoOrient().toColourspace('srgb');
    const { data, info } = await upright.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    const { width, height } = info;
    const colour = `${meta.space}${depth}`;
    const channels = info.channels as number;
    if (channels === 3) return { frame: { width, height, data: new Uint8Array(data) }, colour, notes };
    if (channels !== 4 && channels > 2) throw new Error(`${channels} channels`);
    const { frame, transparent } = blendOnWhite(channels === 4 ? data : spread(data, channels), width, height);
    return {
      frame,
      colour: transparent ? `${colour}, alpha blended on white` : colour,
      notes: transparent ? [...notes, 'transparency blended on white'] : notes,
    };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (/pixel limit/i.test(why)) {
      throw unreadable(file.path, `at most ${maxPixels} pixels`, 'a larger picture', { cause: error });
    }
    throw unreadable(file.path, `a whole ${file.still.toUpperCase()} picture`, `an error of its decoder (${why})`, {
      cause: error,
    });
  }
}

/** Grey, or grey and alpha, to RGBA. */
function spread(data: Uint8Array, channels: number): Uint8Array {
  const pixels = data.length / channels;
  const rgba = new Uint8Array(pixels * 4);
  for (let i = 0; i < pixels; i++) {
    rgba.fill(data[i * channels]!, i * 4, i * 4 + 3);
    rgba[i * 4 + 3] = channels === 2 ? data[i * 2 + 1]! : 255;
  }
  return rgba;
}
