// Bits of a header, most significant first, with the Exp-Golomb numbers of H.264 and HEVC.
import { Unclear } from './packet-kind.ts';

/** Reads bits one after the other. */
export class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  /** Starts at the first bit. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** One bit. */
  bit(): number {
    const byte = this.#bytes[this.#at >> 3];
    if (byte === undefined) throw new Unclear('a header is cut short');
    return (byte >> (7 - (this.#at++ & 7))) & 1;
  }

  /** A number of 0–32 bits, from 0. */
  bits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) value = value * 2 + this.bit();
    return value;
  }

  /** Passes over bits. */
  skip(count: number): void {
    this.#at += count;
  }

  /** `ue(v)`: a number from 0. */
  unsigned(): number {
    let zeros = 0;
    while (this.bit() === 0) if (++zeros > 31) throw new Unclear('a header holds a number beyond 32 bits');
    return 2 ** zeros - 1 + this.bits(zeros);
  }

  /** `se(v)`: a number of either sign. */
  signed(): number {
    const value = this.unsigned();
    return value % 2 === 1 ? (value + 1) / 2 : -value / 2;
  }
}

/**
 * The payload of a NAL unit: without the 3 that is put in after two zeros so that no start code arises.
 * @param unit - the unit, or a part of it
 * @param limit - greatest number of bytes wanted
 * @returns the payload, its header included
 */
export function unescapeUnit(unit: Uint8Array, limit: number = unit.length): Uint8Array {
  const out = new Uint8Array(Math.min(unit.length, limit));
  let length = 0;
  let zeros = 0;
  for (let i = 0; i < unit.length && length < out.length; i++) {
    const byte = unit[i]!;
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    out[length++] = byte;
  }
  return out.subarray(0, length);
}

/**
 * The NAL units of a packet as MP4 and Matroska hold them: each behind its length.
 * @param data - the packet
 * @param lengthSize - bytes of a length, 1–4
 * @returns the units
 */
export function splitUnits(data: Uint8Array, lengthSize: number): Uint8Array[] {
  const units: Uint8Array[] = [];
  for (let at = 0; at < data.length;) {
    let length = 0;
    for (let i = 0; i < lengthSize; i++) length = length * 256 + (data[at + i] ?? 0);
    at += lengthSize;
    if (length === 0 || at + length > data.length) throw new Unclear('a packet is not made of whole NAL units');
    units.push(data.subarray(at, at + length));
    at += length;
  }
  return units;
}

/**
 * The messages of a unit of supplemental information (H.264 and HEVC write them alike).
 * @param payload - the unescaped unit behind its header
 * @returns type and bytes of each
 */
export function readMessages(payload: Uint8Array): { type: number; bytes: Uint8Array }[] {
  const messages: { type: number; bytes: Uint8Array }[] = [];
  let at = 0;
  const number = (): number => {
    let value = 0;
    while (payload[at] === 255) {
      value += 255;
      at++;
    }
    return value + (payload[at++] ?? 0);
  };
  while (at + 2 <= payload.length && !(payload[at] === 0x80 && at === payload.length - 1)) {
    const type = number();
    const length = number();
    messages.push({ type, bytes: payload.subarray(at, at + length) });
    at += length;
  }
  return messages;
}
