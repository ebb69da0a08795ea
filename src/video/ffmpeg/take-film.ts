// The wanted frames of a video by the system's `ffmpeg`: listed with their times first, then decoded from the start to the last one.
import type { MediaFile, MediaNote } from '../../media/index.ts';
import { noteOf, unreadable } from '../../media/index.ts';
import type { ColourTags } from '../colour-tags.ts';
import { hdrMeaning, lumaWeightsOf, meaningOf, sitingOf } from '../colour-tags.ts';
import type { ConvertedFrame, FilmTask, FrameKeeper } from '../found-frames.ts';
import { countFrame, damageNote, keepFrames } from '../found-frames.ts';
import type { ReadOptions } from '../picks.ts';
import { orient } from '../rotation.ts';
import type { Taken } from '../taken.ts';
import { describeTaken, openPick } from '../taken.ts';
import { toneMap, toneMapped } from '../tone-map.ts';
import type { DecodeLimits, FrameSize, RgbFrame } from '../types.ts';
import { deinterlaceFirst } from './first-fields.ts';
import type { Header } from './header.ts';
import { readHeader } from './header.ts';
import type { ListedFrame, Packets } from './listing.ts';
import { listFrames, listPackets } from './listing.ts';
import type { RawFrame } from './planes-to-rgb.ts';
import { planesToRgb } from './planes-to-rgb.ts';
import type { Wanted } from './raw-frames.ts';
import { damagedFrames, readFrames } from './raw-frames.ts';
import type { FfmpegJob, FfmpegPrograms } from './run.ts';

/**
 * Takes the frames of a video: those that node-av gives, with what is said of them; colours to within one level.
 * @param file - the video
 * @param options - which frames, at which size
 * @param limits - what it may cost
 * @param programs - the programs that decode it
 * @returns frames and plan
 * @throws UserError `unreadable-media`
 */
export async function takeFilm(
  file: MediaFile,
  options: ReadOptions,
  limits: DecodeLimits,
  programs: FfmpegPrograms,
): Promise<Taken> {
  const plain: FfmpegJob = { programs, file, limits, reading: [] };
  const header = await readHeader(plain);
  const { job, list, ignoreEdits } = await listUncut(plain, header);
  const task: FilmTask = { file, options, limits, ignoreEdits };
  const toEnd = options.pick !== 'first';
  if (toEnd && list.numFrames > limits.maxFrames) {
    throw unreadable(file.path, `at most ${limits.maxFrames} frames`, String(list.numFrames));
  }
  const pick = await openPick(file, options);
  const counted = keepFrames(header, 0, task);
  const frames: ListedFrame[] = [];
  /** The one behind those that are wanted, whose fields theirs are compared with. */
  const behind: ListedFrame[] = [];
  await listFrames(job, header, (frame) => {
    if (frames.length >= limits.maxFrames) throw unreadable(file.path, `at most ${limits.maxFrames} frames`, 'more');
    counted.check(frame);
    if (!toEnd && frames.length === options.count) return behind.push(frame) === 0;
    countFrame(counted.found, frame.time, frame.duration, frame.key);
    return frames.push(frame) > 0;
  });
  if (frames.length === 0) throw unreadable(file.path, 'at least one frame', 'a video without any');
  const { times, keyframes } = counted.found;
  const lastDuration = list.durationAt(times.at(-1)!) ?? counted.found.lastDuration;
  const wanted = pick(frames.length, keyframes);
  // How many are wanted says whether they are resized as a video or as a picture.
  const { found, keep } = keepFrames(header, wanted.length, task);
  Object.assign(found, { times, keyframes, lastDuration, ended: toEnd || frames.length < options.count });
  if (wanted.length > 0)
    await keepAll({ job, header, task, frames: [...frames, ...behind], wanted, keep, notes: found.notes });
  return describeTaken(task, { list, delays: header.delays, claimed: header.claimed }, found, wanted);
}

/** Lists the packets of a film. Writers that know no duration give a single frame's edit list the length zero. */
async function listUncut(
  plain: FfmpegJob,
  header: Header,
): Promise<{ job: FfmpegJob; list: Packets; ignoreEdits: boolean }> {
  const list = await listPackets(plain, header);
  if (list.numFrames > 0) return { job: plain, list, ignoreEdits: false };
  // Other containers have no such list, and their readers no such option.
  const job = header.container.startsWith('mov') ? { ...plain, reading: ['-ignore_editlist', '1'] } : plain;
  return { job, list: await listPackets(job, header), ignoreEdits: true };
}

interface Keeping {
  job: FfmpegJob;
  header: Header;
  task: FilmTask;
  frames: readonly ListedFrame[];
  wanted: readonly number[];
  keep: FrameKeeper['keep'];
  notes: Set<MediaNote>;
}

