// Made `media/` once: npx tsx test/golden/write-media.ts. What it made is kept, since encoders change and their files would with them.
import { mkdir, writeFile } from 'node:fs/promises';
import sharp from 'sharp';
import { randomStream } from '../../src/core/index.ts';
import { makeClip } from '../video/make-clip.ts';
import { here } from './measure.ts';

await mkdir(here('media'), { recursive: true });
const stream = randomStream(19);
const rows = ['video,image,prompt,mos,std,same,split'];
const words = ['a red bus', 'two dogs on a beach', 'rain', 'a city at night seen from far above'];
const sizes = [
  [56, 56],
  [84, 56],
  [56, 84],
  [112, 84],
] as const;
for (let i = 0; i < 12; i++) {
  const isVideo = i % 3 === 2;
  const name = `${i}.${isVideo ? 'mp4' : 'png'}`;
  const [width, height] = sizes[(i * 7) % 4]!;
  if (isVideo) {
    // Frames that differ in brightness and in a slope that moves, with a key frame in the middle.
    await makeClip({
      path: here('media', name),
      codec: 'libx264',
      format: 'mp4',
      numFrames: 8 + i,
      width: 64,
      height: i === 5 ? 64 : 48,
      options: { g: '6' },
      fill: (planes, strides, k) =>
        planes.forEach((plane, p) => {
          for (let at = 0; at < plane.length; at++) {
            const [x, y] = [at % strides[p]!, Math.floor(at / strides[p]!)];
            plane[at] = p === 0 ? (40 + 9 * k + 2 * ((x + k * i) % 32) + y) & 255 : 128 + ((x + k) & 15);
          }
        }),
    });
  } else {
    const pixels = Buffer.alloc(width * height * 3);
    for (let at = 0; at < pixels.length; at++) {
      pixels[at] = Math.min(255, Math.floor(((at / 3) % width) * (150 / width) + i * 5 + stream.below(32)));
    }
    await sharp(pixels, { raw: { width, height, channels: 3 } })
      .png({ compressionLevel: 9 })
      .toFile(here('media', name));
  }
  const split = i < 6 ? 'train' : i < 10 ? 'validation' : 'rest';
  const mos = (1 + 4 * stream.uniform()).toFixed(2);
  rows.push(
    `${isVideo ? name : ''},${isVideo ? '' : name},${words[i % 4]!},${mos},${(0.2 + (i % 3) / 10).toFixed(1)},3.25,${split}`,
  );
}
await writeFile(here('media', 'clips.csv'), `${rows.join('\n')}\n`);
await writeFile(here('media', 'question.txt'), 'How well does it show {prompt}? {answer_format} {frames}\n');
