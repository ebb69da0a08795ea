// H.264 as MP4 and Matroska hold it: which packets are one picture each, in which order they are shown, where decoding can begin
// (ITU-T H.264, sections 7.3 and 8.2.1).
import { BitReader, readMessages, splitUnits, unescapeUnit } from './bit-reader.ts';
import type { PacketKind, PacketReader } from './packet-kind.ts';
import { ParameterSets, Unclear } from './packet-kind.ts';

interface Sequence {
  separatePlanes: boolean;
  frameNumBits: number;
  orderType: number;
  orderBits: number;
  framesOnly: boolean;
}

interface PictureSet {
  sequence: number;
  bottomOrder: boolean;
}

/** What the header of a slice says. */
interface Slice {
  firstBlock: number;
  frameNum: number;
  orderLow: number;
  bottomDelta: number;
}

const highProfiles = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);

/**
 * Opens a reader.
 * @param extradata - the stream's header, an `avcC` record
 * @returns the reader
 * @throws {@link Unclear} where the header is of another kind
 */
export function openH264(extradata: Uint8Array): PacketReader {
  if (extradata.length < 7 || extradata[0] !== 1) throw new Unclear('H.264 without an avcC header');
  const lengthSize = (extradata[4]! & 3) + 1;
  const sets = new ParameterSets();
  const sequences = new Map<number, Sequence>();
  const pictures = new Map<number, PictureSet>();
  const learn = (unit: Uint8Array): string => {
    const bits = new BitReader(unescapeUnit(unit).subarray(1));
    if ((unit[0]! & 31) === 7) {
      const { id, ...sequence } = readSequence(bits);
      sequences.set(id, sequence);
      return `sequence ${id}`;
    }
    const id = bits.unsigned();
    const sequence = bits.unsigned();
    bits.skip(1);
    pictures.set(id, { sequence, bottomOrder: bits.bit() === 1 });
    return `picture ${id}`;
  };
  for (const unit of headerUnits(extradata)) sets.addInitial(learn(unit), unit);

  const readSlice = (unit: Uint8Array): Slice => {
    const idr = (unit[0]! & 31) === 5;
    const bits = new BitReader(unescapeUnit(unit, 48).subarray(1));
    const firstBlock = bits.unsigned();
    bits.unsigned(); // the kind of slice
    const picture = pictures.get(bits.unsigned());
    const sequence = picture && sequences.get(picture.sequence);
    if (!sequence) throw new Unclear('a slice names a parameter set that is not there');
    if (sequence.separatePlanes) bits.skip(2);
    const frameNum = bits.bits(sequence.frameNumBits);
    if (!sequence.framesOnly && bits.bit() === 1) throw new Unclear('pictures are coded as fields');
    if (idr) bits.unsigned();
    const low = sequence.orderType === 0 ? bits.bits(sequence.orderBits) : 0;
    const bottomDelta = sequence.orderType === 0 && picture.bottomOrder ? bits.signed() : 0;
    return { firstBlock, frameNum, orderLow: low, bottomDelta };
  };

  let numBefore = 0;
  /** Frames are numbered (7.4.3): one that does not follow the last reference tells that one is missing. */
  const checkNumber = (num: number, { frameNumBits }: Sequence, idr: boolean, reference: boolean): void => {
    if (num !== (idr ? 0 : (numBefore + 1) % 2 ** frameNumBits)) throw new Unclear('a frame is missing');
    if (reference) numBefore = num;
  };

  let [previousHigh, previousLow] = [0, 0];
  /** Picture order count (8.2.1.1), of the earlier field. */
  const orderOf = ({ orderLow, bottomDelta }: Slice, sequence: Sequence, idr: boolean, reference: boolean): number => {
    const range = 2 ** sequence.orderBits;
    if (idr) [previousHigh, previousLow] = [0, 0];
    let high = previousHigh;
    if (orderLow < previousLow && previousLow - orderLow >= range / 2) high += range;
    else if (orderLow > previousLow && orderLow - previousLow > range / 2) high -= range;
    if (reference) [previousHigh, previousLow] = [high, orderLow];
    return high + orderLow + Math.min(0, bottomDelta);
  };

  return {
    read: (data): PacketKind => {
      const added: { key: string; bytes: Uint8Array }[] = [];
      const slices: Slice[] = [];
      let first: Uint8Array | undefined;
      let recovery: 'none' | 'exact' | 'later' = 'none';
      for (const unit of splitUnits(data, lengthSize)) {
        const type = unit[0]! & 31;
        if (type === 1 || type === 5) {
          if (first !== undefined && first[0] !== unit[0]) throw new Unclear('a packet holds slices of two kinds');
          first ??= unit;
          slices.push(readSlice(unit));
        } else if (type === 7 || type === 8) added.push({ key: learn(unit), bytes: unit });
        else if (type === 6) {
          for (const { type: kind, bytes } of readMessages(unescapeUnit(unit).subarray(1))) {
            if (kind === 6) recovery = readRecovery(bytes);
          }
        } else if (type !== 9 && type !== 12) throw new Unclear(`NAL unit of type ${type}`);
      }
      if (sets.addAll(added).some((key) => key.startsWith('sequence')))
        throw new Unclear('the sequence header changes');
      const [slice, ...others] = slices;
      if (!slice || !first || slice.firstBlock !== 0) throw new Unclear('a packet does not start a picture');
      let last = 0;
      for (const other of others) {
        const same = other.frameNum === slice.frameNum && other.orderLow === slice.orderLow;
        if (!same || other.firstBlock <= last) throw new Unclear('a packet holds more than one picture');
        last = other.firstBlock;
      }
      const idr = (first[0]! & 31) === 5;
      const reference = (first[0]! & 0x60) !== 0;
      const sequence = usedSequence(sequences);
      checkNumber(slice.frameNum, sequence, idr, reference);
      const order = sequence.orderType === 0 ? orderOf(slice, sequence, idr, reference) : undefined;
      const entry = idr ? 'here' : recovery === 'exact' ? 'before' : 'no';
      return {
        shown: true,
        key: recovery === 'later' ? undefined : idr || recovery === 'exact',
        entry: sets.areWholeWith(added) ? entry : 'no',
        reference,
        order,
        restarts: idr,
      };
    },
  };
}

