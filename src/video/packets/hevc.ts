// HEVC as MP4 and Matroska hold it: which packets are one picture each, in which order they are shown, where decoding can begin
// (ITU-T H.265, sections 7.3, 7.4.2.2 and 8.3.1).
import { BitReader, splitUnits, unescapeUnit } from './bit-reader.ts';
import type { ReferenceSet } from './hevc-references.ts';
import { HeldPictures, passScalingLists, readReferenceSet } from './hevc-references.ts';
import type { PacketKind, PacketReader } from './packet-kind.ts';
import { ParameterSets, Unclear } from './packet-kind.ts';

interface Sequence {
  separatePlanes: boolean;
  orderBits: number;
  references: ReferenceSet[];
  longTerm: boolean;
  longTermSets: number;
}

interface PictureSet {
  sequence: number;
  dependentSlices: boolean;
  outputFlag: boolean;
  extraBits: number;
}

const idrTypes = new Set([19, 20]);
const cra = 21;
/** Leading pictures that refer to what is before their random access point: RASL_N, RASL_R. */
const skippedLeading = new Set([8, 9]);
/** Access unit delimiter, filler, supplemental information before and after the slices, Dolby Vision's metadata. */
const passedOver = new Set([35, 38, 39, 40, 62]);

/**
 * Opens a reader.
 * @param extradata - the stream's header, an `hvcC` record
 * @returns the reader
 * @throws {@link Unclear} where the header is of another kind
 */
export function openHevc(extradata: Uint8Array): PacketReader {
  if (extradata.length < 23 || extradata[0] !== 1) throw new Unclear('HEVC without an hvcC header');
  const lengthSize = (extradata[21]! & 3) + 1;
  const sets = new ParameterSets();
  const sequences = new Map<number, Sequence>();
  const pictures = new Map<number, PictureSet>();
  const learn = (unit: Uint8Array): string => {
    const type = typeOf(unit);
    const bits = new BitReader(unescapeUnit(unit).subarray(2));
    if (type === 32) return `video ${bits.bits(4)}`;
    if (type === 33) {
      const { id, ...sequence } = readSequence(bits);
      sequences.set(id, sequence);
      return `sequence ${id}`;
    }
    const id = bits.unsigned();
    const sequence = bits.unsigned();
    const [dependentSlices, outputFlag] = [bits.bit() === 1, bits.bit() === 1];
    pictures.set(id, { sequence, dependentSlices, outputFlag, extraBits: bits.bits(3) });
    return `picture ${id}`;
  };
  for (const unit of headerUnits(extradata)) {
    if ([32, 33, 34].includes(typeOf(unit))) sets.addInitial(learn(unit), unit);
  }

  let previousOrder = 0;
  let seen = 0;
  let accesses = 0;
  const held = new HeldPictures();
  const readFirstSlice = (unit: Uint8Array): number => {
    const type = typeOf(unit);
    const bits = new BitReader(unescapeUnit(unit, 160).subarray(2));
    bits.skip(1);
    const discards = type >= 16 && type <= 23 && bits.bit() === 1;
    if (discards && seen > 0) throw new Unclear('pictures are discarded before they are shown');
    const picture = pictures.get(bits.unsigned());
    const sequence = picture && sequences.get(picture.sequence);
    if (!sequence || sequences.size > 1) throw new Unclear('no parameter set, or more than one sequence header');
    bits.skip(picture.extraBits);
    bits.unsigned(); // the kind of slice
    if (picture.outputFlag && bits.bit() === 0) throw new Unclear('pictures that are not shown');
    if (sequence.separatePlanes) bits.skip(2);
    const range = 2 ** sequence.orderBits;
    const low = idrTypes.has(type) ? 0 : bits.bits(sequence.orderBits);
    const previousLow = previousOrder & (range - 1);
    let high = previousOrder - previousLow;
    if (idrTypes.has(type) || seen === 0) high = 0;
    else if (low < previousLow && previousLow - low >= range / 2) high += range;
    else if (low > previousLow && low - previousLow > range / 2) high -= range;
    const order = high + low;
    held.add(order, idrTypes.has(type) ? undefined : readReferences(bits, sequence));
    const lowestLayer = (unit[1]! & 7) === 1;
    const leadingOrNoReference = (type >= 6 && type <= 9) || (type < 16 && type % 2 === 0);
    if (lowestLayer && !leadingOrNoReference) previousOrder = order;
    return order;
  };

  return {
    read: (data): PacketKind => {
      const added: { key: string; bytes: Uint8Array }[] = [];
      let type = -1;
      let order = 0;
      for (const unit of splitUnits(data, lengthSize)) {
        if (unit.length < 3) throw new Unclear('a NAL unit that is cut short');
        const kind = typeOf(unit);
        if (kind !== 62 && ((unit[0]! & 1) << 5) + (unit[1]! >> 3) !== 0) throw new Unclear('several layers');
        if (kind <= 9 || idrTypes.has(kind) || kind === cra) {
          const first = (unit[2]! & 0x80) !== 0;
          if (first !== (type === -1)) throw new Unclear('a packet does not hold one whole picture');
          if (!first) continue;
          type = kind;
          order = readFirstSlice(unit);
        } else if (kind >= 32 && kind <= 34) added.push({ key: learn(unit), bytes: unit });
        else if (!passedOver.has(kind)) throw new Unclear(`NAL unit of type ${kind}`);
      }
      if (sets.addAll(added).some((key) => !key.startsWith('picture')))
        throw new Unclear('the sequence header changes');
      if (type === -1) throw new Unclear('a packet without a picture');
      const access = idrTypes.has(type) || type === cra;
      if (access) accesses++;
      else if (accesses < 2 && skippedLeading.has(type)) throw new Unclear('leading pictures at the start');
      seen++;
      return {
        shown: true,
        key: access,
        entry: access && sets.areWholeWith(added) ? 'here' : 'no',
        reference: true,
        order,
        restarts: idrTypes.has(type),
      };
    },
  };
}

