// How long the last sample of an MP4's track lasts, from the file itself: FFmpeg's programs up to version 6.0 do not tell.
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

/** Bytes of a file's index that are read; one of three hours has a few million. */
const most = 2 ** 26;

/**
 * The duration of the last sample of the track that has this many samples over this span.
 * @param count - samples of the track
 * @param span - from the first to the last sample's time of decoding, in the track's units
 * @returns in the track's units; undefined where no track is so, as in files of fragments
 */
export async function lastSampleDuration(path: string, count: number, span: number): Promise<number | undefined> {
  const file = await open(path, 'r');
  try {
    const index = await readIndex(file);
    if (!index) return undefined;
    for (const track of boxes(index, 'trak')) {
      const [times] = within([track], ['mdia', 'minf', 'stbl', 'stts']);
      const found = times && lastOf(times, count, span);
      if (found !== undefined) return found;
    }
    return undefined;
  } finally {
    await file.close();
  }
}

/** The content of the box `moov`. */
async function readIndex(file: FileHandle): Promise<Buffer | undefined> {
  const { size } = await file.stat();
  const head = Buffer.alloc(16);
  for (let at = 0; at + 8 <= size;) {
    await file.read(head, 0, 16, at);
    const { start, length } = headOf(head, 0, size - at);
    if (length < start) return undefined;
    if (head.toString('latin1', 4, 8) === 'moov') {
      if (length > most) return undefined;
      const content = Buffer.alloc(length - start);
      await file.read(content, 0, content.length, at + start);
      return content;
    }
    at += length;
  }
  return undefined;
}

/** Where the content of a box starts, and the bytes of the whole. A length of 1 stands for a longer field, 0 for the rest. */
function headOf(bytes: Buffer, at: number, rest: number): { start: number; length: number } {
  const short = bytes.readUInt32BE(at);
  if (short === 1 && bytes.length >= at + 16) return { start: 16, length: Number(bytes.readBigUInt64BE(at + 8)) };
  return { start: 8, length: short === 0 ? rest : short };
}

/** Contents of the boxes of a kind, one after the other. */
function boxes(bytes: Buffer, kind: string): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    const { start, length } = headOf(bytes, at, bytes.length - at);
    if (length < start) break;
    if (bytes.toString('latin1', at + 4, at + 8) === kind) found.push(bytes.subarray(at + start, at + length));
    at += length;
  }
  return found;
}

function within(found: readonly Buffer[], path: readonly string[]): readonly Buffer[] {
  return path.reduce<readonly Buffer[]>((inside, kind) => inside.flatMap((one) => boxes(one, kind)), found);
}

/** The last duration of `stts`, if that is of so many samples over such a span. */
function lastOf(times: Buffer, count: number, span: number): number | undefined {
  let [samples, length, last] = [0, 0, 0];
  for (let at = 8; at + 8 <= times.length; at += 8) {
    const ofEntry = times.readUInt32BE(at);
    if (ofEntry === 0) continue;
    last = times.readUInt32BE(at + 4);
    samples += ofEntry;
    length += ofEntry * last;
  }
  return samples === count && length - last === span ? last : undefined;
}