/** Decodes the wanted frames and keeps them. */
async function keepAll({ job, header, task, frames, wanted, keep, notes }: Keeping): Promise<void> {
  const { file, options } = task;
  const last = wanted.at(-1)!;
  const { width, height, format } = oneKind(file, frames, wanted);
  const isDeinterlacing = options.deinterlace === 'bwdif';
  const take = (index: number, frame: RawFrame): void => {
    const { interlaced, tags: said } = frames[index]!;
    const tags = header.decoder === 'libvpx' ? untagged : said;
    const fields = !interlaced ? 'none' : isDeinterlacing ? 'deinterlaced' : 'kept';
    keep(index, convert(frame, tags, header, options), { fields, isDamaged: false });
  };
  const kind = { format: rawFormat(header, format), width, height };
  const isDeinterlaced = (index: number): boolean => isDeinterlacing && frames[index]!.interlaced;
  // The first frame is deinterlaced here, as the filter of today does it.
  const first = wanted[0] === 0 && isDeinterlaced(0) ? await firstFrame(job, header, kind, frames) : undefined;
  if (first) take(0, first.frame);
  const asked = first ? wanted.slice(1) : wanted;
  const deinterlaced = asked.some(isDeinterlaced);
  const isDamaged = asked.length > 0 && (await readFrames(job, header, { ...kind, frames: asked, deinterlaced }, take));
  if (!isDamaged && first?.isDamaged !== true) return;
  const damaged = await damagedFrames(job, header, last);
  for (const index of wanted) if (damaged.has(index)) notes.add(damageNote(index));
}

/** The first frame without its second field, and whether it or the next is damaged; undefined where the filter does it as well. */
async function firstFrame(
  job: FfmpegJob,
  header: Header,
  kind: Pick<Wanted, 'format' | 'width' | 'height'>,
  [first, next]: readonly ListedFrame[],
): Promise<{ frame: RawFrame; isDamaged: boolean } | undefined> {
  if (!next) {
    throw unreadable(job.file.path, 'a frame behind an interlaced one', 'a video of a single frame', {
      hint: 'Use --decoder node-av for this clip, or frames.deinterlace: none.',
    });
  }
  const raw: RawFrame[] = [];
  const isDamaged = await readFrames(job, header, { ...kind, frames: [0, 1], deinterlaced: false }, (_, frame) => {
    raw.push({ ...frame, planes: frame.planes.map((plane) => Buffer.from(plane)) });
  });
  const frame = deinterlaceFirst(raw[0]!, raw[1]!, first!.topFirst);
  return frame && { frame, isDamaged };
}

/** Beside the alpha that libvpx decodes, `ffprobe` sees the codec's own decoder at work, which leaves it out. */
function rawFormat({ decoder }: Header, format: string): string {
  return decoder === undefined ? format : format.replace(/^yuv4/, 'yuva4');
}

/** What `ffprobe` says of VP8 is its own decoder's; libvpx, which decodes the one with alpha, says nothing. */
const untagged: ColourTags = { matrix: 2, transfer: 2, primaries: 2, chroma: 0, fullRange: false };

/** Size and format of the wanted frames, which must be those of all up to the last of them: programs begin anew at a change. */
function oneKind(file: MediaFile, frames: readonly ListedFrame[], wanted: readonly number[]): ListedFrame {
  const first = frames[wanted[0]!]!;
  const sizeOf = ({ width, height }: FrameSize): string => `${width}×${height}`;
  const odd = wanted.map((index) => frames[index]!).find((frame) => sizeOf(frame) !== sizeOf(first));
  if (odd) throw unreadable(file.path, 'frames of one size', `${sizeOf(first)} and ${sizeOf(odd)}`);
  const kindOf = (frame: ListedFrame): string => `${sizeOf(frame)} ${frame.format}`;
  const other = frames.slice(0, wanted.at(-1)! + 2).find((frame) => kindOf(frame) !== kindOf(first));
  if (other) {
    throw unreadable(file.path, 'frames of one size and pixel format', `${kindOf(first)} and ${kindOf(other)}`, {
      hint: 'Use --decoder node-av for this clip.',
    });
  }
  return first;
}

function convert(frame: RawFrame, tags: ColourTags, header: Header, options: ReadOptions): ConvertedFrame {
  const { width, height, planes, strides } = frame;
  const { name } = frame.format;
  const hdr = options.toneMap === 'bt2390' ? hdrMeaning(name, tags) : undefined;
  const { colour, notes, yuv } = meaningOf(name, frame, tags, options.toneMap);
  const upright = (rgb: RgbFrame): RgbFrame => (header.orientation ? orient(rgb, header.orientation) : rgb);
  if (hdr) {
    const [y, u, v] = planes as [Buffer, Buffer, Buffer];
    const [ofY, ofU, ofV] = strides as [number, number, number];
    const rgb = toneMap({ ...hdr, width, height, planes: [y, u, v], strides: [ofY, ofU, ofV] });
    return { rgb: upright(rgb), colour, corrections: [toneMapped(hdr)], notes };
  }
  const { rgb, transparent } = planesToRgb(frame, {
    matrix: lumaWeightsOf(yuv?.matrix ?? 2),
    fullRange: yuv?.fullRange ?? true,
    siting: sitingOf(tags),
  });
  if (transparent) notes.push(noteOf('alpha', 'blended on white'));
  return { rgb: upright(rgb), colour, corrections: [], notes };
}
