// Which packet each frame comes from and where decoding can begin, where the packets' headers leave no doubt; and which packets to
// decode for the frames that are wanted.
import type { PacketList } from './packet-list.ts';
import type { PacketKind } from './packets/packet-kind.ts';
import { Unclear } from './packets/packet-kind.ts';

/** What decoding a film from its start would give, told without decoding. */
export interface SeekMap {
  /** The packet of each frame in presentation order, as its number in the order of decoding. */
  packetOf: number[];
  /** Packets from which on what is coded and shown later comes as it should, ascending; the first is 0. */
  entries: Entry[];
  /** Indices of the frames that the decoder would call keyframes; undefined where only decoding tells. */
  keyframes: number[] | undefined;
}

/** Where decoding can begin. */
export interface Entry {
  /** The packet from which on frames are as they should be. */
  packet: number;
  /** The packet that the decoder gets first: the same, or the entry before. */
  from: number;
}

/** A stretch of packets that one decoder gets. */
export interface Run extends Entry {
  /** The last packet that it needs. */
  last: number;
  /** The frames that are wanted of it, as indices in presentation order, ascending. */
  frames: number[];
}

/** Packets that are rather decoded than skipped for a new decoder. */
const worthDecoding = 8;

/**
 * Maps frames to packets. It is only done where all of this holds, so that what decoding from the start would give is known:
 * the container states when each frame is shown, no two at a time and none cut by an edit list; each packet's own headers are
 * understood and say that it gives one frame or none; the order in which the codec shows frames is the order of their times; and
 * the decoder's delay suffices to sort them.
 * @param list - the packets
 * @param delay - frames by which the decoder's output lags behind, to sort them
 * @returns the map
 * @throws {@link Unclear} where any of it does not hold; the message says which
 */
export function mapFrames({ packets, kinds }: PacketList, delay: number): SeekMap {
  if (kinds instanceof Unclear) throw kinds;
  const times = packets.map(({ pts }) => pts);
  if (packets.some(({ cut }) => cut)) throw new Unclear('an edit list cuts frames');
  if (times.some((time) => !Number.isSafeInteger(time))) throw new Unclear('frames without a time');
  if (kinds.length === 0 || kinds[0]!.entry !== 'here') throw new Unclear('the first packet is no keyframe');
  const packetOf = kinds.flatMap(({ shown }, i) => (shown ? [i] : [])).sort((a, b) => times[a]! - times[b]!);
  if (packetOf.some((packet, i) => i > 0 && times[packet] === times[packetOf[i - 1]!])) {
    throw new Unclear('two frames at one time');
  }
  const coded = codedOrder(kinds);
  if (packetOf.some((packet, i) => packet !== coded[i])) throw new Unclear('frames are not timed in the order shown');
  checkDelay(kinds, delay);
  let latest = -Infinity;
  const entries: Entry[] = [];
  for (const [i, { entry, shown }] of kinds.entries()) {
    if (entry !== 'no' && times[i]! > latest) {
      entries.push({ packet: i, from: entry === 'here' ? i : entries.at(-1)!.packet });
    }
    if (shown) latest = Math.max(latest, times[i]!);
  }
  const keys = packetOf.map((packet) => kinds[packet]!.key);
  const keyframes = keys.includes(undefined) ? undefined : keys.flatMap((key, i) => (key === true ? [i] : []));
  return { packetOf, entries, keyframes };
}

/** Shown packets in the order in which their codec shows them. */
function codedOrder(kinds: readonly PacketKind[]): number[] {
  let sequence = 0;
  const places = kinds.map(({ order, restarts }, i) => {
    if (restarts) sequence++;
    return { i, sequence, order: order ?? i };
  });
  return places
    .filter(({ i }) => kinds[i]!.shown)
    .sort((a, b) => a.sequence - b.sequence || a.order - b.order)
    .map(({ i }) => i);
}

/** A decoder puts frames out in order if none is preceded by more later ones than it holds back; and none passes a keyframe. */
function checkDelay(kinds: readonly PacketKind[], delay: number): void {
  /** The greatest places of the sequence so far, descending, one more than may be above the next. */
  let greatest: number[] = [];
  /** The greatest place before the last keyframe. */
  let barrier = -Infinity;
  for (const { order, restarts, entry, key } of kinds) {
    if (order === undefined) continue;
    if (restarts) [greatest, barrier] = [[], -Infinity];
    else if (entry !== 'no' || key !== false) barrier = Math.max(barrier, greatest[0] ?? -Infinity);
    if (order < barrier) throw new Unclear('frames pass a keyframe');
    let above = 0;
    while (above < greatest.length && greatest[above]! > order) above++;
    if (above > delay) throw new Unclear(`a frame is shown ${above} or more places later than it is coded`);
    greatest.splice(above, 0, order);
    if (greatest.length > delay + 1) greatest.pop();
  }
}

/**
 * Plans what to decode for some frames. Decoding of a frame starts at the last entry point whose presentation time is not after the
 * frame's. A frame that is presented before an entry point but coded after it may refer to frames before that entry point; it is decoded
 * from the entry point before.
 * @param map - frames and packets
 * @param times - the time of each packet
 * @param wanted - indices of frames, ascending
 * @returns the stretches to decode, ascending
 */
export function planRuns(map: SeekMap, times: readonly number[], wanted: readonly number[]): Run[] {
  const runs: Run[] = [];
  let at = 0;
  for (const index of wanted) {
    const packet = map.packetOf[index]!;
    while (at + 1 < map.entries.length && times[map.entries[at + 1]!.packet]! <= times[packet]!) at++;
    const entry = map.entries[at]!;
    const run = runs.at(-1);
    if (run && entry.from <= run.last + worthDecoding) {
      run.last = Math.max(run.last, packet);
      run.frames.push(index);
    } else runs.push({ ...entry, last: packet, frames: [index] });
  }
  return runs;
}
