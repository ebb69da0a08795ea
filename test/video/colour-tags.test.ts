// What a frame's tags mean, whatever decodes it.
import { expect, it } from 'vitest';
import { meaningOf } from '../../src/video/colour-tags.ts';

const pq = { matrix: 9, transfer: 16, primaries: 9, fullRange: false, chroma: 1 };
const notesOf = (format: string, toneMapping: 'bt2390' | 'none'): string[] =>
  meaningOf(format, { width: 64, height: 48 }, pq, toneMapping).notes;

it('HDR that is not tone mapped is noted, with the key that changes that where it would', () => {
  expect(notesOf('yuv420p10le', 'bt2390')).toEqual([]);
  expect(notesOf('yuv420p10le', 'none')).toEqual([
    expect.stringMatching(/^hdr: .*frames\.toneMap: bt2390 changes that/),
  ]);
  for (const format of ['gbrp10le', 'yuva444p10le', 'p010le']) {
    expect(notesOf(format, 'bt2390')).toEqual([
      `hdr-format: HDR (PQ) without tone mapping, which pixels in ${format} do not get: darker and paler than a player shows it`,
    ]);
  }
});
