// Which packets are decoded for which frames, and when that is not known; colours of formats with and without alpha.
import fc from 'fast-check';
import {
  AV_PIX_FMT_RGBA,
  AV_PIX_FMT_YUV420P,
  AV_PIX_FMT_YUV420P10LE,
  AV_PIX_FMT_YUV422P,
  AV_PIX_FMT_YUV444P12LE,
  AV_PIX_FMT_YUVJ420P,
  AVCOL_RANGE_JPEG,
  AVCOL_RANGE_MPEG,
  AVCOL_SPC_BT709,
  AVCOL_SPC_RGB,
  Frame,
  SoftwareScaleContext,
  SWS_ACCURATE_RND,
  SWS_BILINEAR,
  SWS_BITEXACT,
  SWS_FULL_CHR_H_INP,
  SWS_FULL_CHR_H_INT,
} from 'node-av';
import { describe, expect, it } from 'vitest';
import type { MediaFile } from '../../src/media/index.ts';
import type { ListedPacket } from '../../src/video/listed-packet.ts';
import type { PacketList } from '../../src/video/packet-list.ts';
import { BitReader, readMessages, splitUnits, unescapeUnit } from '../../src/video/packets/bit-reader.ts';
import { openH264 } from '../../src/video/packets/h264.ts';
import type { PacketKind } from '../../src/video/packets/packet-kind.ts';
import { ParameterSets, Unclear } from '../../src/video/packets/packet-kind.ts';
import { openConverter } from '../../src/video/rgb-converter.ts';
import { mapFrames, planRuns } from '../../src/video/seek-map.ts';

/** Packets from a word each: when it is shown, and its kind: I (IDR), i (recovery point), P, b (reference for none), h (hidden), c (cut). */
function listOf(words: string): PacketList {
  let start = 0;
  const kinds: PacketKind[] = [];
  const packets = words.split(' ').map((word): ListedPacket => {
    const [kind, time] = [word[0]!, Number(word.slice(1))];
    if (kind === 'I') start = time;
    kinds.push({
      shown: kind !== 'h',
      key: kind === 'I' || kind === 'i',
      entry: kind === 'I' ? 'here' : kind === 'i' ? 'before' : 'no',
      reference: kind !== 'b',
      order: time - start,
      restarts: kind === 'I',
    });
    return { pts: time, dts: Number.NaN, duration: 1, size: 1, position: -1, key: kind === 'I', cut: kind === 'c' };
  });
  return { packets, kinds, numFrames: packets.length, keyframes: [], times: [], lastDuration: 1 };
}

describe('mapFrames', () => {
  it('knows packets in the order of showing, and where decoding can begin', () => {
    const map = mapFrames(listOf('I0 P3 b1 b2 i6 b4 b5 P7 I8 P9'), 2);
    expect(map.packetOf).toEqual([0, 2, 3, 1, 5, 6, 4, 7, 8, 9]);
    expect(map.entries).toEqual([
      { packet: 0, from: 0 },
      { packet: 4, from: 0 },
      { packet: 8, from: 8 },
    ]);
    expect(map.keyframes).toEqual([0, 6, 8]);
  });

  it('leaves hidden frames out', () => {
    expect(mapFrames(listOf('I0 h1 P2 P3'), 1).packetOf).toEqual([0, 2, 3]);
  });

  it.each([
    ['P0 P1', 'the first packet is no keyframe'],
    ['i0 P1', 'the first packet is no keyframe'],
    ['I0 P1 P1', 'two frames at one time'],
    ['I0 c1 P2', 'an edit list cuts frames'],
    ['I0 PNaN P2', 'frames without a time'],
    ['I0 P4 P5 P6 b1', 'a frame is shown 3 or more places later than it is coded'],
    ['I0 P3 i6 b2 P7', 'frames pass a keyframe'],
    ['I5 P6 I2 P7', 'frames are not timed in the order shown'],
  ])('refuses %s: %s', (words, why) => {
    expect(() => mapFrames(listOf(words), 2)).toThrow(new Unclear(why));
  });

  it('passes on why headers are unclear', () => {
    expect(() => mapFrames({ ...listOf('I0'), kinds: new Unclear('so') }, 2)).toThrow('so');
  });
});

describe('planRuns', () => {
  const list = listOf('I0 P3 b1 b2 i6 b4 b5 P7 I8 P9 P10 P11 P12 P13 P14 P15 P16 P17 P18 P19 P20 P21 P22 I23 P24');
  const map = mapFrames(list, 2);
  const times = list.packets.map(({ pts }) => pts);
  it.each([
    [[2], [{ packet: 0, from: 0, last: 3, frames: [2] }]],
    [[5], [{ packet: 0, from: 0, last: 6, frames: [5] }]], // before the recovery point, though coded behind it
    [[6], [{ packet: 4, from: 0, last: 4, frames: [6] }]],
    [[6, 8], [{ packet: 4, from: 0, last: 8, frames: [6, 8] }]],
    [
      [1, 23],
      [
        { packet: 0, from: 0, last: 2, frames: [1] },
        { packet: 23, from: 23, last: 23, frames: [23] },
      ],
    ],
    [[18, 24], [{ packet: 8, from: 8, last: 24, frames: [18, 24] }]],
  ])('frames %j', (wanted, runs) => {
    expect(planRuns(map, times, wanted)).toEqual(runs);
  });

  it('has each wanted frame once, within its run, and runs that do not overlap but where one begins before its entry', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(24), { minLength: 1 }), (indices) => {
        const wanted = indices.toSorted((a, b) => a - b);
        const runs = planRuns(map, times, wanted);
        expect(runs.flatMap(({ frames }) => frames)).toEqual(wanted);
        for (const { packet, from, last, frames } of runs) {
          expect(from <= packet && packet <= last).toBe(true);
          for (const index of frames) {
            const own = map.packetOf[index]!;
            expect(own >= packet && own <= last && times[own]! >= times[packet]!).toBe(true);
          }
        }
      }),
    );
  });
});

