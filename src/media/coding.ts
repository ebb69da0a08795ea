// What a still picture says of its colours without a profile: the code points of ITU-T H.273 that PNG (cICP) and HEIF (colr, nclx) have.
import type { FormatName } from './formats.ts';
import type { ReadAt } from './sniff.ts';
import { MOST_PARTS } from './sniff.ts';

/** Code points of ITU-T H.273. */
export interface ColourCoding {
  /** Of the primaries, clause 8.1. */
  primaries: number;
  /** Of the transfer characteristics, clause 8.2. */
  transfer: number;
}

/** Transfer characteristics of HDR. */
export const hdrTransfers: ReadonlyMap<number, string> = new Map([
  [16, 'PQ'],
  [18, 'HLG'],
]);

/** Primaries wider than sRGB's. */
export const widePrimariesOfPictures: ReadonlyMap<number, string> = new Map([
  [9, 'BT.2020'],
  [11, 'DCI-P3'],
  [12, 'Display P3'],
]);

/**
 * Reads the code points.
 * @param format - the file's format
 * @param readAt - reads of it
 * @returns undefined where the file has none, or cannot have them
 */
export async function readColourCoding(
  format: FormatName | undefined,
  readAt: ReadAt,
): Promise<ColourCoding | undefined> {
  if (format === 'png' || format === 'apng') return codingOfPng(readAt);
  if (format === 'avif' || format === 'avifSequence' || format === 'heic') return codingOfHeif(readAt);
  return undefined;
}

/** The `cICP` chunk stands before the picture's data (PNG, third edition, 11.3.2.6). */
async function codingOfPng(readAt: ReadAt): Promise<ColourCoding | undefined> {
  let position = 8;
  for (let i = 0; i < MOST_PARTS; i++) {
    const chunk = await readAt(position, 12);
    if (chunk.length < 12) return undefined;
    const type = chunk.toString('latin1', 4, 8);
    if (type === 'cICP') return { primaries: chunk[8]!, transfer: chunk[9]! };
    if (type === 'IDAT') return undefined;
    position += 12 + chunk.readUInt32BE(0);
  }
  return undefined;
}

/** The first `colr` of type `nclx` among the properties of items: meta / iprp / ipco (ISO/IEC 23008-12, 12.1.5 of 14496-12). */
async function codingOfHeif(readAt: ReadAt): Promise<ColourCoding | undefined> {
  let [from, to] = [0, Infinity];
  for (const [name, header] of [
    ['meta', 12], // version and flags behind size and name
    ['iprp', 8],
    ['ipco', 8],
  ] as const) {
    const box = await findBox(readAt, from, to, (type) => type === name);
    if (box === undefined) return undefined;
    [from, to] = [box.start + header, box.end];
  }
  const found = await findBox(
    readAt,
    from,
    to,
    (type, head) => type === 'colr' && head.toString('latin1', 8, 12) === 'nclx',
  );
  return found && { primaries: found.head.readUInt16BE(12), transfer: found.head.readUInt16BE(14) };
}

interface Box {
  start: number;
  end: number;
  /** Its first 16 bytes. */
  head: Buffer;
}

async function findBox(
  readAt: ReadAt,
  from: number,
  to: number,
  isIt: (type: string, head: Buffer) => boolean,
): Promise<Box | undefined> {
  let start = from;
  for (let i = 0; i < MOST_PARTS && start + 8 <= to; i++) {
    const head = await readAt(start, 16);
    if (head.length < 16) return undefined;
    const size = head.readUInt32BE(0);
    const end = size === 0 ? to : start + size;
    if (isIt(head.toString('latin1', 4, 8), head)) return { start, end, head };
    if (size < 8) return undefined; // to the end of the file, of 64 bits, or damaged: no box that counts lies behind it
    start = end;
  }
  return undefined;
}