function typeOf(unit: Uint8Array): number {
  return (unit[0]! >> 1) & 63;
}

/** The reference pictures in a slice's header, behind the order. */
function readReferences(bits: BitReader, { references, longTerm, longTermSets }: Sequence): ReferenceSet {
  const choice = bits.bit() === 1;
  const chosen = choice ? bits.bits(Math.ceil(Math.log2(Math.max(1, references.length)))) : 0;
  const set = choice ? references[chosen] : readReferenceSet(bits, references, true);
  if (!set) throw new Unclear('a reference picture set that is not there');
  if (longTerm && ((longTermSets > 0 && bits.unsigned() > 0) || bits.unsigned() > 0)) {
    throw new Unclear('long-term reference pictures');
  }
  return set;
}

function headerUnits(extradata: Uint8Array): Uint8Array[] {
  const units: Uint8Array[] = [];
  const number = (at: number): number => (extradata[at] ?? 0) * 256 + (extradata[at + 1] ?? 0);
  let at = 23;
  for (let array = 0; array < extradata[22]!; array++) {
    const count = number(at + 1);
    at += 3;
    for (let i = 0; i < count; i++) {
      const length = number(at);
      if (length < 3 || at + 2 + length > extradata.length) throw new Unclear('an hvcC header that is cut short');
      units.push(extradata.subarray(at + 2, at + 2 + length));
      at += 2 + length;
    }
  }
  return units;
}

function readSequence(bits: BitReader): Sequence & { id: number } {
  bits.skip(4);
  const layers = bits.bits(3);
  bits.skip(1);
  bits.skip(88 + 8); // profile, tier, level
  const present = Array.from({ length: layers }, () => [bits.bit() === 1, bits.bit() === 1] as const);
  if (layers > 0) bits.skip(2 * (8 - layers));
  for (const [profile, level] of present) bits.skip((profile ? 88 : 0) + (level ? 8 : 0));
  const id = bits.unsigned();
  const separatePlanes = bits.unsigned() === 3 && bits.bit() === 1;
  bits.unsigned();
  bits.unsigned();
  if (bits.bit() === 1) for (let i = 0; i < 4; i++) bits.unsigned();
  bits.unsigned();
  bits.unsigned();
  const orderBits = bits.unsigned() + 4;
  if (orderBits > 16) throw new Unclear('a sequence header that is no such');
  for (let i = bits.bit() === 1 ? 0 : layers; i <= layers; i++) for (let j = 0; j < 3; j++) bits.unsigned();
  for (let i = 0; i < 6; i++) bits.unsigned(); // sizes of blocks and transforms
  if (bits.bit() === 1 && bits.bit() === 1) passScalingLists(bits);
  bits.skip(2);
  if (bits.bit() === 1) {
    bits.skip(8);
    bits.unsigned();
    bits.unsigned();
    bits.skip(1);
  }
  const count = bits.unsigned();
  if (count > 64) throw new Unclear('a sequence header that is no such');
  const references: ReferenceSet[] = [];
  for (let i = 0; i < count; i++) references.push(readReferenceSet(bits, references, false));
  const longTerm = bits.bit() === 1;
  const longTermSets = longTerm ? bits.unsigned() : 0;
  return { id, separatePlanes, orderBits, references, longTerm, longTermSets };
}
