// AV1: which packets show a frame, where decoding can begin (the AV1 bitstream specification, sections 5.3, 5.5 and 5.9). Frames are
// shown as they are coded.
import type { PacketKind, PacketReader } from './packet-kind.ts';
import { Unclear } from './packet-kind.ts';

const [sequenceHeader, delimiter, frameHeader, tileGroup, metadata, frame, padding] = [1, 2, 3, 4, 5, 6, 15];

/** Opens a reader. */
export function openAv1(): PacketReader {
  /** Whether a decoder from the start has a sequence header at all; one that begins later has it from its first packet. */
  let reduced = false;
  return {
    read: (data): PacketKind => {
      let shown = 0;
      let key: boolean | undefined;
      let entry = false;
      let hasSequence = false;
      let frames = 0;
      for (const { type, payload } of splitUnits(data)) {
        if (type === sequenceHeader) {
          hasSequence = true;
          reduced = ((payload[0] ?? 0) & 0x08) !== 0;
        } else if (type === frameHeader || type === frame) {
          if (payload.length === 0) throw new Unclear('a frame header that is cut short');
          const head = reduced ? 0x10 : payload[0]!; // show_existing_frame, frame_type (2 bits), show_frame
          const existing = (head & 0x80) !== 0;
          const visible = existing || (head & 0x10) !== 0;
          const intra = !existing && (head & 0x60) === 0;
          if (frames++ === 0) entry = intra && visible && hasSequence;
          if (!visible) continue;
          shown++;
          key = existing ? undefined : intra;
        } else if (![delimiter, tileGroup, metadata, padding].includes(type)) {
          throw new Unclear(`open bitstream unit of type ${type}`);
        }
      }
      if (shown > 1) throw new Unclear('a packet shows several frames');
      return {
        shown: shown === 1,
        key,
        entry: entry ? 'here' : 'no',
        reference: true,
        order: undefined,
        restarts: entry,
      };
    },
  };
}

function splitUnits(data: Uint8Array): { type: number; payload: Uint8Array }[] {
  const units: { type: number; payload: Uint8Array }[] = [];
  for (let at = 0; at < data.length;) {
    const head = data[at++]!;
    if ((head & 0x80) !== 0) throw new Unclear('a packet that is no AV1');
    if ((head & 4) !== 0 && ((data[at++] ?? 0) & 0x18) !== 0) throw new Unclear('several layers in space');
    let size = data.length - at;
    if ((head & 2) !== 0) {
      size = 0;
      for (let i = 0, more = true; more; i++) {
        const byte = data[at++];
        if (byte === undefined || i > 4) throw new Unclear('a unit of unknown length');
        size += (byte & 127) * 2 ** (7 * i);
        more = (byte & 128) !== 0;
      }
    }
    if (at + size > data.length) throw new Unclear('a packet is not made of whole units');
    units.push({ type: (head >> 3) & 15, payload: data.subarray(at, at + size) });
    at += size;
  }
  return units;
}
