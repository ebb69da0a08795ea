// Still pictures of all kinds against Pillow, to the grey level.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openFrameReader } from '../../src/video/index.ts';
import { smartResize } from '../../src/video/resize.ts';
import { inspectFile } from '../../src/media/index.ts';
import { readStill } from '../../src/video/still.ts';
import { golden, options, sha256, sharedData } from './fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-stills-'));
const reader = openFrameReader({ workers: 1 });
afterAll(async () => {
  await reader[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const stills = golden('stills') as { cases: { name: string; file: string; shape: [number, number]; sha256: string }[] };

describe('readStill', () => {
  it.each(stills.cases)('decodes $name as Pillow does', async ({ name, file, shape, sha256: sha }) => {
    const path = join(folder, name);
    writeFileSync(path, Buffer.from(file, 'base64'));
    const { frame } = await readStill(await inspectFile(path, 1e6), { maxPixels: 1e6, profile: 'ignore' });
    expect([frame.height, frame.width]).toEqual(shape);
    expect(sha256(frame.data)).toBe(sha);
  });

  const real = golden('real') as { pictures: Record<string, string> };
  const absent = existsSync(join(sharedData, 'biq2021')) ? '' : ' (skipped: shared/data/biq2021 is not here)';
  it.skipIf(absent !== '')(`decodes real photographs as Pillow does${absent}`, async () => {
    for (const [name, sha] of Object.entries(real.pictures)) {
      const { frame } = await readStill(await inspectFile(join(sharedData, name), 1e8), {
        maxPixels: 1e8,
        profile: 'ignore',
      });
      expect([name, sha256(frame.data)]).toEqual([name, sha]);
    }
  });
});

describe('a still through the reader', () => {
  it('is one image, whatever is asked for', async () => {
    const path = join(folder, 'jpeg-orientation-6');
    const { plan, visions, rgb } = await reader.read({ path, kind: 'image' }, { ...options, count: 3 });
    const size = smartResize(24, 20, 28, options.minPixels, options.maxPixels);
    expect(plan).toMatchObject({ path, as: 'image', timing: 'none', numFrames: 1, duration: null, fps: null });
    expect(plan).toMatchObject({ sourceWidth: 20, sourceHeight: 24, ...size });
    expect(plan.sha256).toBe(sha256(rgb[0]!.data));
    expect(visions.map(({ kind, grid }) => ({ kind, grid }))).toEqual([{ kind: 'image', grid: { t: 1, h: 2, w: 2 } }]);
  });
});
