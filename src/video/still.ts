// Still pictures to RGB with sharp, equal to Pillow's decoding to the grey level; and pages of animations.
import sharp from 'sharp';
import type { Metadata, Sharp } from 'sharp';
import { invariant } from '../core/index.ts';
import type { ColourCoding, ColourProfile, MediaFile, MediaNote } from '../media/index.ts';
import { formats, hdrTransfers, noteOf, readProfile, unreadable, widePrimariesOfPictures } from '../media/index.ts';
import { readBmp } from './bmp.ts';
import { blendOnWhite, cmykToRgb } from './colour.ts';
import { applyProfile } from './profile.ts';
import type { RgbFrame } from './types.ts';

sharp.concurrency(1); // one picture at a time in a process of its own
sharp.cache(false);

/** A decoded still picture. */
export interface Still {
  /** Its pixels, upright. */
  frame: RgbFrame;
  /** How its colours became RGB. */
  colour: string;
  /** What was done to the pixels besides. */
  corrections: string[];
  /** What a careful user should know. */
  notes: MediaNote[];
}

/** How a still picture is decoded. */
export interface StillOptions {
  /** Greatest number of pixels. */
  maxPixels: number;
  /** Whether a colour profile is applied. */
  profile: 'srgb' | 'ignore';
  /** Which page of an animation; default the first. */
  page?: number;
}

/** Values that fit into 8 bits without a scale that nobody states. */
const depths: ReadonlySet<string | undefined> = new Set(['uchar', 'ushort']);

/**
 * Decodes a still picture; of an animated or many-page file one page. The EXIF orientation is applied, as transformers'
 * `load_image` does; transparency is blended on white; 16-bit values keep their high byte.
 * @param options - limits, colour profile, page
 * @returns the picture
 * @throws UserError `unreadable-media` where it cannot be decoded whole
 */
export async function readStill(file: MediaFile, options: StillOptions): Promise<Still> {
  invariant(file.format !== undefined, `${file.name} is read as a picture`);
  const { maxPixels } = options;
  if (file.format === 'bmp') return readBitmap(file, maxPixels);
  const open = (ignoreIcc = true): Sharp =>
    sharp(file.source, {
      failOn: 'truncated',
      limitInputPixels: maxPixels,
      ignoreIcc,
      page: options.page ?? 0,
      pages: 1,
    });
  let meta: Metadata;
  try {
    meta = await open().metadata();
    if (depths.has(meta.depth)) return await decode(open, meta, file.coding, options);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (/pixel limit/i.test(why)) {
      throw unreadable(file.path, `at most ${maxPixels} pixels`, 'a larger picture', { cause: error });
    }
    const expected = `a whole ${formats[file.format].name} picture`;
    throw unreadable(file.path, expected, `an error of its decoder (${why})`, { cause: error });
  }
  const hint = 'Which of its values is black and which is white, the file does not say: save it with 8 or 16 bits.';
  throw unreadable(file.path, 'a picture of 8 or 16 bits a value', `values of type ${meta.depth}`, { hint });
}

async function decode(
  open: (ignoreIcc?: boolean) => Sharp,
  meta: Metadata,
  coding: ColourCoding | undefined,
  { profile: wanted, page }: StillOptions,
): Promise<Still> {
  const notes: MediaNote[] = (meta.pages ?? 1) > 1 && page === undefined ? [noteOf('pages', meta.pages!)] : [];
  const profile = meta.icc === undefined ? undefined : readProfile(meta.icc);
  const way = wayOfProfile(profile, meta, wanted);
  if (way.note !== undefined) notes.push(way.note);
  notes.push(...notesOfCoding(coding, meta));
  if (meta.space === 'cmyk' && way.apply !== 'tables') {
    const { data, info } = await open()
      .autoOrient()
      .pipelineColourspace('cmyk')
      .toColourspace('cmyk')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 4) throw new Error(`CMYK gave ${info.channels} channels`);
    const colour = profile === undefined ? 'CMYK without profile' : 'CMYK, its profile not applied';
    return { frame: cmykToRgb(data, info.width, info.height), colour, corrections: [], notes };
  }
  const upright = open(way.apply !== 'tables')
    .autoOrient()
    .toColourspace('srgb');
  const { data, info } = await upright.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  const depth = meta.depth === 'uchar' ? '' : `, ${meta.depth} values cut to 8 bits`;
  const colour = `${meta.space}${depth}`;
  const intent = way.apply === 'tables' ? 'perceptual' : 'relative colorimetric';
  const corrections = way.apply === undefined ? [] : [`profile ${profile!.name} to sRGB, ${intent}`];
  const channels = info.channels as number;
  if (channels !== 4 && channels !== 3 && channels > 2) throw new Error(`${channels} channels`);
  const values = channels < 3 ? spread(data, channels) : data;
  const ofEach = channels === 3 ? 3 : 4; // values of a pixel
  if (way.apply === 'curves') applyProfile(values, ofEach, profile!);
  if (ofEach === 3) return { frame: { width, height, data: new Uint8Array(values) }, colour, corrections, notes };
  const still = blended(values, width, height, colour);
  return { ...still, corrections, notes: [...notes, ...still.notes] };
}

/** A profile says more of the primaries than their number; of HDR, profiles say nothing. */
function notesOfCoding(coding: ColourCoding | undefined, meta: Metadata): MediaNote[] {
  if (coding === undefined) return [];
  const transfer = hdrTransfers.get(coding.transfer);
  if (transfer !== undefined) return [noteOf('hdr-picture', transfer)];
  const wide = widePrimariesOfPictures.get(coding.primaries);
  return wide !== undefined && meta.icc === undefined ? [noteOf('gamut', wide)] : [];
}

/** How a profile is dealt with. */
interface ProfileWay {
  /** By our own curves and matrix, by sharp's tables, or not. */
  apply?: 'curves' | 'tables';
  note?: MediaNote;
}

function wayOfProfile(profile: ColourProfile | undefined, meta: Metadata, wanted: StillOptions['profile']): ProfileWay {
  if (profile === undefined || profile.kind === 'srgb') return {};
  if (profile.kind === 'broken') return { note: noteOf('bad-profile', profile.why) };
  if (wanted === 'ignore') return { note: noteOf('profile', profile.name) };
  if (profile.kind === 'table') {
    if (meta.depth === 'uchar') return { apply: 'tables' };
    return { note: noteOf('bad-profile', `${profile.name}: tables for values of 16 bits`) };
  }
  const isGrey = meta.space === 'b-w' || meta.space === 'grey16';
  if (meta.space === 'cmyk' || (profile.kind === 'grey' && !isGrey)) {
    return { note: noteOf('bad-profile', `${profile.name}: not one for ${meta.space}`) };
  }
  return { apply: 'curves' };
}

async function readBitmap(file: MediaFile, maxPixels: number): Promise<Still> {
  const { rgba, width, height, bits } = await readBmp(file, maxPixels);
  return blended(rgba, width, height, `BMP of ${bits} bits`);
}

/** RGBA on white, with what is said of it. */
function blended(rgba: Uint8Array, width: number, height: number, colour: string): Still {
  const { frame, transparent } = blendOnWhite(rgba, width, height);
  return {
    frame,
    colour: transparent ? `${colour}, alpha blended on white` : colour,
    corrections: [],
    notes: transparent ? [noteOf('alpha', 'blended on white')] : [],
  };
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
