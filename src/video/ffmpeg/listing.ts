// A film's packets and frames by `ffprobe`, one a line: when each is shown, and what is said of it.
import { unreadable } from '../../media/index.ts';
import type { ColourTags } from '../colour-tags.ts';
import type { Ratio } from '../film-facts.ts';
import type { ListedPacket, PacketSummary } from '../listed-packet.ts';
import { summarisePackets } from '../listed-packet.ts';
import { codePoint } from './code-points.ts';
import type { Header } from './header.ts';
import { lastSampleDuration } from './last-sample.ts';
import type { FfmpegJob } from './run.ts';
import { linesOf, refused, start, words } from './run.ts';

/** A decoded frame, without its pixels. */
export interface ListedFrame {
  /** Seconds; null where it carries no time. */
  time: number | null;
  /** Seconds that it is shown; 0 where unknown. */
  duration: number;
  /** Whether it is a keyframe. */
  key: boolean;
  /** Columns. */
  width: number;
  /** Rows. */
  height: number;
  /** FFmpeg's name of the pixel format. */
  format: string;
  /** Whether it is two fields. */
  interlaced: boolean;
  /** Whether the upper one of its fields is the earlier. */
  topFirst: boolean;
  /** What it says of its colours. */
  tags: ColourTags;
}

/** A film's packets. */
export interface Packets extends PacketSummary {
  /**
   * Seconds that the frame of a packet is shown.
   * @param time - when it is shown, in seconds
   * @returns undefined where the frame itself tells
   */
  durationAt: (time: number | null) => number | undefined;
}

/**
 * Lists the packets of a film, which reads it to its end.
 * @throws UserError `unreadable-media` where it is damaged so that a packet is missing
 */
export async function listPackets(job: FfmpegJob, { index, timeBase, container }: Header): Promise<Packets> {
  const packets: ListedPacket[] = [];
  let length = Number.NaN;
  for await (const line of probeLines(job, index, 'packet=pts,dts,duration,size,pos,flags:stream=duration_ts')) {
    const flags = line.get('flags');
    const number = (key: string): number => Number.parseInt(line.get(key) ?? '', 10);
    if (line.has('duration_ts')) length = number('duration_ts');
    if (flags === undefined) continue;
    packets.push({
      pts: number('pts'),
      dts: number('dts'),
      duration: number('duration') || 0,
      size: number('size'),
      position: number('pos'),
      key: flags.includes('K'),
      cut: flags.includes('D'),
    });
  }
  await checkPackets(job, index);
  const isGuessed = container.startsWith('mov') && timePackets(packets);
  if (isGuessed) await timeLastPacket(job, packets, length);
  const seconds = (units: number): number => (units * timeBase.num) / timeBase.den;
  const byTime = new Map(isGuessed ? packets.map(({ pts, duration }) => [seconds(pts), seconds(duration)]) : []);
  return {
    ...summarisePackets(packets, timeBase),
    durationAt: (time) => (time === null ? undefined : byTime.get(time)),
  };
}

/**
 * Up to version 6.0, FFmpeg's reader of MP4 guesses how long a packet with a time of its own for showing lasts. What the file says are the
 * distances between times of decoding.
 * @param packets - in the order of decoding; the durations of all but the last are put right
 * @returns whether they were guesses
 */
function timePackets(packets: ListedPacket[]): boolean {
  const distances = packets.slice(1).map(({ dts }, i) => dts - packets[i]!.dts);
  if (distances.some((distance) => Number.isNaN(distance))) return false;
  if (distances.every((distance, i) => distance === packets[i]!.duration)) return false;
  for (const [i, distance] of distances.entries()) packets[i]!.duration = distance;
  return true;
}

/** What the file says of its last packet, else what the others leave of the whole. */
async function timeLastPacket({ file }: FfmpegJob, packets: readonly ListedPacket[], length: number): Promise<void> {
  const last = packets.at(-1)!;
  const span = last.dts - packets[0]!.dts;
  const said = await lastSampleDuration(file.source, packets.length, span);
  if (said !== undefined) last.duration = said;
  else if (length > span) last.duration = length - span;
}

/** `ffprobe` does not tell of damage that it reads over; `ffmpeg` ends of it if told to. */
async function checkPackets(job: FfmpegJob, index: number): Promise<void> {
  let isCorrupt = false;
  const args = (input: readonly string[]): string[] => [
    ...words('-loglevel repeat+error -nostdin -nostats -xerror'),
    ...input,
    ...words(`-map 0:${index} -c copy -f null -`),
  ];
  await using run = start(job, 'ffmpeg', args, (line) => {
    isCorrupt ||= line.includes('corrupt input packet');
  });
  run.output.resume();
  const ended = await run.ended;
  if (isCorrupt) throw unreadable(job.file.path, 'a whole video', 'one that is cut short or damaged');
  if (!ended.ok) throw refused(job, 'a whole video', 'damaged data', ended);
}

const frameEntries = [
  'key_frame,best_effort_timestamp,pkt_duration,duration,width,height,pix_fmt,interlaced_frame,top_field_first',
  'color_range,color_space,color_transfer,color_primaries,chroma_location',
].join(',');

/**
 * Decodes a film from its start and lists its frames in the order of showing.
 * @param visit - takes each frame; false ends
 */
export async function listFrames(
  job: FfmpegJob,
  { index, timeBase }: Header,
  visit: (frame: ListedFrame) => boolean,
): Promise<void> {
  for await (const line of probeLines(job, index, `frame=${frameEntries}`)) {
    if (line.has('pix_fmt') && !visit(frameOf(line, timeBase))) return;
  }
}

function frameOf(line: ReadonlyMap<string, string>, { num, den }: Ratio): ListedFrame {
  const seconds = (key: string): number | undefined => {
    const units = Number.parseInt(line.get(key) ?? '', 10);
    return Number.isNaN(units) ? undefined : (units * num) / den;
  };
  return {
    time: seconds('best_effort_timestamp') ?? null,
    duration: seconds('duration') ?? seconds('pkt_duration') ?? 0,
    key: line.get('key_frame') === '1',
    width: Number(line.get('width')),
    height: Number(line.get('height')),
    format: line.get('pix_fmt')!,
    interlaced: line.get('interlaced_frame') === '1',
    topFirst: line.get('top_field_first') === '1',
    tags: {
      matrix: codePoint('matrix', line.get('color_space')),
      transfer: codePoint('transfer', line.get('color_transfer')),
      primaries: codePoint('primaries', line.get('color_primaries')),
      chroma: codePoint('chroma', line.get('chroma_location')),
      fullRange: line.get('color_range') === 'pc',
    },
  };
}

/** The fields of each packet or frame of a stream. */
async function* probeLines(job: FfmpegJob, index: number, entries: string): AsyncGenerator<Map<string, string>, void> {
  const args = (input: readonly string[]): string[] => [
    ...words(`-loglevel error -select_streams ${index} -show_entries ${entries} -of compact=print_section=0`),
    ...input,
  ];
  await using run = start(job, 'ffprobe', args);
  for await (const line of linesOf(run.output)) {
    yield new Map(line.split('|').map((field) => field.split('=', 2) as [string, string]));
  }
  const ended = await run.ended;
  if (!ended.ok) throw refused(job, 'a whole video', 'damaged data', ended);
}
