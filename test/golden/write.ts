// Writes the goldens of runs and scores: npx tsx test/golden/write.ts [--nano]. README.md says when that is right.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finishedCase, goldenCases, interruptedCase } from './cases.ts';
import { writeGoldens } from './compare.ts';
import { makeCase, makeEnsemble, makeShipped } from './make.ts';
import { furnish } from './measure.ts';
import { makeNano } from './nano.ts';

process.env['IOVQA_CACHE'] = 'off';
const root = await mkdtemp(join(tmpdir(), 'iovqa-golden-'));
try {
  if (process.argv.includes('--nano')) {
    await writeGoldens('nano', await makeNano(join(root, 'nano')));
  } else {
    await furnish(root);
    const runs: Record<string, unknown> = {};
    for (const golden of [...goldenCases, interruptedCase, finishedCase]) {
      const started = performance.now();
      runs[golden.name] = await makeCase(root, golden);
      process.stderr.write(`${((performance.now() - started) / 1000).toFixed(1)} s  ${golden.name}\n`);
    }
    await writeGoldens('runs', runs);
    await writeGoldens('scores', { ensemble: await makeEnsemble(root), shipped: await makeShipped() });
  }
} finally {
  await rm(root, { recursive: true });
}