/** The one sequence header; with several it would have to be told which is in use. */
function usedSequence(sequences: ReadonlyMap<number, Sequence>): Sequence {
  const [first, ...others] = sequences.values();
  if (!first || others.length > 0) throw new Unclear('several sequence headers');
  return first;
}

function headerUnits(extradata: Uint8Array): Uint8Array[] {
  const units: Uint8Array[] = [];
  let at = 5;
  for (const mask of [31, 255]) {
    const count = extradata[at++]! & mask;
    for (let i = 0; i < count; i++) {
      const length = (extradata[at] ?? 0) * 256 + (extradata[at + 1] ?? 0);
      if (length === 0 || at + 2 + length > extradata.length) throw new Unclear('an avcC header that is cut short');
      units.push(extradata.subarray(at + 2, at + 2 + length));
      at += 2 + length;
    }
  }
  return units;
}

function readSequence(bits: BitReader): Sequence & { id: number } {
  const profile = bits.bits(8);
  bits.skip(16);
  const id = bits.unsigned();
  let separatePlanes = false;
  if (highProfiles.has(profile)) {
    const chroma = bits.unsigned();
    if (chroma === 3) separatePlanes = bits.bit() === 1;
    bits.unsigned();
    bits.unsigned();
    bits.skip(1);
    if (bits.bit() === 1) for (let i = 0; i < (chroma === 3 ? 12 : 8); i++) passScaling(bits, i < 6 ? 16 : 64);
  }
  const frameNumBits = bits.unsigned() + 4;
  const orderType = bits.unsigned();
  if (orderType !== 0 && orderType !== 2) throw new Unclear(`picture order of type ${orderType}`);
  const orderBits = orderType === 0 ? bits.unsigned() + 4 : 0;
  if (frameNumBits > 16 || orderBits > 16) throw new Unclear('a sequence header that is no such');
  bits.unsigned(); // reference frames
  if (bits.bit() === 1) throw new Unclear('gaps in the numbering of frames');
  bits.unsigned();
  bits.unsigned();
  return { id, separatePlanes, frameNumBits, orderType, orderBits, framesOnly: bits.bit() === 1 };
}

function passScaling(bits: BitReader, size: number): void {
  if (bits.bit() === 0) return;
  let last = 8;
  let next = 8;
  for (let i = 0; i < size; i++) {
    if (next !== 0) next = (last + bits.signed() + 256) % 256;
    last = next === 0 ? last : next;
  }
}

/** A recovery point (D.1.8): where pictures from it on are right without what was before, as x264's open groups have them. */
function readRecovery(bytes: Uint8Array): 'exact' | 'later' {
  const bits = new BitReader(bytes);
  const frames = bits.unsigned();
  const exact = bits.bit() === 1;
  const broken = bits.bit() === 1;
  return frames === 0 && exact && !broken ? 'exact' : 'later';
}
