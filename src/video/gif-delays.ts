// The delays of a GIF's frames, from the file itself: FFmpeg's reader puts 0.1 s in where a file has none and does not tell.

/** What the blocks of a GIF tell. */
export interface GifDelays {
  /** Hundredths of a second of each frame; 0 where the file gives none. */
  delays: number[];
  /** Whether the file ends between blocks, and not within one. */
  whole: boolean;
}

/**
 * Reads the delay of each frame.
 * @param bytes - the whole file
 * @returns the delays
 */
export function gifDelays(bytes: Uint8Array): GifDelays {
  const delays: number[] = [];
  const at = (i: number): number => bytes[i] ?? 0;
  const tableSize = (packed: number): number => (packed & 0x80 ? 3 << ((packed & 7) + 1) : 0);
  /** The index after a chain of blocks, which a block of length 0 ends. */
  const skipBlocks = (i: number): number => {
    while (at(i) !== 0) i += at(i) + 1;
    return i + 1;
  };
  let delay = 0;
  let i = 13 + tableSize(at(10));
  while (i < bytes.length && at(i) !== 0x3b) {
    if (at(i) === 0x21) {
      if (at(i + 1) === 0xf9 && at(i + 2) >= 4) delay = at(i + 4) | (at(i + 5) << 8);
      i = skipBlocks(i + 2);
    } else if (at(i) === 0x2c) {
      delays.push(delay);
      delay = 0;
      i = skipBlocks(i + 11 + tableSize(at(i + 9)));
    } else i++;
  }
  return { delays, whole: i <= bytes.length };
}
