// Frames of two fields to pictures of one time, by FFmpeg's filter bwdif, which looks at the frames before and after.
import {
  AV_BUFFERSRC_FLAG_KEEP_REF,
  AV_FRAME_FLAG_INTERLACED,
  AVERROR_EOF,
  FFmpegError,
  Filter,
  FilterGraph,
  Frame,
  avGetPixFmtName,
} from 'node-av';
import { deinterlaceFilter } from './fields.ts';

/**
 * Whether a frame is two fields.
 * @param frame - a decoded frame
 */
export function isInterlaced(frame: Frame): boolean {
  return frame.hasFlags(AV_FRAME_FLAG_INTERLACED);
}

/**
 * Deinterlaces a frame, as a run of the filter over the whole film would.
 * @param frame - two fields
 * @param previous - the frame before; undefined for the first
 * @param next - the frame after; undefined for the last
 * @returns a new frame; free it
 */
export function deinterlace(frame: Frame, previous: Frame | undefined, next: Frame | undefined): Frame {
  const { width, height, format, colorSpace, colorRange } = frame;
  using graph = new FilterGraph();
  graph.alloc();
  graph.nbThreads = 1;
  const name = avGetPixFmtName(format as Parameters<typeof avGetPixFmtName>[0]) ?? '';
  const args = `video_size=${width}x${height}:pix_fmt=${name}:time_base=1/1:pixel_aspect=1/1:colorspace=${colorSpace}:range=${colorRange}`;
  const source = graph.createFilter(Filter.getByName('buffer')!, 'in', args);
  const [filter, options] = deinterlaceFilter.split(/=(.*)/s) as [string, string];
  const fields = graph.createFilter(Filter.getByName(filter)!, 'fields', options);
  const sink = graph.createFilter(Filter.getByName('buffersink')!, 'out');
  if (!source || !fields || !sink) throw new Error(`internal: no filter ${filter}`);
  FFmpegError.throwIfError(source.link(0, fields, 0), 'link');
  FFmpegError.throwIfError(fields.link(0, sink, 0), 'link');
  FFmpegError.throwIfError(graph.configSync(), 'filter graph');
  // Neighbours of another size or kind would make the filter begin anew.
  const fits = (other: Frame | undefined): other is Frame =>
    other !== undefined && other.width === width && other.height === height && other.format === format;
  const before = fits(previous) ? [previous] : [];
  const after = fits(next) ? [next] : [];
  for (const [i, one] of [...before, frame, ...after].entries()) {
    using own = one.clone()!;
    own.pts = BigInt(i);
    own.colorSpace = colorSpace;
    own.colorRange = colorRange;
    FFmpegError.throwIfError(source.buffersrcAddFrameSync(own, AV_BUFFERSRC_FLAG_KEEP_REF), 'filter');
  }
  FFmpegError.throwIfError(source.buffersrcAddFrameSync(null), 'end of filter');
  for (let i = 0; ; i++) {
    const out = new Frame();
    out.alloc();
    const code = sink.buffersinkGetFrameSync(out);
    if (code >= 0 && i === before.length) return out;
    out.free();
    if (code === AVERROR_EOF) throw new Error('internal: the filter lost a frame');
    FFmpegError.throwIfError(code, 'filtered frame');
  }
}
