// Decodes the wanted frames of a film only: goes to the keyframe before each, decodes from there, and checks at every step that what
// comes is what the list of packets promised.
import type { CodecContext } from 'node-av';
import {
  AV_EF_EXPLODE,
  AV_FRAME_FLAG_CORRUPT,
  AV_OPT_TYPE_FLAGS,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  Frame,
  Packet,
} from 'node-av';
import type { Film } from './film.ts';
import type { ListedPacket } from './listed-packet.ts';
import type { PacketList } from './packet-list.ts';
import { describe } from './packet-list.ts';
import type { PacketKind } from './packets/packet-kind.ts';
import { Unclear } from './packets/packet-kind.ts';
import { planRuns } from './seek-map.ts';
import type { SeekMap } from './seek-map.ts';

/** Frames of a film, by seeking. */
export interface Seeking {
  /** The film, listed. */
  film: Film;
  /** Its packets. */
  list: PacketList;
  /** Which frame comes of which. */
  map: SeekMap;
}

/**
 * Decodes some frames.
 * @param seeking - the film and what is known of it
 * @param wanted - indices of frames, ascending
 * @param visit - takes each wanted frame, in order; it is valid until that returns
 * @throws {@link Unclear} where anything differs from what the packets promised, or the decoder had to make up for damage: what
 *   was visited is then void
 */
export async function decodeFrames(
  { film, list, map }: Seeking,
  wanted: readonly number[],
  visit: (index: number, frame: Frame) => Promise<void>,
): Promise<void> {
  const kinds = list.kinds as PacketKind[];
  const times = list.packets.map(({ pts }) => pts);
  using packet = new Packet();
  packet.alloc();
  using frame = new Frame();
  frame.alloc();
  const visits = new Visits(visit);
  try {
    for (const { from, packet: entry, last, frames } of planRuns(map, times, wanted)) {
      // What is coded before the entry, or behind it to be shown before it, comes or not, as what it needs is there or not; nobody
      // wants it, and it is no damage if it fails.
      const counts = (i: number): boolean => i === entry || (i > entry && times[i]! > times[entry]!);
      const all = range(from, last);
      const strictThroughout = all.every(counts);
      // Frames without damage do not depend on the number of threads. More than one do not hear of strictness later on.
      using context = await film.openDecoder({ threads: strictThroughout ? 2 : 1 });
      const indexOf = new Map(frames.map((index) => [map.packetOf[index]!, index]));
      const sent = all.filter((i) => kinds[i]!.reference || indexOf.has(i));
      const due = sent.filter((i) => kinds[i]!.shown && counts(i)).sort((a, b) => times[a]! - times[b]!);
      let next = 0;
      const drain = async (): Promise<void> => {
        while (indexOf.size > 0) {
          const code = await context.receiveFrame(frame);
          if (code === AVERROR_EAGAIN || code === AVERROR_EOF) return;
          if (code < 0) throw new Unclear('a decoder that fails');
          if (Number(frame.pts) < times[entry]!) continue;
          const i = due[next++];
          const { key } = i === undefined ? {} : kinds[i]!;
          if (i === undefined || Number(frame.pts) !== times[i]) throw new Unclear('another frame than the one due');
          if (key !== undefined && key !== (frame.keyFrame !== 0)) throw new Unclear('a keyframe where none was due');
          if (frame.decodeErrorFlags !== 0 || frame.hasFlags(AV_FRAME_FLAG_CORRUPT)) throw new Unclear('damage');
          const index = indexOf.get(i);
          if (index === undefined) continue;
          indexOf.delete(i);
          await visits.add(index, frame);
        }
      };
      await goTo(film, packet, list.packets[from]!);
      const needed = new Set(sent);
      for (let i = from; i <= last && indexOf.size > 0; i++) {
        if (i > from && !film.readPacketNow(packet)) throw new Unclear('an early end');
        if (!isSame(describe(packet), list.packets[i]!)) throw new Unclear('another packet than the one listed');
        if (!needed.has(i)) continue;
        if (!strictThroughout) context.setOption('err_detect', counts(i) ? AV_EF_EXPLODE : 0, AV_OPT_TYPE_FLAGS);
        await send(context, packet);
        await drain();
      }
      await send(context, null);
      await drain();
      if (indexOf.size > 0) throw new Unclear('a frame that does not come');
    }
  } finally {
    await visits.end();
  }
}

/** Visits one frame while the next is being decoded. */
class Visits {
  readonly #visit: (index: number, frame: Frame) => Promise<void>;
  #last: Promise<void> = Promise.resolve();

  constructor(visit: (index: number, frame: Frame) => Promise<void>) {
    this.#visit = visit;
  }

  /** Waits for the frame before, and begins with this one. */
  async add(index: number, frame: Frame): Promise<void> {
    await this.#last;
    const own = frame.clone()!;
    this.#last = this.#visit(index, own).finally(() => own.free());
    this.#last.catch(() => {}); // `add` and `end` throw it
  }

  async end(): Promise<void> {
    await this.#last;
  }
}

async function send(context: CodecContext, packet: Packet | null): Promise<void> {
  const code = await context.sendPacket(packet);
  if (code < 0) throw new Unclear('a decoder that refuses a packet');
}

/** Reads into `packet` the one that was listed so. */
async function goTo(film: Film, packet: Packet, listed: ListedPacket): Promise<void> {
  if (!(await film.seek(listed))) throw new Unclear('a container that cannot be sought in');
  while (film.readPacketNow(packet)) if (isSame(describe(packet), listed)) return;
  throw new Unclear('a packet that seeking does not find');
}

/** Times of decoding may be known to a reader that came from the start only. */
function isSame(a: ListedPacket, b: ListedPacket): boolean {
  return a.pts === b.pts && a.size === b.size && a.position === b.position && a.key === b.key && a.cut === b.cut;
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
