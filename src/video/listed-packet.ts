// What a container says of its packets, and what that tells of a film without decoding it.
import type { Ratio } from './film-facts.ts';

/** When a packet is to be decoded and its frame shown, in units of the stream's time base; not a number where it does not say. */
export interface PacketTime {
  /** Shown. */
  pts: number;
  /** Decoded. */
  dts: number;
}

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

/** What all packets together tell. */
export interface PacketSummary {
  /** Packets that hold a frame to show, as far as the container tells. */
  numFrames: number;
  /** Indices of keyframes in presentation order, as far as the packets' flags tell. */
  keyframes: number[];
  /** Seconds of each packet in presentation order; null where it carries none. */
  times: (number | null)[];
  /** Seconds that the last packet lasts; 0 where unknown. */
  lastDuration: number;
}

/**
 * Sums packets up.
 * @param packets - in the order of decoding
 * @param timeBase - seconds of a unit of their times
 */
export function summarisePackets(packets: readonly ListedPacket[], { num, den }: Ratio): PacketSummary {
  const shown = packets.filter(({ cut }) => !cut);
  const timeOf = ({ pts, dts }: ListedPacket): number => (Number.isNaN(pts) ? dts : pts);
  if (shown.every((one) => !Number.isNaN(timeOf(one)))) shown.sort((a, b) => timeOf(a) - timeOf(b));
  return {
    numFrames: shown.length,
    keyframes: shown.flatMap(({ key }, i) => (key ? [i] : [])),
    times: shown.map((one) => (Number.isNaN(timeOf(one)) ? null : (timeOf(one) * num) / den)),
    lastDuration: (shown.at(-1)?.duration ?? 0) * (num / den),
  };
}
