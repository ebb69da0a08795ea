// A training run in a process of its own, for the tests that kill it: run-child OUT RUNTIME, with the recipe's `runtime` as JSON. Says
// each step.
import { dirname, join } from 'node:path';
import { UserError } from '../../../src/core/index.ts';
import type { Recipe } from '../../../src/train/index.ts';
import { resolveRecipe, train } from '../../../src/train/index.ts';

const [out, runtime] = process.argv.slice(2) as [string, string];
const folder = dirname(out);
const recipe = resolveRecipe({
  base: {
    model: join(folder, 'model'),
    out,
    data: { manifest: join(folder, 'clips.csv'), validation: { fraction: 0.25 } },
    frames: { maxPixels: 3136 },
    lora: { rank: 4 },
    epochs: 6,
    batchSize: 3,
    microBatch: 3,
    optimizer: { learningRate: 1e-3 },
    evaluation: { every: 6 },
    checkpoint: { every: 2, keep: 2 },
    runtime: { workers: 1, threads: 1, ...(JSON.parse(runtime) as Partial<Recipe['runtime']>) },
  },
});
try {
  for await (const event of train(recipe, { resume: true })) {
    if (event.type === 'step') process.stdout.write(`step ${event.step}\n`);
    if (event.type === 'end') process.stdout.write(`${event.reason}\n`);
  }
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`${error.message}\n${error.hint}\n`);
  process.exitCode = 2;
}
