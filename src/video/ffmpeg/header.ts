// The header of a film by `ffprobe`: which stream is the video, and what is known of it before decoding.
import { expectedMedia, noteOf, unreadable } from '../../media/index.ts';
import type { MediaNote } from '../../media/index.ts';
import type { FilmFacts, FilmTiming, Ratio } from '../film-facts.ts';
import { aspectOf, headed, readGifDelays } from '../film-facts.ts';
import { readDisplayMatrix } from '../rotation.ts';
import type { FfmpegJob } from './run.ts';
import { refused, start } from './run.ts';

/** A film's header. */
export interface Header extends FilmFacts, FilmTiming {
  /** Number of the video's stream. */
  index: number;
  /** FFmpeg's names of the container. */
  container: string;
  /** Seconds of a unit of the stream's times. */
  timeBase: Ratio;
  /** The decoder that the pixels need; undefined for the codec's own. */
  decoder: string | undefined;
}

interface Probed {
  streams: ProbedStream[];
  format: { format_name?: string; duration?: string };
}

interface ProbedStream {
  index: number;
  codec_name?: string;
  codec_type?: string;
  width?: number;
  height?: number;
  sample_aspect_ratio?: string;
  time_base?: string;
  disposition?: Partial<
    Record<'default' | 'hearing_impaired' | 'visual_impaired' | 'attached_pic' | 'dependent', number>
  >;
  tags?: Record<string, string>;
  side_data_list?: { side_data_type?: string; displaymatrix?: string }[];
}

const entries = [
  'format=format_name,duration',
  'stream=index,codec_name,codec_type,width,height,sample_aspect_ratio,time_base',
  'stream_disposition=default,hearing_impaired,visual_impaired,attached_pic,dependent',
  'stream_tags=alpha_mode',
  'stream_side_data=side_data_type,displaymatrix',
].join(':');

/** Decoders by codec that decode the alpha of WebM, which is a second stream beside the packets. */
const alphaDecoders: Readonly<Record<string, string>> = { vp8: 'libvpx', vp9: 'libvpx-vp9' };

/**
 * Reads the header of a film.
 * @returns what it says
 * @throws UserError `unreadable-media` where it is no video of an allowed container
 */
export async function readHeader(job: FfmpegJob): Promise<Header> {
  const { file, limits } = job;
  if (file.cutShort) throw unreadable(file.path, 'a whole video', 'one that is cut short');
  const { streams, format, log } = await probe(job);
  for (const { codec_type: type, width = 0, height = 0 } of streams) {
    if (type !== 'video' || width * height <= limits.maxPixels) continue;
    throw unreadable(file.path, `at most ${limits.maxPixels} pixels a frame`, `${width}×${height}`);
  }
  const stream = bestVideo(job, streams);
  // A tile of a picture in an HEIF container depends on the others: none of them is the picture.
  if (!stream || stream.disposition?.attached_pic === 1 || stream.disposition?.dependent === 1) {
    const got = streams.length > 0 ? 'a file without a video stream' : 'one without any stream (cut short?)';
    throw unreadable(file.path, expectedMedia, got);
  }
  const notes: MediaNote[] = [];
  const matrix = stream.side_data_list?.find(({ displaymatrix }) => displaymatrix !== undefined)?.displaymatrix;
  const orientation = matrix === undefined ? undefined : readDisplayMatrix(matrixBytes(matrix));
  if (orientation === null) notes.push(noteOf('rotation'));
  const container = format.format_name ?? '';
  const duration = Number(format.duration ?? Number.NaN);
  const said = ratio(stream.sample_aspect_ratio);
  return {
    index: stream.index,
    container,
    timeBase: ratio(stream.time_base, '/'),
    decoder: hasAlpha(stream) ? alphaDecoders[stream.codec_name ?? ''] : undefined,
    orientation: orientation ?? undefined,
    aspect: aspectOf(said, codecAspect(log, stream.index)),
    delays: await readGifDelays(file),
    claimed: duration > 0 && headed.test(container) ? duration : undefined,
    notes,
  };
}

/** Writers spell the tag in small letters or in capitals. */
const hasAlpha = ({ tags = {} }: ProbedStream): boolean =>
  Object.entries(tags).some(([name, value]) => name.toLowerCase() === 'alpha_mode' && value === '1');

async function probe(job: FfmpegJob): Promise<Probed & { log: string[] }> {
  const log: string[] = [];
  const args = (input: readonly string[]): string[] => ['-show_entries', entries, '-of', 'json', ...input];
  await using run = start(job, 'ffprobe', args, (line) => log.push(line));
  const chunks: Buffer[] = [];
  for await (const chunk of run.output) chunks.push(chunk as Buffer);
  const ended = await run.ended;
  if (!ended.ok) throw refused(job, expectedMedia, job.file.looksLike, ended);
  const { streams = [], format = {} } = JSON.parse(Buffer.concat(chunks).toString()) as Partial<Probed>;
  return { streams, format, log };
}

/** The stream that FFmpeg's library holds for the best, as far as `ffprobe` tells by what. */
function bestVideo({ file }: FfmpegJob, streams: readonly ProbedStream[]): ProbedStream | undefined {
  const videos = streams.filter(({ codec_type: type }) => type === 'video');
  const score = ({ disposition = {} }: ProbedStream): number =>
    (disposition.hearing_impaired === 1 || disposition.visual_impaired === 1 ? 0 : 1) + (disposition.default ?? 0);
  const most = Math.max(...videos.map(score));
  const best = videos.filter((one) => score(one) === most);
  const films = best.filter(({ disposition }) => disposition?.attached_pic !== 1);
  if (films.length < 2) return films[0] ?? best[0];
  if (films.every(({ disposition }) => disposition?.dependent === 1)) return films[0];
  throw unreadable(file.path, 'one video stream', `${films.length} that may be meant`, {
    hint: 'Use --decoder node-av, which looks into them for the best.',
  });
}

/** `10:9`; 0 over 1 where nothing is said. */
function ratio(text = '', separator = ':'): Ratio {
  const [num = Number.NaN, den = Number.NaN] = text.split(separator).map(Number);
  return Number.isInteger(num) && Number.isInteger(den) ? { num, den } : { num: 0, den: 1 };
}

/** `ffprobe` lists one shape alone; its log has that of the codec in brackets, and the container's behind where it differs. */
function codecAspect(log: readonly string[], index: number): Ratio {
  const line = log.find((one) => new RegExp(`^ *Stream #0:${index}\\b.*: Video: `).test(one)) ?? '';
  return ratio(/\[SAR (\d+:\d+) DAR /.exec(line)?.[1]);
}

/** From `00000000:  0  65536  0`, three rows of three, to the bytes of the side data. */
function matrixBytes(text: string): Buffer {
  const bytes = Buffer.alloc(36);
  const numbers = [...text.matchAll(/^[0-9a-f]{8}:\s+(-?\d+)\s+(-?\d+)\s+(-?\d+)\s*$/gm)].flatMap((row) =>
    row.slice(1),
  );
  if (numbers.length === 9) for (const [i, number] of numbers.entries()) bytes.writeInt32LE(Number(number), i * 4);
  return bytes;
}
