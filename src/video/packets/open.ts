// The reader of packet headers that fits a codec.
import type { AVCodecID } from 'node-av';
import {
  AV_CODEC_ID_AV1,
  AV_CODEC_ID_H264,
  AV_CODEC_ID_HEVC,
  AV_CODEC_ID_MJPEG,
  AV_CODEC_ID_PRORES,
  AV_CODEC_ID_VP8,
  AV_CODEC_ID_VP9,
} from 'node-av';
import { openAv1 } from './av1.ts';
import { openH264 } from './h264.ts';
import { openHevc } from './hevc.ts';
import { openMotionJpeg, openProres } from './intra.ts';
import type { PacketReader } from './packet-kind.ts';
import { Unclear } from './packet-kind.ts';
import { openVp8, openVp9 } from './vpx.ts';

const readers = new Map<AVCodecID, (extradata: Uint8Array) => PacketReader>([
  [AV_CODEC_ID_AV1, openAv1],
  [AV_CODEC_ID_H264, openH264],
  [AV_CODEC_ID_HEVC, openHevc],
  [AV_CODEC_ID_MJPEG, openMotionJpeg],
  [AV_CODEC_ID_PRORES, openProres],
  [AV_CODEC_ID_VP8, openVp8],
  [AV_CODEC_ID_VP9, openVp9],
]);

/**
 * Opens a reader of packets.
 * @param codec - the stream's codec
 * @param extradata - the stream's header; empty where it has none
 * @returns the reader
 * @throws {@link Unclear} where packets of this codec are not read here
 */
export function openPacketReader(codec: AVCodecID, extradata: Uint8Array): PacketReader {
  const open = readers.get(codec);
  if (!open) throw new Unclear('a codec whose packets are not read here');
  return open(extradata);
}
