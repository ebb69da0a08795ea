// Which pictures an HEVC picture keeps and refers to (ITU-T H.265, sections 7.3.7, 7.4.8 and 8.3.2), and whether they are there.
import type { BitReader } from './bit-reader.ts';
import { Unclear } from './packet-kind.ts';

/** A reference picture set: the order of each picture less that of the current one, earlier ones first, nearest first. */
export type ReferenceSet = readonly { delta: number; used: boolean }[];

/**
 * Reads a `st_ref_pic_set`.
 * @param bits - at its start
 * @param sets - those before it in the sequence header
 * @param inSlice - whether it stands in a slice's header, and so may follow any of them
 * @returns the set
 */
export function readReferenceSet(bits: BitReader, sets: readonly ReferenceSet[], inSlice: boolean): ReferenceSet {
  if (sets.length > 0 && bits.bit() === 1) {
    const back = inSlice ? bits.unsigned() + 1 : 1;
    const negative = bits.bit() === 1;
    const shift = (bits.unsigned() + 1) * (negative ? -1 : 1);
    const base = sets[sets.length - back];
    if (!base) throw new Unclear('a reference picture set that is no such');
    const moved = [...base.map(({ delta }) => delta + shift), shift].flatMap((delta) => {
      const used = bits.bit() === 1;
      return used || bits.bit() === 1 ? [{ delta, used }] : [];
    });
    const side = (sign: number): ReferenceSet =>
      moved.filter(({ delta }) => delta * sign > 0).sort((a, b) => (a.delta - b.delta) * sign);
    return [...side(-1), ...side(1)];
  }
  const counts = [bits.unsigned(), bits.unsigned()];
  if (counts.some((count) => count > 16)) throw new Unclear('a reference picture set that is no such');
  return counts.flatMap((count, i) => {
    let delta = 0;
    return Array.from({ length: count }, () => {
      delta += (bits.unsigned() + 1) * (i === 0 ? -1 : 1);
      return { delta, used: bits.bit() === 1 };
    });
  });
}

/** Passes over a `scaling_list_data` (7.3.4). */
export function passScalingLists(bits: BitReader): void {
  for (let size = 0; size < 4; size++) {
    for (let matrix = 0; matrix < 6; matrix += size === 3 ? 3 : 1) {
      if (bits.bit() === 0) bits.unsigned();
      else {
        if (size > 1) bits.signed();
        for (let i = 0; i < Math.min(64, 16 << (2 * size)); i++) bits.signed();
      }
    }
  }
}

/** The pictures that a decoder holds. */
export class HeldPictures {
  #held = new Set<number>();

  /**
   * Takes the next picture.
   * @param order - its place in the order of showing
   * @param references - what it keeps; undefined for one that drops all
   * @throws Unclear where it refers to one that is not there
   */
  add(order: number, references: ReferenceSet | undefined): void {
    const kept = new Set<number>();
    for (const { delta, used } of references ?? []) {
      if (this.#held.has(order + delta)) kept.add(order + delta);
      else if (used) throw new Unclear('a picture that others refer to is missing');
    }
    this.#held = kept.add(order);
  }
}
