// VP8 and VP9: which packets show a frame, where decoding can begin (RFC 6386, section 9.1; the VP9 bitstream specification, section
// 7.2 and annex B). Their frames are shown as they are coded.
import type { PacketKind, PacketReader } from './packet-kind.ts';
import { Unclear } from './packet-kind.ts';

/** Opens a reader of VP8. */
export function openVp8(): PacketReader {
  return {
    read: (data): PacketKind => {
      if (data.length < 10) throw new Unclear('a packet that is cut short');
      const key = (data[0]! & 1) === 0;
      if (key && (data[3] !== 0x9d || data[4] !== 0x01 || data[5] !== 0x2a)) throw new Unclear('no start code');
      const shown = (data[0]! & 16) !== 0;
      return { shown, key, entry: key && shown ? 'here' : 'no', reference: true, order: undefined, restarts: key };
    },
  };
}

/** Opens a reader of VP9. A packet is one frame, or hidden frames and one that is shown, with an index behind. */
export function openVp9(): PacketReader {
  return {
    read: (data): PacketKind => {
      let shown = 0;
      let key: boolean | undefined;
      let entry = false;
      for (const [i, frame] of splitFrames(data).entries()) {
        const head = frame[0]!;
        if (head >> 6 !== 2) throw new Unclear('a packet that is no VP9');
        const profile = ((head >> 5) & 1) + ((head >> 3) & 2);
        // A bit is reserved in profile 3.
        const at = profile === 3 ? 2 : 3;
        if (((head >> at) & 1) === 1) {
          shown++;
          key = undefined;
          continue;
        }
        const intra = ((head >> (at - 1)) & 1) === 0;
        if (i === 0) entry = intra;
        if (((head >> (at - 2)) & 1) === 0) continue;
        shown++;
        key = intra;
      }
      if (shown > 1) throw new Unclear('a packet shows several frames');
      return {
        shown: shown === 1,
        key,
        entry: entry && shown === 1 ? 'here' : 'no',
        reference: true,
        order: undefined,
        restarts: entry,
      };
    },
  };
}

function splitFrames(data: Uint8Array): Uint8Array[] {
  const mark = data.at(-1);
  if (mark === undefined) throw new Unclear('an empty packet');
  if ((mark & 0xe0) !== 0xc0) return [data];
  const bytes = ((mark >> 3) & 3) + 1;
  const count = (mark & 7) + 1;
  const start = data.length - 2 - count * bytes;
  if (data[start] !== mark) return [data];
  const frames: Uint8Array[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    let size = 0;
    for (let b = bytes - 1; b >= 0; b--) size = size * 256 + data[start + 1 + i * bytes + b]!;
    if (size === 0 || at + size > start) throw new Unclear('an index that does not fit its packet');
    frames.push(data.subarray(at, at + size));
    at += size;
  }
  return frames;
}
