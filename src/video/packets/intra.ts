// Codecs of which each packet is a picture that needs no other: ProRes and Motion JPEG.
import type { PacketKind, PacketReader } from './packet-kind.ts';
import { Unclear } from './packet-kind.ts';

const alone: PacketKind = { shown: true, key: true, entry: 'here', reference: false, order: undefined, restarts: true };

/** Opens a reader of ProRes. */
export function openProres(): PacketReader {
  return {
    read: (data): PacketKind => {
      const name = Buffer.from(data.subarray(4, 8)).toString('latin1');
      if (name !== 'icpf') throw new Unclear('a packet that is no ProRes');
      return alone;
    },
  };
}

/** Opens a reader of Motion JPEG whose pictures all have tables of their own: a decoder would use those of the picture before. */
export function openMotionJpeg(): PacketReader {
  return {
    read: (data): PacketKind => {
      if (data[0] !== 0xff || data[1] !== 0xd8) throw new Unclear('a packet that is no JPEG');
      const found = new Set<number>();
      for (let at = 2; at + 4 <= data.length && data[at] === 0xff;) {
        const marker = data[at + 1]!;
        found.add(marker);
        if (marker === 0xda) break;
        at += 2 + data[at + 2]! * 256 + data[at + 3]!;
      }
      if (![0xdb, 0xc4, 0xda].every((marker) => found.has(marker))) throw new Unclear('a JPEG without tables');
      return alone;
    },
  };
}
