// The packets of a film, listed without decoding: what the container says of each, and what its own headers say.
import { setImmediate } from 'node:timers/promises';
import { AV_NOPTS_VALUE, AV_PKT_DATA_NEW_EXTRADATA, AV_PKT_FLAG_DISCARD, Packet } from 'node-av';
import type { Film } from './film.ts';
import type { ListedPacket, PacketSummary } from './listed-packet.ts';
import { summarisePackets } from './listed-packet.ts';
import { openPacketReader } from './packets/open.ts';
import type { PacketKind, PacketReader } from './packets/packet-kind.ts';
import { Unclear } from './packets/packet-kind.ts';

/** What the packets tell without decoding. */
export interface PacketList extends PacketSummary {
  /** All packets in the order of decoding. */
  packets: ListedPacket[];
  /** What each means, by its headers; or why that is not clear. */
  kinds: PacketKind[] | Unclear;
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
  return { packets, kinds: headers.kinds, ...summarisePackets(packets, film.stream.timeBase) };
}

/**
 * What the container says of a packet.
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
