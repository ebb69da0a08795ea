// Clips a second that reach a worker which computes nothing: what Node.js and its decoding processes can feed. Features are as wide as those
// of the 7B model, in bfloat16. New clips are decoded, go to the worker as 8-bit pixels, and come back as features, which are kept; then the
// same clips are scored from what was kept. `main thread` is time on a core that cannot be spread over several: 1000 over it is the most
// clips a second on any machine. Linux.
//   npx tsx bench/gpu/feed.ts [CLIPS] [DECODING PROCESSES]
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { randomStream } from '../../src/core/index.ts';
import type { Clip } from '../../src/inputs/index.ts';
import { embeddedModel } from '../../src/model/index.ts';
import { loadScorer } from '../../src/score/index.ts';

/** Time that the main thread was on a core so far, in milliseconds. */
const mainThreadMs = (): number =>
  Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;

const [count = '256', workers = String(Math.max(1, availableParallelism() - 2))] = process.argv.slice(2);
const clips = Number(count);
const folder = mkdtempSync(join(tmpdir(), 'iovqa-feed-'));
const paths: Clip[] = [];
for (let i = 0; i < clips; i++) {
  const stream = randomStream(i);
  const pixels = Buffer.from(Array.from({ length: 64 * 48 * 3 }, () => stream.below(256)));
  const path = join(folder, `${i}.jpg`);
  await sharp(pixels, { raw: { width: 64, height: 48, channels: 3 } })
    .resize(1024, 768)
    .jpeg()
    .toFile(path);
  paths.push({ path, kind: 'image' });
}
await sleep(2500); // a file that was just written may change again without a new time: it is not remembered
{
  const python = fileURLToPath(new URL('idle-worker.py', import.meta.url));
  await using scorer = await loadScorer(embeddedModel(), {
    workers: Number(workers),
    cache: join(folder, 'cache'),
    runtime: { engine: 'torch', python, precision: 'bfloat16' },
    settings: {
      frames: { pick: 'middle', count: 1, as: 'images', minPixels: 448 * 448, maxPixels: 448 * 448, seed: 0 },
    },
  });
  console.log(`${clips} pictures of 1024×768, ${workers} decoding processes, ${availableParallelism()} cores`);
  console.log('| | clips a second | main thread, ms a clip |');
  console.log('|---|---|---|');
  for (const what of ['new clips', 'features kept']) {
    const before = mainThreadMs();
    const started = performance.now();
    let done = 0;
    for await (const result of scorer.score(paths)) {
      if ('error' in result) throw result.error;
      done++;
    }
    const seconds = (performance.now() - started) / 1000;
    console.log(`| ${what} | ${(done / seconds).toFixed(1)} | ${((mainThreadMs() - before) / done).toFixed(2)} |`);
  }
}
rmSync(folder, { recursive: true });
