// A media file before any decoder touches it: is it a plain file of a sane size, and what does its head say it is.
import { open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { oneLine, UserError } from '../core/index.ts';
import type { UserErrorDetails } from '../core/index.ts';

/** Still-picture formats that are decoded. */
export type StillFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'tiff' | 'heif';

/** A file that may be opened. */
export interface MediaFile {
  /** Absolute path. */
  path: string;
  /** The path as an error message shows it: one line. */
  name: string;
  /** The still-picture format that its first bytes tell. */
  still: StillFormat | undefined;
  /** What its first bytes look like, for error messages. */
  looksLike: string;
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
 * Looks at a file without decoding it.
 * @param path - any text; always taken as the path of a local file
 * @param maxBytes - greatest size of the file
 * @returns what it is
 * @throws UserError `unreadable-media` where it is missing, no plain file, empty or too big
 */
export async function inspectFile(path: string, maxBytes: number): Promise<MediaFile> {
  if (path.includes('\0')) throw unreadable(path, 'a file', 'a path with a NUL character, which no file can have');
  const absolute = resolve(path);
  const info = await stat(absolute).catch((error: NodeJS.ErrnoException) => {
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
  const head = await readHead(absolute).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(path, 'a file that may be read', error.code ?? error.message, { cause: error });
  });
  const still = stillFormat(head);
  const cutShort = info.size < claimedBytes(head);
  return { path: absolute, name: oneLine(path), still, looksLike: looksLike(head, still), cutShort };
}

async function readHead(path: string): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const head = Buffer.alloc(512);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return head.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function stillFormat(head: Buffer): StillFormat | undefined {
  const text = head.toString('latin1');
  if (text.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (text.startsWith('RIFF') && text.startsWith('WEBP', 8)) return 'webp';
  if (/^GIF8[79]a/.test(text)) return 'gif';
  if (/^(?:II[*+]\0|MM\0[*+])/.test(text)) return 'tiff';
  if (/^....ftyp(?:avif|avis|heic|heix|hevc|mif1|msf1)/s.test(text)) return 'heif';
  return undefined;
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

function looksLike(head: Buffer, still: StillFormat | undefined): string {
  const text = head.toString('latin1');
  if (still !== undefined) return `a ${still.toUpperCase()} file`;
  if (text.includes('#EXTM3U')) return 'an HLS playlist';
  if (/^\s*ffconcat/.test(text)) return 'a list of files for FFmpeg';
  if (/^\s*<\?xml|^\s*<(?:svg|html|!doctype|MPD)/i.test(text)) return 'an XML or HTML file';
  if (/^(?:ID3|fLaC|RIFF....WAVE|\xff[\xf2\xf3\xfb])/s.test(text)) return 'an audio file';
  if (/^\0...(?:ftyp|moov|mdat|wide|free|skip)/s.test(text)) return 'an MP4 or MOV file';
  if (text.startsWith('YUV4MPEG2')) return 'a Y4M file';
  if (text.startsWith('\x1a\x45\xdf\xa3')) return 'a Matroska or WebM file';
  // A control character other than tab, line feed and carriage return tells binary data from text.
  return /^[\t\n\r\x20-\x7e\x80-\xff]*$/.test(text) ? 'text' : 'data of another kind';
}
