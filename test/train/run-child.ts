// A training run in a process of its own, for the tests that kill it: run-child OUT METHOD RESUME.
import { dirname, join } from 'node:path';
import { resolveRecipe, train } from '../../src/train/index.ts';

const [out, method, resume] = process.argv.slice(2) as [string, 'lora' | 'full', string];
const folder = dirname(out);
const recipe = resolveRecipe({
  base: {
    model: join(folder, 'model'),
    out,
    data: { manifest: join(folder, 'clips.csv'), validation: { fraction: 0.25 } },
    frames: { maxPixels: 3136 },
    method,
    ...(method === 'lora' ? { lora: { rank: 4 } } : {}),
    epochs: 4,
    batchSize: 3,
    microBatch: 3,
    optimizer: { learningRate: 3e-3 },
    evaluation: { every: 3 },
    checkpoint: { every: 2, keep: 2 },
    runtime: { workers: 1, threads: 1 },
  },
});
for await (const event of train(recipe, { resume: resume === 'resume' })) {
  if (event.type === 'end') process.stdout.write(`${event.reason}\n`);
}
