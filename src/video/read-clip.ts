// One clip from file to resized frames and plan; runs in the decoding child process.
import { createHash } from 'node:crypto';
import { sha256File } from '../files/index.ts';
import type { Film, PacketList } from './film.ts';
import { inspectFile, unreadable } from './media-file.ts';
import type { MediaFile } from './media-file.ts';
import { pickFrames } from './picks.ts';
import { resizeBicubic, smartResize } from './resize.ts';
import type { Timing } from './timing.ts';
import { timingOfGif, timingOfStamps } from './timing.ts';
import type { ClipInput, DecodeLimits, FrameOptions, FramePlan, RgbFrame } from './types.ts';

/** What the child process hands back of a clip. */
export interface ReadClip {
  /** What was taken. */
  plan: FramePlan;
  /** The resized frames, in order. */
  frames: RgbFrame[];
  /** Seconds per step of the grid in time; undefined where the model takes images. */
  secondsPerGrid: number | undefined;
}

/** What the decoders give: the plan but for what follows from the frames themselves. */
type Taken = Omit<FramePlan, 'path' | 'width' | 'height' | 'as' | 'sha256'> & { rgb: RgbFrame[] };

/**
 * Reads a clip.
 * @param clip - the file
 * @param options - which frames, at which size
 * @param limits - what it may cost
 * @returns frames and plan
 * @throws UserError `unreadable-media`
 */
export async function readClip(clip: ClipInput, options: FrameOptions, limits: DecodeLimits): Promise<ReadClip> {
  const file = await inspectFile(clip.path, limits.maxBytes);
  const take = clip.kind === 'image' ? takeStill : takeFilm;
  const { rgb: frames, ...rest } = await take(file, options, limits);
  const { width, height } = frames[0]!;
  const as = frames.length === 1 ? 'image' : options.as;
  const hash = createHash('sha256');
  for (const { data } of frames) hash.update(data);
  const plan: FramePlan = { path: clip.path, ...rest, width, height, as, sha256: hash.digest('hex') };
  if (as !== 'video') return { plan, frames, secondsPerGrid: undefined };
  const padding = (options.temporalPatchSize - (frames.length % options.temporalPatchSize)) % options.temporalPatchSize;
  if (padding > 0) plan.notes.push(`last frame repeated ${padding}× to fill the last pair of frames`);
  return { plan, frames, secondsPerGrid: (options.temporalPatchSize * plan.duration!) / frames.length };
}

function shrink(frame: RgbFrame, file: MediaFile, options: FrameOptions, kind: 'image' | 'video'): RgbFrame {
  const factor = options.patchSize * options.mergeSize;
  const { width, height } = smartResize(
    frame.height,
    frame.width,
    factor,
    options.minPixels,
    options.maxPixels,
    file.name,
  );
  return resizeBicubic(frame, width, height, kind);
}

async function takeStill(file: MediaFile, options: FrameOptions, limits: DecodeLimits): Promise<Taken> {
  const { readStill } = await import('./still.ts'); // each decoder is loaded when first needed
  const { frame, colour, notes } = await readStill(file, limits.maxPixels);
  return {
    frames: [{ index: 0, seconds: null }],
    sourceWidth: frame.width,
    sourceHeight: frame.height,
    numFrames: 1,
    duration: null,
    fps: null,
    timing: 'none',
    colour,
    notes,
    rgb: [shrink(frame, file, options, 'image')],
  };
}

/** What one pass of decoding found. */
interface Pass {
  /** The wanted frames that came by, resized, with their index. */
  kept: Map<number, RgbFrame>;
  /** Source sizes of the kept frames. */
  sizes: { width: number; height: number }[];
  /** Seconds of every frame; null where it carries none. */
  times: (number | null)[];
  /** Indices of the keyframes. */
  keyframes: number[];
  /** Seconds that the last frame lasts; 0 where unknown. */
  lastDuration: number;
  /** Whether decoding went to the end. */
  ended: boolean;
  /** How colours became RGB. */
  colour: string;
  /** What a careful user should know. */
  notes: Set<string>;
}

