// The packets of a film, listed without decoding: what the container says of each, and what its own headers say.
import { setImmediate } from 'node:timers/promises';
import { AV_NOPTS_VALUE, AV_PKT_DATA_NEW_EXTRADATA, AV_PKT_FLAG_DISCARD, Packet } from 'node-av';
import type { Film, PacketTime } from './film.ts';
import { openPacketReader } from './packets/open.ts';
import type { PacketKind, PacketReader } from './packets/packet-kind.ts';
import { Unclear } from './packets/packet-kind.ts';

/** One packet, in the order of decoding. */
export interface ListedPacket extends PacketTime {
  /** How long its frame is shown, in units of the stream's time base; 0 where unknown. */
  duration: number;
  /** Bytes. */
  size: number;
  /** Where it lies in the file; -1 where unknown. */
  position: number;
  /** Whether the container calls it a keyframe. */
  key: boolean;
  /** Whether an edit list cuts its frame. */
  cut: boolean;
}

/** What the packets tell without decoding. */
export interface PacketList {
  /** All packets in the order of decoding. */
  packets: ListedPacket[];
  /** What each means, by its headers; or why that is not clear. */
  kinds: PacketKind[] | Unclear;
  /** Packets that hold a frame to show, as far as the container tells. */
  numFrames: number;
  /** Indices of keyframes in presentation order, as far as the packets' flags tell. */
  keyframes: number[];
  /** Seconds of each packet in presentation order; null where it carries none. */
  times: (number | null)[];
  /** Seconds that the last packet lasts; 0 where unknown. */
  lastDuration: number;
}

/** Milliseconds after which other work of this process gets its turn. */
const patience = 10;

/**
 * Lists the packets of a film, which is then at its end.
 * @param film - the film, just opened
 * @returns what they tell
 */
export async function listPackets(film: Film): Promise<PacketList> {
  using packet = new Packet();
  packet.alloc();
  const packets: ListedPacket[] = [];
  const headers = new HeaderReading(film);
  let turn = performance.now();
  while (film.readPacketNow(packet)) {
    packets.push(describe(packet));
    headers.take(packet);
    if (performance.now() - turn < patience) continue;
    await setImmediate();
    turn = performance.now();
  }
  const shown = packets.filter(({ cut }) => !cut);
  const timeOf = ({ pts, dts }: ListedPacket): number => (Number.isNaN(pts) ? dts : pts);
  if (shown.every((one) => !Number.isNaN(timeOf(one)))) shown.sort((a, b) => timeOf(a) - timeOf(b));
  const { num, den } = film.stream.timeBase;
  return {
    packets,
    kinds: headers.kinds,
    numFrames: shown.length,
    keyframes: shown.flatMap(({ key }, i) => (key ? [i] : [])),
    times: shown.map((one) => (Number.isNaN(timeOf(one)) ? null : (timeOf(one) * num) / den)),
    lastDuration: (shown.at(-1)?.duration ?? 0) * (num / den),
  };
}

/**
 * What the container says of a packet.
 * @param packet - the packet
 * @returns the same in plain numbers
 */
export function describe(packet: Packet): ListedPacket {
  const { pts, dts, flags } = packet;
  return {
    pts: pts === AV_NOPTS_VALUE ? Number.NaN : Number(pts),
    dts: dts === AV_NOPTS_VALUE ? Number.NaN : Number(dts),
    duration: Number(packet.duration),
    size: packet.size,
    position: Number(packet.pos),
    key: packet.isKeyframe,
    cut: (flags & AV_PKT_FLAG_DISCARD) !== 0,
  };
}

/** Reads the packets' headers as long as they are clear. */
class HeaderReading {
  kinds: PacketKind[] | Unclear = [];
  #reader: PacketReader | undefined;

  constructor({ indexed, stream: { codecpar } }: Film) {
    this.#attempt(() => {
      if (!indexed) throw new Unclear('a container that does not state when each frame is shown');
      this.#reader = openPacketReader(codecpar.codecId, codecpar.extradata ?? new Uint8Array());
    });
  }

  take(packet: Packet): void {
    const { kinds } = this;
    if (kinds instanceof Unclear) return;
    this.#attempt(() => {
      if (packet.getSideData(AV_PKT_DATA_NEW_EXTRADATA)) throw new Unclear('the header changes');
      kinds.push(this.#reader!.read(packet.data ?? new Uint8Array()));
    });
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof Unclear)) throw error;
      this.kinds = error;
    }
  }
}
