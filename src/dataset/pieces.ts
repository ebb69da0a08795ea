// A table in pieces that end between records, so that a file of any length is read with little memory.
import { UserError, oneLine } from '../core/index.ts';
import type { TableFormat } from './table.ts';
import { lineStarts } from './text.ts';

/** A piece of a table. */
export interface Piece {
  /** Whole records in UTF-8. */
  bytes: Buffer;
  /** Physical lines before it. */
  line: number;
}

/** Most bytes of one record. A quote that is never closed makes the rest of a file one. */
const MAX_RECORD: number = 1 << 20;

/**
 * Cuts a table where a line end is that no quotes enclose.
 * @param path - the file, for messages
 * @param chunks - its bytes in UTF-8
 * @param format - how it is written
 * @throws UserError `bad-input` for a record of more than {@link MAX_RECORD} bytes, as soon as so many are read
 */
export async function* cutBetweenRecords(
  path: string,
  chunks: AsyncIterable<Buffer>,
  format: TableFormat,
): AsyncGenerator<Piece, void> {
  const hasQuotes = format.kind === 'csv' && format.quoted !== false;
  let held = Buffer.alloc(0);
  let line = 0;
  let isQuoted = false;
  for await (const chunk of chunks) {
    let end = 0; // of the last whole record of `held` and `chunk`
    // CR alone ends a line too, which only the next byte tells.
    if (held.at(-1) === 0x0d && !isQuoted && chunk[0] !== 0x0a) end = held.length;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i];
      if (byte === 0x22 && hasQuotes) isQuoted = !isQuoted;
      else if (isQuoted) continue;
      else if (byte === 0x0a || (byte === 0x0d && i + 1 < chunk.length && chunk[i + 1] !== 0x0a)) {
        end = held.length + i + 1;
      }
    }
    held = Buffer.concat([held, chunk]);
    if (held.length - end > MAX_RECORD) {
      const at = line + lineStarts(held.subarray(0, end)).length;
      throw new UserError('bad-input', `${oneLine(path)}:${at}: expected a record of at most 1 MiB, got a longer one`, {
        hint: hasQuotes ? 'Is there a quote that is never closed?' : 'Is it a file of lines?',
      });
    }
    if (end === 0) continue;
    const bytes = held.subarray(0, end);
    yield { bytes, line };
    line += lineStarts(bytes).length - 1;
    held = held.subarray(end);
  }
  if (held.length > 0 || line === 0) yield { bytes: held, line };
}
