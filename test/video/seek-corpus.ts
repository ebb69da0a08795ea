// Clips of every codec, container and kind of group that decoders must agree on, and what fills their frames.
import { join } from 'node:path';
import { AV_PIX_FMT_GRAY8, AV_PIX_FMT_YUV422P10LE, AV_PIX_FMT_YUVJ420P } from 'node-av';
import type { ClipRecipe } from './make-clip.ts';
import { makeClip } from './make-clip.ts';

/** Something moves, and noise that is new in each frame makes every frame worth its bits: a wrong reference shows. */
export function busy(planes: Buffer[], strides: number[], k: number): void {
  let state = 1 + k;
  planes.forEach((plane, p) => {
    for (let i = 0; i < plane.length; i++) {
      const [x, y] = [i % strides[p]!, Math.floor(i / strides[p]!)];
      state = (Math.imul(state, 1103515245) + 12345) | 0;
      plane[i] = 60 + (((x + 3 * k) * (y + 2) + (y * y) / (1 + p)) & 127) + ((state >> 16) & 15);
    }
  });
}

export const x264 = (params: string): Partial<ClipRecipe> => ({
  codec: 'libx264',
  options: { preset: 'medium', crf: '30', 'x264-params': params },
});
export const x265 = (params: string): Partial<ClipRecipe> => ({
  codec: 'libx265',
  options: { 'x265-params': `log-level=none:pools=1:frame-threads=1:${params}` },
});

export interface Kind extends Partial<ClipRecipe> {
  name: string;
  /** Why it is decoded from its start; empty where frames are sought. */
  why?: string;
}

const uneven = Array.from({ length: 40 }, (_, k) => k * 7 + ((k * k) % 11) + (k > 20 ? 300 : 0)).map(
  (t, k) => t + k * 11,
);
export const kinds: Kind[] = [
  { name: 'H.264, groups of 7, B-frames', ...x264('keyint=7:scenecut=0:bframes=3:b-adapt=0') },
  {
    name: 'H.264, groups of 12, pyramid of B-frames, 4 references',
    ...x264('keyint=12:bframes=5:b-pyramid=normal:ref=4'),
  },
  { name: 'H.264, open groups', ...x264('keyint=8:open-gop=1:scenecut=0:bframes=3:b-adapt=0') },
  { name: 'H.264, open groups, in Matroska', format: 'matroska', ...x264('keyint=9:open-gop=1:bframes=2:b-adapt=0') },
  { name: 'H.264 without B-frames', ...x264('keyint=6:bframes=0') },
  { name: 'H.264, one group', ...x264('keyint=250:scenecut=0:bframes=3') },
  { name: 'H.264, weighted prediction, slices', ...x264('keyint=10:weightp=2:weightb=1:slices=3:bframes=3') },
  { name: 'H.264, headers in each group', ...x264('keyint=10:repeat-headers=1:bframes=3') },
  { name: 'H.264, intra refresh', ...x264('keyint=10:intra-refresh=1:bframes=0') },
  { name: 'H.264, MBAFF', ...x264('keyint=10:interlaced=1:bframes=3') },
  { name: 'H.264 of variable rate', times: uneven, ...x264('keyint=9:bframes=3') },
  { name: 'H.264 that starts late', times: uneven.map((t) => t + 1000), ...x264('keyint=9:bframes=3') },
  {
    name: 'H.264 that starts late, in Matroska',
    format: 'matroska',
    times: uneven.map((t) => t + 77),
    ...x264('keyint=9'),
  },
  { name: 'H.264 in fragments', muxing: { movflags: 'frag_keyframe+empty_moov' }, ...x264('keyint=9:bframes=3') },
  {
    name: 'H.264 with times of decoding below 0',
    muxing: { movflags: 'negative_cts_offsets' },
    ...x264('keyint=9:bframes=3'),
  },
  {
    name: 'H.264 in Matroska without an index',
    format: 'matroska',
    muxing: { live: '1' },
    ...x264('keyint=9:bframes=3'),
  },
  { name: 'HEVC, open groups', ...x265('keyint=8:min-keyint=8:scenecut=0:open-gop=1:bframes=3') },
  { name: 'HEVC, open groups, in Matroska', format: 'matroska', ...x265('keyint=8:min-keyint=8:open-gop=1:bframes=4') },
  { name: 'HEVC, closed groups', ...x265('keyint=8:open-gop=0:bframes=3') },
  { name: 'HEVC, leading pictures that can be decoded', ...x265('keyint=8:open-gop=0:radl=2:bframes=3') },
  {
    name: 'VP9 in WebM',
    codec: 'libvpx-vp9',
    format: 'webm',
    options: { g: '9', 'lag-in-frames': '12', 'auto-alt-ref': '1' },
  },
  { name: 'VP9 in MP4', codec: 'libvpx-vp9', options: { g: '7' } },
  {
    name: 'VP8 in WebM',
    codec: 'libvpx',
    format: 'webm',
    options: { g: '12', 'lag-in-frames': '12', 'auto-alt-ref': '1' },
  },
  { name: 'AV1', codec: 'libsvtav1', options: { g: '9', preset: '10' } },
  { name: 'AV1 in Matroska', codec: 'libsvtav1', format: 'matroska', options: { g: '9', preset: '10' } },
  { name: 'Motion JPEG in MOV', codec: 'mjpeg', format: 'mov', pixelFormat: AV_PIX_FMT_YUVJ420P },
  { name: 'ProRes', codec: 'prores_ks', format: 'mov', pixelFormat: AV_PIX_FMT_YUV422P10LE },
  {
    name: 'MPEG-2 in MPEG-TS',
    codec: 'mpeg2video',
    format: 'mpegts',
    options: { g: '9', bf: '2' },
    why: 'a container that does not state when each frame is shown',
  },
  {
    name: 'MPEG-2 in Matroska',
    codec: 'mpeg2video',
    format: 'matroska',
    options: { g: '9', bf: '2' },
    why: 'a codec whose packets are not read here',
  },
  { name: 'MPEG-4 in MP4', codec: 'mpeg4', options: { g: '9' }, why: 'a codec whose packets are not read here' },
  {
    name: 'H.264 in MPEG-TS',
    format: 'mpegts',
    ...x264('keyint=9'),
    why: 'a container that does not state when each frame is shown',
  },
  {
    name: 'H.264 in AVI',
    format: 'avi',
    ...x264('keyint=9:bframes=0'),
    why: 'a container that does not state when each frame is shown',
  },
  {
    name: 'GIF',
    codec: 'gif',
    format: 'gif',
    pixelFormat: AV_PIX_FMT_GRAY8,
    why: 'a container that does not state when each frame is shown',
  },
];

/** Frames of each clip. */
export const numFrames = 40;

/** Writes a clip of the corpus into a folder. */
export function makeKind(folder: string, kind: Kind, [width, height] = [96, 64]): Promise<string> {
  const { name, ...recipe } = kind;
  return makeClip({
    codec: 'libx264',
    format: 'mp4',
    width,
    height,
    fill: busy,
    numFrames,
    ...recipe,
    path: join(folder, `${name.replaceAll(/\W/g, '-')}.${recipe.format ?? 'mp4'}`),
  });
}