async function takeFilm(file: MediaFile, options: FrameOptions, limits: DecodeLimits): Promise<Taken> {
  const film = await import('./film.ts');
  const tooMany = (count: string): Error => unreadable(file.path, `at most ${limits.maxFrames} frames`, count);
  let listed = await listFilm(false);
  // Writers that know no duration give a single frame's edit list the length zero.
  const ignoreEdits = listed.numFrames === 0;
  if (ignoreEdits) listed = await listFilm(true);
  const { delays, claimed } = listed;
  const toEnd = options.pick !== 'first';
  if (toEnd && listed.numFrames > limits.maxFrames) throw tooMany(String(listed.numFrames));
  const content = options.pick === 'random' ? (await sha256File(file.path)).slice(0, 8) : '0';
  const key = [options.seed, Number.parseInt(content, 16)];

  // The container's count makes a first guess; decoding to the end tells the truth, and only a lie costs a second pass.
  let wanted = pickFrames(options.pick, options.count, {
    numFrames: Math.max(1, toEnd ? listed.numFrames : options.count),
    keyframes: listed.keyframes,
    key,
  });
  const kind = (): 'image' | 'video' => (wanted.length > 1 && options.as === 'video' ? 'video' : 'image');
  let pass = await decodePass();
  if (pass.times.length === 0) throw unreadable(file.path, 'at least one frame', 'a video without any');
  if (pass.ended) {
    const [{ keyframes }, resizedAs] = [pass, kind()];
    wanted = pickFrames(options.pick, options.count, { numFrames: pass.times.length, keyframes, key });
    if (kind() !== resizedAs || wanted.some((index) => !pass.kept.has(index))) pass = await decodePass();
  }
  if (wanted.length === 0) throw unreadable(file.path, 'at least one keyframe', 'a video without any');

  const rgb = wanted.map((index) => pass.kept.get(index)!);
  const [first, ...others] = pass.sizes;
  const odd = others.find((size) => size.width !== first!.width || size.height !== first!.height);
  if (odd) {
    const got = `${first!.width}×${first!.height} and ${odd.width}×${odd.height}`;
    throw unreadable(file.path, 'frames of one size', got);
  }
  const timing = timingOf(pass);
  const numFrames = timing.seconds.length;
  const notes = [...pass.notes, ...timing.notes];
  const what = options.pick === 'keyframe' ? 'keyframes' : 'frames';
  if (pass.ended && numFrames !== listed.numFrames) {
    notes.push(`${listed.numFrames} packets gave ${numFrames} frames`);
  }
  if (claimed !== undefined && timing.duration < 0.95 * claimed - timing.duration / numFrames) {
    const [had, said] = [timing.duration, claimed].map((value) => value.toFixed(2));
    notes.push(`the file claims ${said} s, its frames cover ${had} s: other streams are longer, or it is cut short`);
  }
  if (wanted.length < options.count) {
    notes.push(`${options.count} ${what} asked for, ${wanted.length} there: each taken once`);
  }
  return {
    frames: wanted.map((index) => ({ index, seconds: timing.seconds[index] ?? null })),
    sourceWidth: first!.width,
    sourceHeight: first!.height,
    numFrames: pass.ended ? numFrames : null,
    duration: timing.duration,
    fps: numFrames / timing.duration,
    timing: timing.timing,
    colour: pass.colour,
    notes,
    rgb,
  };

  async function listFilm(ignore: boolean): Promise<PacketList & Pick<Film, 'delays' | 'claimed'>> {
    await using opened = await film.openFilm(file, limits, ignore);
    return { ...(await film.listPackets(opened)), delays: opened.delays, claimed: opened.claimed };
  }

  /** Of what was decoded; of the packets where decoding stopped early. */
  function timingOf({ ended, times, lastDuration }: Pass): Timing {
    const fps = options.assumedFps ?? 10;
    if (delays) return timingOfGif(delays, ended ? times.length : delays.length, fps);
    if (!ended) return timingOfStamps(listed.times, listed.lastDuration, fps);
    return timingOfStamps(times, lastDuration, fps);
  }

  async function decodePass(): Promise<Pass> {
    await using opened = await film.openFilm(file, limits, ignoreEdits);
    using converter = film.openConverter(file, opened.orientation);
    const found: Pass = {
      kept: new Map(),
      sizes: [],
      times: [],
      keyframes: [],
      lastDuration: 0,
      ended: true,
      colour: '',
      notes: new Set(ignoreEdits ? [...opened.notes, 'edit list that cuts every frame: not applied'] : opened.notes),
    };
    const want = new Set(wanted);
    const base = opened.stream.timeBase;
    await film.decode(opened, file, async (frame) => {
      const index = found.times.length;
      if (index >= limits.maxFrames) throw tooMany(`more`);
      if (frame.width * frame.height > limits.maxPixels) {
        throw unreadable(file.path, `at most ${limits.maxPixels} pixels a frame`, `${frame.width}×${frame.height}`);
      }
      const time = film.seconds(frame.bestEffortTimestamp, base);
      const previous = found.times.at(-1) ?? null;
      // Some containers stamp only some frames; the others follow on the one before.
      const follows = previous !== null && found.lastDuration > 0 ? previous + found.lastDuration : null;
      found.times.push(time ?? follows);
      found.lastDuration = film.seconds(frame.duration, base) ?? 0;
      if (frame.keyFrame) found.keyframes.push(index);
      if (want.has(index)) {
        if (frame.decodeErrorFlags !== 0) found.notes.add(`frame ${index} was damaged: its decoder filled gaps`);
        const { rgb: picture, colour, notes: said } = await converter.toRgb(frame);
        found.kept.set(index, shrink(picture, file, options, kind()));
        found.sizes.push({ width: picture.width, height: picture.height });
        found.colour = colour;
        for (const note of said) found.notes.add(note);
      }
      found.ended = toEnd || found.kept.size < want.size;
      return found.ended;
    });
    return found;
  }
}
