// Bytes of a text file to text, with the physical lines on which the bytes are not UTF-8.
import { isUtf8 } from 'node:buffer';

/** The text of a file, and where its bytes are none. */
export interface DecodedText {
  /** The text without a byte order mark; U+FFFD stands for what could not be decoded. */
  text: string;
  /** Physical lines (from 1) that hold bytes that are not UTF-8. */
  badLines: Set<number>;
  /** Set where the file is no UTF-8 text at all: what it is instead. */
  notText?: string;
}

/**
 * Decodes UTF-8 line by line, so that a bad byte costs its line only.
 * @param bytes - the whole file, or a part of it that begins at a line
 * @param isStart - whether they are its beginning, where a byte order mark may be. Default true
 * @returns the text and the bad lines
 */
export function decodeText(bytes: Uint8Array, isStart = true): DecodedText {
  const badLines = new Set<number>();
  if (bytes.includes(0)) return { text: '', badLines, notText: 'NUL bytes (a binary file)' };
  if (!isUtf8(bytes)) {
    const starts = lineStarts(bytes);
    for (const [i, start] of starts.entries()) {
      if (!isUtf8(bytes.subarray(start, starts[i + 1] ?? bytes.length))) badLines.add(i + 1);
    }
  }
  return { text: new TextDecoder('utf-8', { ignoreBOM: !isStart }).decode(bytes), badLines };
}

/**
 * Where each physical line starts; a line ends with LF, CRLF or CR.
 * @param bytes - UTF-8 text, or nearly
 * @returns ascending byte offsets, the first 0; the last may be the length of `bytes`
 */
export function lineStarts(bytes: Uint8Array): number[] {
  const starts = [0];
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] === 0x0a || (bytes[i] === 0x0d && bytes[i + 1] !== 0x0a)) starts.push(i + 1);
  }
  return starts;
}
