// The system's ffmpeg as tests use it, or why there is none.
import { inspectFile } from '../../../src/media/index.ts';
import { systemFfmpeg } from '../../../src/video/index.ts';
import type { SystemFfmpeg } from '../../../src/video/index.ts';
import type { FfmpegJob } from '../../../src/video/ffmpeg/run.ts';
import { defaultLimits } from '../../../src/video/types.ts';

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
