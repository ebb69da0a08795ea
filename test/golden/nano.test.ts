// Nano's first fifty updates, 25 of each stage: as before the redesign, to the bit.
// @module-tag long
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { differences, readGoldens } from './compare.ts';
import type { StageGolden } from './nano.ts';
import { makeNano } from './nano.ts';

const { values, isExact, how } = await readGoldens<StageGolden>('nano');

/**
 * Elsewhere: the first updates differ by rounding alone; Muon's steps have one length whatever the gradient's, so that rounding grows
 * from update to update.
 */
const allowed = (want: number, place: string): number => {
  const [, step] = /^\/\w+\/steps\/(\d+)\/0$/.exec(place) ?? [];
  return step === undefined ? Infinity : (Number(step) < 3 ? 1e-4 : 2e-2) * Math.abs(want);
};

test(
  `pretraining's first fifty updates, ${how}`,
  async () => {
    const got = await makeNano(join(await mkdtemp(join(tmpdir(), 'iovqa-golden-nano-')), 'out'));
    expect(differences(got, values, isExact ? null : allowed)).toEqual([]);
  },
  1_800_000, // four minutes of processor time; a last resort
);
