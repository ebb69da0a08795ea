// What a file is, told from its content: its name never counts.
import type { FormatName } from './formats.ts';

/** Reads bytes of a file: at most `length` from `position` on, fewer at its end. */
export type ReadAt = (position: number, length: number) => Promise<Buffer>;

/** Bytes at the start of a file that tell most formats. */
export const HEAD_BYTES = 4096;

/** Boxes or chunks that are walked before giving up. */
export const MOST_PARTS = 1000;

/**
 * Tells a file's format.
 * @param head - its first 4,096 bytes, or all of it
 * @param readAt - reads more, where a format is told by what lies further back
 * @returns the format; undefined for what is none that is known here
 */
export async function sniff(head: Buffer, readAt: ReadAt): Promise<FormatName | undefined> {
  const text = head.toString('latin1');
  if (text.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return (await isAnimatedPng(readAt)) ? 'apng' : 'png';
  if (/^RIFF....WEBP/s.test(text)) return isAnimatedWebp(head) ? 'animatedWebp' : 'webp';
  if (/^GIF8[79]a/.test(text)) return 'gif';
  if (/^(?:II[*+]\0|MM\0[*+])/.test(text)) return (await isRawTiff(head, readAt)) ? 'raw' : 'tiff';
  if (/^....ftyp/s.test(text)) return isoFormat(head, readAt);
  if (text.startsWith('BM') && isBmp(head)) return 'bmp';
  if (text.startsWith('\x1a\x45\xdf\xa3')) return text.slice(0, 64).includes('webm') ? 'webm' : 'matroska';
  if (/^....(?:moov|mdat|wide|free|skip|pnot)/s.test(text) && head[0]! < 0x20) return 'mov';
  if (/^RIFF....AVI /s.test(text)) return 'avi';
  if (isMpegTs(head)) return 'mpegTs';
  if (text.startsWith('\0\0\x01\xba')) return 'mpegPs';
  if (text.startsWith('FLV')) return 'flv';
  if (text.startsWith('OggS'))
    return ['theora', 'fishead', '\x01video'].some((mark) => text.includes(mark)) ? 'ogg' : undefined; // or sound alone
  if (text.startsWith('\x30\x26\xb2\x75\x8e\x66\xcf\x11')) return 'asf';
  if (text.startsWith('YUV4MPEG2')) return 'y4m';
  if (text.startsWith('\xff\x0a') || text.startsWith('\0\0\0\x0cJXL \r\n\x87\n')) return 'jpegXl';
  if (text.startsWith('\xff\x4f\xff\x51') || text.startsWith('\0\0\0\x0cjP  \r\n\x87\n')) return 'jpeg2000';
  if (/^P[1-7]\s[\s\d#A-Z]/.test(text)) return 'netpbm';
  if (text.startsWith('\x76\x2f\x31\x01')) return 'openExr';
  if (/^#\?(?:RADIANCE|RGBE)/.test(text)) return 'radiance';
  if (/^(?:FUJIFILMCCD-RAW|IIR[OS]|IIU\0)/.test(text)) return 'raw';
  if (text.startsWith('\x06\x0e\x2b\x34\x02\x05\x01\x01')) return 'mxf';
  if (text.startsWith('DKIF\0\0')) return 'ivf';
  if (text.startsWith('.RMF')) return 'realMedia';
  return undefined;
}

/** A PNG is animated where an `acTL` chunk comes before the picture's data. */
async function isAnimatedPng(readAt: ReadAt): Promise<boolean> {
  let position = 8;
  for (let i = 0; i < MOST_PARTS; i++) {
    const chunk = await readAt(position, 8);
    if (chunk.length < 8) return false;
    const type = chunk.toString('latin1', 4);
    if (type === 'acTL') return true;
    if (type === 'IDAT') return false;
    position += 12 + chunk.readUInt32BE(0);
  }
  return false;
}

/** The animation flag of an extended WebP's header. */
function isAnimatedWebp(head: Buffer): boolean {
  return head.toString('latin1', 12, 16) === 'VP8X' && ((head[20] ?? 0) & 2) !== 0;
}

/** Two letters are too few to tell a bitmap from text: the header's size must be one that exists. */
function isBmp(head: Buffer): boolean {
  return head.length >= 26 && [12, 40, 52, 56, 64, 108, 124].includes(head.readUInt32LE(14));
}

/** Packets of 188 bytes, with a time code of 4 bytes before each on discs and in cameras. */
function isMpegTs(head: Buffer): boolean {
  const at = (first: number, step: number): boolean =>
    head.length > first + 2 * step && [0, 1, 2].every((i) => head[first + i * step] === 0x47);
  return at(0, 188) || at(4, 192);
}

/**
 * Files of boxes: MP4 and MOV hold tracks (`moov`, `moof`), HEIF pictures hold items (`meta` at the top). Brands tell the codec of
 * pictures; whether there are tracks is told by the boxes, for a picture named by its tracks' brand is still a picture.
 */
async function isoFormat(head: Buffer, readAt: ReadAt): Promise<FormatName | undefined> {
  const size = Math.min(head.readUInt32BE(0), head.length);
  const brands = head.toString('latin1', 8, Math.max(12, size));
  const major = brands.slice(0, 4);
  if (major === 'crx ') return 'raw';
  if (major === 'jxl ') return 'jpegXl';
  if (major === 'jp2 ') return 'jpeg2000';
  if (/^M4[AB] $/.test(major)) return undefined; // sound
  const boxes = await topBoxes(readAt);
  const hasTracks = boxes.has('moov') || boxes.has('moof');
  const isPicture = /^(?:avif|avis|hei[cxms]|hev[cxms]|mif[123]|msf1|miaf)/.test(major);
  if (hasTracks && !isPicture) return major === 'qt  ' ? 'mov' : 'mp4';
  if (!isPicture && !boxes.has('meta')) return major === 'qt  ' ? 'mov' : 'mp4';
  const isAv1 = /avi[fs]/.test(brands);
  if (hasTracks && /^(?:avis|msf1)/.test(major)) return isAv1 ? 'avifSequence' : 'heic';
  if (isAv1) return 'avif';
  return 'heic';
}

async function topBoxes(readAt: ReadAt): Promise<Set<string>> {
  const found = new Set<string>();
  let position = 0;
  for (let i = 0; i < MOST_PARTS; i++) {
    const box = await readAt(position, 16);
    if (box.length < 8) break;
    found.add(box.toString('latin1', 4, 8));
    const short = box.readUInt32BE(0);
    if (short === 0) break; // to the end of the file
    const size = short === 1 && box.length === 16 ? Number(box.readBigUInt64BE(8)) : short;
    position += size;
    if (size < 8 || !Number.isSafeInteger(position)) break;
  }
  return found;
}

/**
 * Raw files of cameras are TIFFs whose first picture is a preview: they have a DNG version, further pictures below a first one of
 * reduced size, or Canon's mark.
 */
async function isRawTiff(head: Buffer, readAt: ReadAt): Promise<boolean> {
  if (head.length < 16) return false;
  if (head.toString('latin1', 8, 10) === 'CR') return true;
  const little = head[0] === 0x49;
  if ((little ? head[2] : head[3]) !== 0x2a) return false; // BigTIFF: no camera writes it
  const word = (bytes: Buffer, at: number): number => (little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const long = (bytes: Buffer, at: number): number => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const start = long(head, 4);
  const count = await readAt(start, 2);
  if (count.length < 2) return false;
  const entries = await readAt(start + 2, 12 * Math.min(word(count, 0), MOST_PARTS));
  let [isReduced, hasOthers] = [false, false];
  for (let at = 0; at + 12 <= entries.length; at += 12) {
    const tag = word(entries, at);
    if (tag === 0xc612) return true; // DNGVersion
    if (tag === 0xfe) isReduced = (long(entries, at + 8) & 1) !== 0; // NewSubfileType
    if (tag === 0x14a) hasOthers = true; // SubIFDs
  }
  return isReduced && hasOthers;
}
