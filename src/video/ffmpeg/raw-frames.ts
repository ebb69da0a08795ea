// The wanted frames of a film from `ffmpeg`, as its decoder gives them: no scaling, turning or conversion, none doubled or dropped.
import { UserError } from '../../core/index.ts';
import { unreadable } from '../../media/index.ts';
import { deinterlaceFilter } from '../fields.ts';
import type { Header } from './header.ts';
import type { PixelFormat } from './pixel-format.ts';
import { frameLayout, pixelFormatOf } from './pixel-format.ts';
import type { RawFrame } from './planes-to-rgb.ts';
import type { FfmpegJob } from './run.ts';
import { refused, start, words } from './run.ts';

/** What is wanted of a film. All wanted frames have one size and format. */
export interface Wanted {
  /** Indices of frames, ascending; at least one. */
  frames: readonly number[];
  /** FFmpeg's name of their pixel format. */
  format: string;
  /** Columns. */
  width: number;
  /** Rows. */
  height: number;
  /** Whether fields are made pictures of one time. */
  deinterlaced: boolean;
}

/**
 * Decodes a film from its start to the last wanted frame.
 * @param wanted - which frames
 * @param visit - takes each wanted frame
 * @returns whether a decoder had to make up for damage
 * @throws UserError `unreadable-media` where the decoder refuses data; `not-supported` for a pixel format that is not read here
 */
export async function readFrames(
  job: FfmpegJob,
  header: Header,
  wanted: Wanted,
  visit: (index: number, frame: RawFrame) => void,
): Promise<boolean> {
  const { frames, width, height } = wanted;
  const format = layoutOf(job, wanted.format);
  const { size, offsets, strides } = frameLayout(format, width, height);
  const terms = selection(frames);
  // A list too long for a command line: all from the first to the last come, and those between are passed over.
  const isListed = terms.length <= maxTerms;
  const picked = isListed ? sum(terms) : `between(n\\,${frames[0]}\\,${frames.at(-1)})`;
  let isDamaged = false;
  const args = decodeArguments(header, wanted, `select=${picked}`, isListed ? frames.length : undefined);
  await using run = start(job, 'ffmpeg', args, (line) => {
    isDamaged ||= line.includes('corrupt decoded frame');
  });
  let index = frames[0]!;
  let [filled, at] = [0, 0];
  const bytes = Buffer.alloc(size);
  for await (const chunk of run.output as AsyncIterable<Buffer>) {
    for (let from = 0; from < chunk.length;) {
      const copied = chunk.copy(bytes, filled, from);
      [from, filled] = [from + copied, filled + copied];
      if (filled < size) continue;
      filled = 0;
      const own = isListed ? frames[at] : index++;
      if (own !== frames[at]) continue;
      if (own === undefined) throw new Error('internal: ffmpeg gave more frames than were asked for');
      at++;
      const planes = offsets.map((offset, i) => bytes.subarray(offset, offsets[i + 1] ?? size));
      visit(own, { width, height, format, planes, strides });
    }
  }
  const ended = await run.ended;
  if (!ended.ok) {
    const hint = wanted.deinterlaced ? 'Use --decoder node-av for this clip, or frames.deinterlace: none.' : undefined;
    throw refused(job, 'a whole video', 'data that its decoder refuses', ended, hint);
  }
  if (at < frames.length || filled > 0) {
    throw unreadable(job.file.path, `${frames.length} frames of ${size} bytes`, `${at} and ${filled} bytes`);
  }
  return isDamaged;
}

/**
 * Which frames a decoder had to make up for damage in.
 * @param last - the last frame that counts
 * @returns indices
 */
export async function damagedFrames(job: FfmpegJob, header: Header, last: number): Promise<Set<number>> {
  const found = new Set<number>();
  let [index, isDamaged] = [0, false];
  const args = (input: readonly string[]): string[] => [
    ...words('-loglevel repeat+info -nostdin -nostats -debug_ts'),
    ...decoderOf(header),
    ...input,
    ...words(`-map 0:${header.index} -fps_mode passthrough -frames:v ${last + 1} -f null -`),
  ];
  await using run = start(job, 'ffmpeg', args, (line) => {
    if (line.includes('corrupt decoded frame')) isDamaged = true;
    // From version 6.1 on, the name of the stream stands before it.
    else if (line.includes('decoder -> ')) {
      if (isDamaged) found.add(index);
      [index, isDamaged] = [index + 1, false];
    }
  });
  run.output.resume();
  await run.ended;
  if (index === 0) throw new Error('internal: ffmpeg -debug_ts names no decoded frame');
  return found;
}

const decoderOf = ({ decoder }: Header): string[] => (decoder === undefined ? [] : ['-c:v', decoder]);

function layoutOf({ file }: FfmpegJob, name: string): PixelFormat {
  const format = pixelFormatOf(name);
  if (format) return format;
  throw new UserError(
    'unreadable-media',
    `${file.name}: expected a pixel format that --decoder ffmpeg converts, got ${name}`,
    {
      hint: 'Use --decoder node-av for this clip.',
    },
  );
}

function decodeArguments(
  header: Header,
  { format, deinterlaced }: Wanted,
  select: string,
  count: number | undefined,
): (input: readonly string[]) => string[] {
  // The last filter lets no other format through: rather an error than a conversion.
  const filters = [...(deinterlaced ? [deinterlaceFilter] : []), select, `format=${format}`].join(',');
  return (input) => [
    ...words('-loglevel repeat+warning -nostdin -nostats -max_error_rate 0 -noauto_conversion_filters'),
    ...words('-filter_threads 1 -noautorotate -reinit_filter 0'),
    ...decoderOf(header),
    ...input,
    ...words(`-map 0:${header.index} -vf ${filters} -fps_mode passthrough -autoscale 0`),
    ...(count === undefined ? [] : words(`-frames:v ${count}`)),
    ...words('-c:v rawvideo -f rawvideo pipe:1'),
  ];
}

/** Terms of an expression that a command line holds. */
const maxTerms = 3000;

/** Frames as terms of FFmpeg's expressions, runs of them as one. */
function selection(frames: readonly number[]): string[] {
  const terms: string[] = [];
  for (let i = 0; i < frames.length;) {
    let end = i;
    while (frames[end + 1] === frames[end]! + 1) end++;
    terms.push(end === i ? `eq(n\\,${frames[i]})` : `between(n\\,${frames[i]}\\,${frames[end]})`);
    i = end + 1;
  }
  return terms;
}

/** Nested, or FFmpeg's parser goes as deep as there are terms. */
function sum(terms: readonly string[]): string {
  if (terms.length <= 32) return terms.join('+');
  const size = Math.ceil(terms.length / 32);
  const groups = Array.from({ length: Math.ceil(terms.length / size) }, (_, i) =>
    terms.slice(i * size, (i + 1) * size),
  );
  return groups.map((group) => `(${sum(group)})`).join('+');
}