describe('headers', () => {
  it('reads bits and Exp-Golomb numbers', () => {
    const bits = new BitReader(Uint8Array.from([0b10100110, 0b01000010, 0b10000000]));
    expect([bits.unsigned(), bits.unsigned(), bits.unsigned(), bits.signed(), bits.signed()]).toEqual([0, 1, 2, 2, -2]);
    expect(() => bits.bits(32)).toThrow(Unclear);
  });

  it('takes out what keeps start codes away, and does not read beyond a unit', () => {
    expect([...unescapeUnit(Uint8Array.from([0, 0, 3, 1, 0, 0, 3, 0, 0, 3]))]).toEqual([0, 0, 1, 0, 0, 0, 0]);
    expect(splitUnits(Uint8Array.from([0, 2, 7, 8, 0, 1, 9]), 2).map((unit) => [...unit])).toEqual([[7, 8], [9]]);
    expect(() => splitUnits(Uint8Array.from([0, 3, 7, 8]), 2)).toThrow(Unclear);
    expect(readMessages(Uint8Array.from([255, 1, 1, 42, 6, 2, 1, 2, 0x80]))).toEqual([
      { type: 256, bytes: Uint8Array.from([42]) },
      { type: 6, bytes: Uint8Array.from([1, 2]) },
    ]);
  });

  it('noise is unclear, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ maxLength: 80 }), (extradata, data) => {
        const outcome = ((): unknown => {
          try {
            return openH264(Uint8Array.from([1, 0, 0, 0, 3, 225, ...extradata])).read(data);
          } catch (error) {
            return error;
          }
        })();
        expect(outcome instanceof Unclear || !(outcome instanceof Error)).toBe(true);
      }),
    );
  });

  it('a decoder that begins later must get the parameter sets that came in packets', () => {
    const sets = new ParameterSets();
    const [a, b] = [Uint8Array.of(1), Uint8Array.of(2)];
    sets.addInitial('picture 0', a);
    expect(sets.addAll([{ key: 'picture 0', bytes: a }])).toEqual([]);
    expect(sets.areWholeWith([])).toBe(true);
    expect(sets.addAll([{ key: 'picture 0', bytes: b }])).toEqual(['picture 0']);
    expect([sets.areWholeWith([]), sets.areWholeWith([{ key: 'picture 0' }])]).toEqual([false, true]);
  });
});

describe('formats without alpha', () => {
  const formats = [
    ['yuv420p', AV_PIX_FMT_YUV420P],
    ['yuvj420p', AV_PIX_FMT_YUVJ420P],
    ['yuv422p', AV_PIX_FMT_YUV422P],
    ['yuv420p10', AV_PIX_FMT_YUV420P10LE],
    ['yuv444p12', AV_PIX_FMT_YUV444P12LE],
  ] as const;
  it.each(formats)('%s gives the RGB that it gives with an alpha of 255', async (name, format) => {
    const [width, height] = [67, 41];
    const full = name === 'yuvj420p';
    using source = new Frame();
    source.alloc();
    Object.assign(source, { format, width, height, colorSpace: AVCOL_SPC_BT709 });
    source.colorRange = full ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    expect(source.getBuffer(0)).toBe(0);
    const high = name.endsWith('10') ? 3 : 15;
    for (const plane of source.data!) {
      for (let i = 0; i < plane.length; i++) {
        const noise = (Math.imul(i + 1, 2654435761) >>> 11) & 255;
        plane[i] = /1[02]$/.test(name) && i % 2 === 1 ? noise & high : noise;
      }
    }
    using wide = new Frame();
    wide.alloc();
    Object.assign(wide, { format: AV_PIX_FMT_RGBA, width, height, colorSpace: AVCOL_SPC_RGB });
    wide.colorRange = AVCOL_RANGE_JPEG;
    expect(wide.getBuffer(0)).toBe(0);
    using scaler = new SoftwareScaleContext();
    scaler.allocContext();
    const flags = SWS_BILINEAR | SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP;
    scaler.setOption('sws_flags', flags);
    expect(await scaler.scaleFrame(wide, source)).toBeGreaterThanOrEqual(0);
    using converter = openConverter({ path: 'x' } as MediaFile, undefined);
    const { rgb } = await converter.toRgb(source);
    const wanted = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
      const pixel = Math.floor(i / 3);
      const [x, y] = [pixel % width, Math.floor(pixel / width)];
      return wide.data![0]![y * wide.linesize[0]! + x * 4 + (i % 3)]!;
    });
    expect(rgb).toEqual({ width, height, data: wanted });
  });
});
