// Two frames of a 60 s 1080p H.264 video with a keyframe every two seconds: ours by seeking, to the model's input (resized, cut into
// patches), against PyAV decoding from the start and seeking, and `ffmpeg -ss` twice, all to RGB of the full size. They take turns.
// Ours is timed in the process that asks for the frames, with its decoding child already there (warm), and from opening the reader on,
// which starts the child (cold). The video is made anew in a temporary folder. Results: docs/performance.md.
//   IOVQA_REFERENCE_PYTHON=python IOVQA_FFMPEG=ffmpeg npx tsx bench/frames.ts [ROUNDS]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openChildPool } from '../src/video/child-pool.ts';
import type { ChildPool } from '../src/video/child-pool.ts';
import { cutPatches, defaultLimits } from '../src/video/index.ts';
import type { ReadOptions } from '../src/video/picks.ts';
import { spread, startContestant } from './contestant.ts';
import type { Contestant } from './contestant.ts';
import { makeLongVideo } from './long-video.ts';

const rounds = Number(process.argv[2] ?? '9');
const python = process.env['IOVQA_REFERENCE_PYTHON'];
const ffmpeg = process.env['IOVQA_FFMPEG'];
const [seconds, fps] = [60, 30];
const numFrames = seconds * fps;
const cases = [
  { name: 'at 1/3 and 2/3, which are keyframes', frames: [numFrames / 3, (2 * numFrames) / 3] },
  { name: 'at 1/4 and 3/4, in the middle between keyframes', frames: [numFrames / 4, (3 * numFrames) / 4] },
];
const options: Omit<ReadOptions, 'pick'> = {
  count: 2,
  as: 'video',
  minPixels: 56 * 56,
  maxPixels: 448 * 448,
  seed: 0,
  patchSize: 14,
  mergeSize: 2,
  temporalPatchSize: 2,
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
};

const folder = mkdtempSync(join(tmpdir(), 'iovqa-bench-'));
const path = join(folder, 'long.mp4');
process.stderr.write('making the video\n');
await makeLongVideo(path, seconds);
const warm = openChildPool(1);
const peer: Contestant | undefined =
  python === undefined ? undefined : await startContestant('PyAV', [python, 'bench/peers/frames.py', path]);

/** What the reader does for a clip, but with frames named by their index. */
async function read(pool: ChildPool, frames: readonly number[]): Promise<void> {
  const request = {
    clip: { path, kind: 'video' as const },
    options: { ...options, pick: frames },
    limits: defaultLimits,
  };
  const got = await pool.read(request);
  cutPatches('video', got.frames, options);
}

const timed = async (work: () => Promise<void>): Promise<number> => {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
};
const contestants: { name: string; run: (frames: readonly number[]) => Promise<number> }[] = [
  { name: 'iovqa, child warm', run: (frames) => timed(() => read(warm, frames)) },
  {
    name: 'iovqa, from opening the reader',
    run: async (frames) => {
      const pool = openChildPool(1);
      const time = await timed(() => read(pool, frames));
      await pool.close();
      return time;
    },
  },
];
if (peer) {
  contestants.push(
    {
      name: 'PyAV, decoding from the start',
      run: async (frames) => (await peer.run(`start ${frames.join(' ')}`)).seconds,
    },
    {
      name: 'the same with frame threads',
      run: async (frames) => (await peer.run(`threads ${frames.join(' ')}`)).seconds,
    },
    { name: 'PyAV, seeking', run: async (frames) => (await peer.run(`seek ${frames.join(' ')}`)).seconds },
  );
}
if (ffmpeg !== undefined) {
  const arguments_ = (frame: number): string[] => [
    '-v',
    'error',
    '-nostdin',
    '-ss',
    String(frame / fps),
    '-i',
    path,
    '-an',
    '-frames:v',
    '1',
    '-pix_fmt',
    'rgb24',
    '-f',
    'rawvideo',
  ];
  contestants.push({
    name: '`ffmpeg -ss` twice',
    run: (frames) =>
      timed(async () => {
        for (const frame of frames) execFileSync(ffmpeg, [...arguments_(frame), '-'], { maxBuffer: 2 ** 24 });
      }),
  });
}

const measured = cases.map(() => contestants.map((): number[] => []));
for (let round = -1; round < rounds; round++) {
  for (const [c, { frames }] of cases.entries()) {
    for (const [i, { run }] of contestants.entries()) {
      const time = await run(frames);
      if (round >= 0) measured[c]![i]!.push(time);
    }
  }
  process.stderr.write(`round ${round + 1} of ${rounds}\n`);
}
await warm.close();
await peer?.stop();
console.log(`${(statSync(path).size / 1e6).toFixed(1)} MB of H.264, ${numFrames} frames; ${rounds} rounds\n`);
console.log('| frames | | milliseconds, median [quartiles] | this / iovqa, child warm |');
console.log('|---|---|---|---|');
for (const [c, { name }] of cases.entries()) {
  const times = measured[c]!.map((values) => spread(values));
  for (const [i, contestant] of contestants.entries()) {
    const { median, low, high } = times[i]!;
    const [m, l, h] = [median, low, high].map((value) => (value * 1000).toFixed(0));
    console.log(`| ${name} | ${contestant.name} | ${m} [${l}, ${h}] | ${(median / times[0]!.median).toFixed(2)} × |`);
  }
}
rmSync(folder, { recursive: true });
