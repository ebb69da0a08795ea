// Encodes with every codec and ends; a test looks at what that prints. Run by node with --expose-gc.
import { randomStream } from '../../src/core/index.ts';
import { pictureDistortions } from '../../src/synthesis/index.ts';
import { scene } from './helpers.ts';

for (const kind of ['jpeg', 'h264', 'hevc', 'av1', 'mjpeg'] as const) {
  await pictureDistortions[kind]([scene(1), scene(2)], 0.5, randomStream(1));
  (globalThis as { gc?: () => void }).gc!();
}
console.log('done');
