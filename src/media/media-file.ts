// A media file before any decoder touches it: is it a plain file of a sane size, and what does its head say it is.
import { open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { oneLine, UserError } from '../core/index.ts';
import type { UserErrorDetails } from '../core/index.ts';
import type { ColourCoding } from './coding.ts';
import { readColourCoding } from './coding.ts';
import type { FormatName } from './formats.ts';
import { expectedMedia, formats } from './formats.ts';
import { HEAD_BYTES, sniff } from './sniff.ts';

/** Where a file is. */
export interface FilePlace {
  /** Its absolute path. */
  path: string;
  /** What to open: the same path, or where a confined process finds the file. */
  source: string;
}

/** A file that may be opened. Messages name its path; what is opened is its source. */
export interface MediaFile extends FilePlace {
  /** The path as an error message shows it: one line. */
  name: string;
  /** Its format, by its content; undefined where that is none that is known here. */
  format: FormatName | undefined;
  /** What its content looks like, for error messages. */
  looksLike: string;
  /** What a picture says of its colours beside a profile; undefined where it says nothing. */
  coding?: ColourCoding | undefined;
  /** Whether its head claims more bytes than there are, which FFmpeg's readers of these containers do not tell. */
  cutShort: boolean;
}

/**
 * The error for a clip that cannot be read.
 * @param path - the file, as the user gave it
 * @param expected - what was expected
 * @param got - what came
 * @param details - hint and cause
 * @returns the error; its message is one line
 */
export function unreadable(path: string, expected: string, got: string, details?: UserErrorDetails): UserError {
  return new UserError('unreadable-media', `${oneLine(path)}: expected ${expected}, got ${oneLine(got)}`, details);
}

/**
 * The place of a file that is opened by its path.
 * @returns the place
 */
export function placeOf(path: string): FilePlace {
  const absolute = resolve(path);
  return { path: absolute, source: absolute };
}

/**
 * Looks whether a file may be opened, without opening it.
 * @param path - any text; always taken as the path of a local file
 * @param maxBytes - greatest size of the file
 * @param place - where it is
 * @returns its size in bytes
 * @throws UserError `unreadable-media` where it is missing, no plain file, empty or too big
 */
export async function checkFile(path: string, maxBytes: number, { source }: FilePlace): Promise<number> {
  if (path.includes('\0')) throw unreadable(path, 'a file', 'a path with a NUL character, which no file can have');
  const info = await stat(source).catch((error: NodeJS.ErrnoException) => {
    const missing = error.code === 'ENOENT' || error.code === 'ENOTDIR';
    throw unreadable(path, 'a file', missing ? 'nothing at that path' : (error.code ?? error.message), {
      cause: error,
    });
  });
  if (!info.isFile()) {
    throw unreadable(path, 'a file', info.isDirectory() ? 'a folder' : 'a device, pipe or socket');
  }
  if (info.size === 0) throw unreadable(path, 'a picture or video', 'an empty file');
  if (info.size > maxBytes) throw unreadable(path, `at most ${maxBytes} bytes`, `${info.size} bytes`);
  return info.size;
}

/**
 * Looks at a file without decoding it.
 * @param path - any text; always taken as the path of a local file
 * @param maxBytes - greatest size of the file
 * @param place - where it is
 * @returns what it is
 * @throws UserError `unreadable-media` where it is missing, no plain file, empty or too big
 */
export async function inspectFile(
  path: string,
  maxBytes: number,
  place: FilePlace = placeOf(path),
): Promise<MediaFile> {
  const size = await checkFile(path, maxBytes, place);
  const looked = await lookInto(place.source).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(path, 'a file that may be read', error.code ?? error.message, { cause: error });
  });
  const { claimedBytes: claimed, ...rest } = looked;
  return { ...place, name: oneLine(path), ...rest, cutShort: size < claimed };
}

