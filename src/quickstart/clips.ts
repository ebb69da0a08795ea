// The quick start's data set: short clips of real photographs under a moving camera, distorted by known strengths, labelled by a metric.
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import pMap from 'p-map';
import type { RandomStream } from '../core/index.ts';
import { UserError, oneLine, randomStream, shuffledIndices } from '../core/index.ts';
import { formatCsv } from '../dataset/index.ts';
import { makeFolder, writeFileAtomic } from '../files/index.ts';
import { describeSkipped, listFolder } from '../media/index.ts';
import { gmsd, meanOverFrames } from '../metrics/full-reference/index.ts';
import type { RgbFrame } from '../video/index.ts';
import { cameraMotion, motionDistortions, openPhoto, pictureDistortions, writeClip } from '../synthesis/index.ts';
import { heldOutStrengths } from './levels.ts';

/** A clip of the quick start. */
export interface QuickstartClip {
  /** File name, relative to the manifest. */
  id: string;
  /** Its photograph; clips of one photograph are all in one split. */
  group: string;
  /** `train` or `test`. */
  split: 'train' | 'test';
  /** Kind of distortion; `none`. */
  kind: string;
  /** Its strength, 0–1; 0 for `none`. */
  strength: number;
  /** Gradient magnitude similarity deviation from the undistorted clip, mean over frames. */
  gmsd: number;
  /** The label, 1–5: {@link mosOfGmsd}. */
  mos: number;
}

/** Frames of a clip, and how many a second. */
const [FRAMES, FPS] = [8, 8];
/** Side of a clip, in pixels. */
const SIZE = 224;
/** Share of the photographs whose clips are held out. */
const TEST_SHARE = 0.4;

/**
 * The label of a clip: 5 without any difference, 1 from a deviation of 0.3 on, falling with its square root, which is about even in
 * what is seen. It stands in for opinion scores and is none.
 * @param deviation - mean GMSD over the frames, at least 0
 * @returns 1 to 5
 */
export function mosOfGmsd(deviation: number): number {
  return 5 - 4 * Math.min(1, Math.sqrt(deviation / 0.3));
}

/**
 * What a clip may have; each photograph gets every kind once. No fault of motion: the paper's recipe sees one or two frames, which cannot show that a picture shakes, and it
 * would have a bad label.
 */
const kinds = [
  'none',
  'gaussian-blur',
  'motion-blur',
  'defocus',
  'gaussian-noise',
  'impulse-noise',
  'downscale',
  'banding',
  'h264',
  'hevc',
  'av1',
  'mjpeg',
  'pixelate',
  'jpeg',
] as const;

/** A clip that is to be made. */
type Plan = Pick<QuickstartClip, 'id' | 'group' | 'split' | 'kind' | 'strength'>;

/**
 * Which clips are made.
 * @param photographs - names of the photographs
 * @param seed - fixes the split, and the kind and strength of each clip
 */
export function planClips(photographs: readonly string[], seed: number): Plan[] {
  const order = shuffledIndices(photographs.length, seed, 1);
  const numTest = Math.round(TEST_SHARE * photographs.length);
  return order.flatMap((p, place) => {
    const group = photographs[p]!;
    return shuffledIndices(kinds.length, seed, 2, p).map((k, i): Plan => {
      const kind = kinds[k]!;
      // Each photograph gets every strength about as often.
      const strength = kind === 'none' ? 0 : heldOutStrengths[(i + place) % heldOutStrengths.length]!;
      const id = `clips/${group}-${kind}-${Math.round(100 * strength)}.mp4`;
      return { id, group, split: place < numTest ? 'test' : 'train', kind, strength };
    });
  });
}

/**
 * Makes the clips and their manifest, `clips.csv`. The same photographs and seed give the same clips.
 * @param folder - where they go
 * @param pictures - folder of photographs of at least 280 pixels on each side
 * @param options - seed; told how many are done; stops the making
 */
export async function makeClips(
  folder: string,
  pictures: string,
  options: { seed: number; onProgress: (done: number, total: number) => void; signal?: AbortSignal | undefined },
): Promise<QuickstartClip[]> {
  const { seed, onProgress, signal } = options;
  const { byName } = await findPhotographs(pictures);
  await makeFolder(join(folder, 'clips'));
  const plans = planClips([...byName.keys()], seed);
  let done = 0;
  const make = async (plan: Plan, i: number): Promise<QuickstartClip> => {
    const photo = await openPhoto(byName.get(plan.group)!);
    const stream = randomStream(seed, 3, i);
    const original = cameraMotion(photo, { width: SIZE, height: SIZE, numFrames: FRAMES, stream });
    const frames = await distort(original, plan, stream);
    const deviation = meanOverFrames(gmsd, original, frames);
    await writeClip(join(folder, plan.id), frames, { fps: FPS });
    onProgress(++done, plans.length);
    return { ...plan, gmsd: deviation, mos: Number(mosOfGmsd(deviation).toFixed(3)) };
  };
  const clips = await pMap(plans, make, {
    concurrency: availableParallelism(),
    ...(signal === undefined ? {} : { signal }),
  });
  const rows = clips.map(({ id, mos, group, split, kind, strength, gmsd: deviation }) =>
    [id, mos, group, split, kind, strength, deviation.toFixed(5)].map(String),
  );
  const header = ['video', 'mos', 'group', 'split', 'kind', 'strength', 'gmsd'];
  await writeFileAtomic(join(folder, 'clips.csv'), formatCsv(header, rows));
  return clips;
}

/** Photographs of a folder. */
export interface FoundPhotographs {
  /** Paths by name, without endings. */
  byName: ReadonlyMap<string, string>;
  /** Lines that say what else is in the folder; none where there is nothing else. */
  passedOver: string[];
}

/** Names of files that are no photographs which are told, at most. */
const MOST_NAMED = 5;

/**
 * The photographs of a folder and those below it, told by their content.
 * @throws UserError `bad-input` where there are fewer than five, or two of one name
 */
export async function findPhotographs(pictures: string): Promise<FoundPhotographs> {
  const listing = await listFolder(pictures);
  const files = listing.clips.flatMap(({ path, kind }) => (kind === 'image' ? [path] : []));
  const others = listing.clips.flatMap(({ path, kind }) => (kind === 'image' ? [] : [oneLine(path)]));
  const passedOver = describeSkipped(listing);
  if (others.length > 0) {
    const named = [...others.slice(0, MOST_NAMED), ...(others.length > MOST_NAMED ? ['…'] : [])].join(', ');
    const what =
      others.length === 1 ? '1 file that is no photograph' : `${others.length} files that are no photographs`;
    passedOver.push(`${what} by ${others.length === 1 ? 'its' : 'their'} content: ${named}`);
  }
  if (files.length < 5) {
    const details = passedOver.length === 0 ? {} : { hint: passedOver.join('; ') };
    throw new UserError('bad-input', `${pictures}: expected at least five photographs, got ${files.length}`, details);
  }
  const byName = new Map(files.map((path) => [basename(path).replace(/\.\w+$/, ''), path]));
  if (byName.size === files.length) return { byName, passedOver };
  throw new UserError('bad-input', `${pictures}: expected photographs of different names, got two of one name`, {
    hint: 'Names are told apart without their endings.',
  });
}

async function distort(
  frames: readonly RgbFrame[],
  { kind, strength }: Plan,
  stream: RandomStream,
): Promise<RgbFrame[]> {
  if (kind === 'none') return [...frames];
  const table = { ...pictureDistortions, ...motionDistortions };
  return table[kind as keyof typeof table](frames, strength, stream);
}
