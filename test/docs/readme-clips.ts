// What the README's commands are given: small photographs and clips of them, better and worse, with scores.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { randomStream } from '../../src/core/index.ts';
import { cameraMotion, openPhoto, pictureDistortions, writeClip } from '../../src/synthesis/index.ts';
import { root } from './markdown.ts';

const photographs = [
  'alex-rodriguez-santibanez-200278',
  'brandi-redd-104140',
  'chuttersnap-324234',
  'tommy-bebo-600358',
];

/**
 * Writes `clips.csv` and its clips, `new-clips.csv` with `new-clips/`, and `clip.mp4`, under the README's names.
 * @param folder - where the commands are run
 */
export async function writeReadmeClips(folder: string): Promise<void> {
  for (const name of ['clips', 'new-clips']) await mkdir(join(folder, name), { recursive: true });
  const clips: string[] = [];
  const fresh: string[] = [];
  for (const [p, photograph] of photographs.entries()) {
    const photo = await openPhoto(join(root, 'pictures', `${photograph}.webp`));
    const original = cameraMotion(photo, { width: 112, height: 112, numFrames: 4, stream: randomStream(p) });
    for (const [i, strength] of [0, 0.3, 0.6, 0.9].entries()) {
      const frames =
        strength === 0 ? original : pictureDistortions['gaussian-noise'](original, strength, randomStream(p, i));
      const isNew = p === 0 || (p === 1 && i < 2);
      const name = `${isNew ? 'new-clips' : 'clips'}/${p}-${i}.${i % 2 === 0 ? 'mp4' : 'png'}`;
      const { width, height, data } = frames[0]!;
      if (i % 2 === 0) await writeClip(join(folder, name), frames, { fps: 4 });
      else
        await sharp(data, { raw: { width, height, channels: 3 } })
          .png()
          .toFile(join(folder, name));
      (isNew ? fresh : clips).push(`${name},${5 - 4 * strength}`);
      if (p === 0 && i === 0) await writeClip(join(folder, 'clip.mp4'), frames, { fps: 4 });
    }
  }
  await writeFile(join(folder, 'clips.csv'), `video,mos\n${clips.join('\n')}\n`);
  await writeFile(join(folder, 'new-clips.csv'), `video,mos\n${fresh.join('\n')}\n`);
}
