// Encodes AV1 in threads that take turns, and ends; a test looks at whether the process survives.
import { Worker } from 'node:worker_threads';
import { encoderLock } from '../../src/synthesis/index.ts';

const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
// Node 20 does not pass what reads TypeScript on to threads.
const source = `
  const { workerData: { encoders, seed } } = require('node:worker_threads');
  import('tsx/esm/api').then(async ({ register }) => {
    register();
    const { randomStream } = await import(${url('../../src/core/index.ts')});
    const { generatedScene, pictureDistortions, shareEncoderLock } = await import(${url('../../src/synthesis/index.ts')});
    shareEncoderLock(encoders);
    const stream = randomStream(seed);
    const scene = generatedScene({ width: 96, height: 96, stream });
    for (let i = 0; i < 40; i++) await pictureDistortions.av1([scene], 0.1 + 0.8 * stream.uniform(), stream);
  });`;
const ended = [0, 1, 2, 3].map((seed) => {
  const worker = new Worker(source, { eval: true, workerData: { encoders: encoderLock(), seed } });
  return new Promise<number>((resolve, reject) => worker.on('exit', resolve).on('error', reject));
});
console.log((await Promise.all(ended)).join(' '));