type Looked = Pick<MediaFile, 'format' | 'looksLike' | 'coding'> & { claimedBytes: number };

async function lookInto(path: string): Promise<Looked> {
  const file = await open(path, 'r');
  try {
    const readAt = async (position: number, length: number): Promise<Buffer> => {
      const buffer = Buffer.alloc(length);
      const { bytesRead } = await file.read(buffer, 0, length, position);
      return buffer.subarray(0, bytesRead);
    };
    const head = await readAt(0, HEAD_BYTES);
    const format = await sniff(head, readAt);
    const coding = await readColourCoding(format, readAt);
    return { format, looksLike: looksLike(head, format), coding, claimedBytes: claimedBytes(head) };
  } finally {
    await file.close();
  }
}

/**
 * What a file is by its content.
 * @returns undefined where it is no picture or video that is known here, or cannot be read
 */
export async function kindOfFile(path: string): Promise<'video' | 'image' | undefined> {
  try {
    if (!(await stat(path)).isFile()) return undefined; // a pipe would be waited for
    const { format } = await lookInto(path);
    if (format === undefined) return undefined;
    return formats[format].kind === 'picture' ? 'image' : 'video';
  } catch {
    return undefined; // whoever reads it says why
  }
}

/**
 * How a file is to be read. Its content decides; what a table calls it decides for animations only.
 * @param kind - what a table calls it
 * @returns as a picture or as a film; what is not known here is left to the reader of films, which knows more containers
 * @throws UserError `unreadable-media` for a format that is refused
 */
export function readingOf(file: MediaFile, kind: 'video' | 'image'): 'still' | 'film' {
  if (file.format === undefined) return 'film';
  const { reading, hint } = formats[file.format];
  switch (reading) {
    case 'still':
    case 'film':
      return reading;
    case 'animation':
      return kind === 'image' ? 'still' : 'film';
    case 'refused':
      throw unreadable(file.path, expectedMedia, file.looksLike, hint === undefined ? {} : { hint });
  }
}

/** The end of the file as a Matroska or WebM file's outermost elements claim it; 0 where nothing does. */
function claimedBytes(head: Buffer): number {
  if (head.length < 64 || head.readUInt32BE(0) !== 0x1a45dfa3) return 0;
  /** A length of 1–8 bytes, as many as the first has leading zeros, and one; all ones mean that it is not known. */
  const length = (at: number): { value: number; end: number } => {
    const extra = Math.clz32(head[at]!) - 24;
    const digits = [head[at]! - (128 >> extra), ...head.subarray(at + 1, at + 1 + extra)];
    const value = digits.reduce((sum, digit) => sum * 256 + digit, 0);
    return { value: value >= 2 ** (7 * (extra + 1)) - 1 ? Number.NaN : value, end: at + 1 + extra };
  };
  const header = length(4);
  const segment = header.end + header.value;
  if (!(segment + 16 <= head.length) || head.readUInt32BE(segment) !== 0x18538067) return 0;
  const { value, end } = length(segment + 4);
  return Number.isNaN(value) ? 0 : end + value;
}

function looksLike(head: Buffer, format: FormatName | undefined): string {
  if (format !== undefined) return formats[format].called;
  const text = head.toString('latin1');
  if (text.includes('#EXTM3U')) return 'an HLS playlist';
  if (/^\s*ffconcat/.test(text)) return 'a list of files for FFmpeg';
  if (/^\s*<\?xml|^\s*<(?:svg|html|!doctype|MPD)/i.test(text)) return 'an XML or HTML file';
  if (/^(?:ID3|fLaC|OggS|....ftypM4|RIFF....WAVE|\xff[\xf2\xf3\xfb])/s.test(text)) return 'an audio file';
  // A control character other than tab, line feed and carriage return tells binary data from text.
  return /^[\t\n\r\x20-\x7e\x80-\xff]*$/.test(text) ? 'text' : 'data of another kind';
}
