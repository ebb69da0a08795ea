// The system's ffmpeg as tests use it, or why there is none.
import { expect } from 'vitest';
import { inspectFile } from '../../../src/media/index.ts';
import { systemFfmpeg } from '../../../src/video/index.ts';
import type { SystemFfmpeg } from '../../../src/video/ffmpeg/programs.ts';
import type { FfmpegJob } from '../../../src/video/ffmpeg/run.ts';
import { takeFilm as takeWithFfmpeg } from '../../../src/video/ffmpeg/take-film.ts';
import type { ReadOptions } from '../../../src/video/picks.ts';
import { takeFilm } from '../../../src/video/take-film.ts';
import type { Taken } from '../../../src/video/taken.ts';
import { defaultLimits } from '../../../src/video/types.ts';
import { options } from '../fixtures.ts';

/** The programs; where they are missing, the reason for skipping what needs them. */
export async function ffmpegOrWhy(): Promise<{ ffmpeg: SystemFfmpeg | undefined; why: string }> {
  return systemFfmpeg().then(
    (ffmpeg) => ({ ffmpeg, why: '' }),
    (error: Error) => ({ ffmpeg: undefined, why: error.message }),
  );
}

/** A clip as they are run on it, in this process. */
export async function jobOf(path: string, ffmpeg: SystemFfmpeg): Promise<FfmpegJob> {
  const file = await inspectFile(path, defaultLimits.maxBytes);
  return { programs: { ...ffmpeg, limiter: [] }, file, limits: defaultLimits, reading: [] };
}

/** All that is said of a clip, and its pixels, by each decoder. */
export async function takeBoth(
  path: string,
  asked: Partial<ReadOptions>,
  ffmpeg: SystemFfmpeg,
): Promise<[Taken, Taken]> {
  const file = await inspectFile(path, defaultLimits.maxBytes);
  const all = { ...options, ...asked };
  const { programs } = await jobOf(path, ffmpeg);
  return [
    await takeFilm(file, all, defaultLimits, { fromStart: true }),
    await takeWithFfmpeg(file, all, defaultLimits, programs),
  ];
}

/** Everything that is said is the same, and pixels to within so many levels: one, but where resizing sharpens differences. */
export function expectSame(
  [{ rgb: expected, ...said }, { rgb, ...saidHere }]: readonly [Taken, Taken],
  levels = 1,
): void {
  expect(saidHere).toEqual(said);
  const differences = rgb.map(({ data }, i) =>
    data.reduce((most, value, at) => Math.max(most, Math.abs(value - expected[i]!.data[at]!)), 0),
  );
  expect(differences.length).toBe(expected.length);
  expect(Math.max(...differences)).toBeLessThanOrEqual(levels);
}
