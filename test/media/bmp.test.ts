// Windows bitmaps of every kind that is read, against Pillow; those that are refused, and damage.
import { readFileSync } from 'node:fs';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/index.ts';
import { inspectFile } from '../../src/media/index.ts';
import { readStill } from '../../src/video/still.ts';
import { sha256 } from '../video/fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-bmp-'));
afterAll(() => rmSync(folder, { recursive: true }));

const { cases } = JSON.parse(readFileSync(new URL('golden/bmp.json', import.meta.url), 'utf8')) as {
  cases: { name: string; file: string; shape: [number, number]; sha256: string }[];
};

async function read(bytes: Buffer, maxPixels = 1e6): ReturnType<typeof readStill> {
  const path = join(folder, 'a.bmp');
  writeFileSync(path, bytes);
  return readStill(await inspectFile(path, 1e6), { maxPixels, profile: 'ignore' });
}

const bytesOf = (name: string): Buffer => Buffer.from(cases.find((one) => one.name === name)!.file, 'base64');

describe('bitmaps', () => {
  it.each(cases)('of $name', async ({ file, shape, sha256: sha }) => {
    const { frame, notes } = await read(Buffer.from(file, 'base64'));
    expect([frame.height, frame.width]).toEqual(shape);
    expect(sha256(frame.data)).toBe(sha);
    expect(notes).toEqual([]);
  });

  it('that are compressed, cut short or too large are refused', async () => {
    const compressed = Buffer.from(bytesOf('8 bits, grey'));
    compressed.writeUInt32LE(1, 30);
    await expect(read(compressed)).rejects.toThrow(
      'expected a whole BMP picture without compression, got compression 1',
    );
    await expect(read(bytesOf('24 bits').subarray(0, 200))).rejects.toThrow('got one that is cut short');
    await expect(read(bytesOf('24 bits'), 100)).rejects.toThrow('expected at most 100 pixels');
  });

  it('that are damaged end in an answer', async () => {
    const edits = fc.array(fc.tuple(fc.integer({ min: 2, max: 60 }), fc.nat(255)), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...cases), edits, async ({ file }, changes) => {
        const bytes = Buffer.from(file, 'base64');
        for (const [at, value] of changes) bytes[at] = value;
        const answer = await read(bytes).catch((error: unknown) => error);
        const isAnswer = answer instanceof UserError || (answer instanceof Object && 'frame' in answer);
        // What is no bitmap any more is not read as a picture at all.
        expect(isAnswer || /is read as a picture/.test(String(answer))).toBe(true);
      }),
    );
  });
});
