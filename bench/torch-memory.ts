// The forecast of the PyTorch engine's memory against what a worker really held (VmHWM), on the CPU: models of growing size, whole and in
// float32 or bfloat16, with and without gradient checkpointing. The worker runs as it is, or (--returned) with glibc told to give back
// what is freed, which is what the forecast counts. Linux; IOVQA_PYTHON names the Python.  npx tsx bench/torch-memory.ts --returned
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEngine } from '../src/engine/index.ts';
import { deviceMemory } from '../src/engine/torch/memory.ts';
import type { Case } from '../test/engine/torch/clips.ts';
import { attachOptions, clipsOf } from '../test/engine/torch/clips.ts';
import { peaksOfWorkers, writeSized } from '../test/engine/torch/sized.ts';

/** In the order in which each needs more than those before: a peak is never lower than an earlier one. */
const cases = [
  { layers: 1, width: 128, mlp: 256, precision: 'float32', gradientCheckpointing: false },
  { layers: 8, width: 512, mlp: 2048, precision: 'float32', gradientCheckpointing: true },
  { layers: 8, width: 512, mlp: 2048, precision: 'float32', gradientCheckpointing: false },
  { layers: 16, width: 1024, mlp: 4096, precision: 'bfloat16', gradientCheckpointing: true },
  { layers: 16, width: 1024, mlp: 4096, precision: 'float32', gradientCheckpointing: false },
] as const;

const gb = (bytes: number): string => (bytes / 1e9).toFixed(2);
const folder = mkdtempSync(join(tmpdir(), 'iovqa-bench-'));
const python = process.env['IOVQA_PYTHON'] ?? 'python3';
const returning = join(folder, 'python');
writeFileSync(returning, `#!/bin/sh\nMALLOC_MMAP_THRESHOLD_=65536 exec ${python} "$@"\n`);
chmodSync(returning, 0o755);
const isReturned = process.argv.includes('--returned');
const runtime = { engine: 'torch', devices: 1, threads: 1, python: isReturned ? returning : python } as const;
try {
  // Workers end with the last engine: this one keeps them.
  await using _ = await openEngine(await writeSized(join(folder, 'first'), cases[0]), { runtime });
  console.log(
    '| layers × width, MLP | precision | checkpointing | forecast | peak | forecast / peak |\n|---|---|---|---|---|---|',
  );
  for (const [i, { layers, width, mlp, precision, gradientCheckpointing }] of cases.entries()) {
    const checkpoint = await writeSized(join(folder, String(i)), { layers, width, mlp });
    await using engine = await openEngine(checkpoint, { runtime: { ...runtime, precision } });
    const one: Case = { loss: 'integer-only', lora: {}, gradientCheckpointing, microBatch: 4 };
    const { train, score, answers } = await clipsOf(checkpoint, engine, one);
    const attach = { ...attachOptions(checkpoint, one), answers };
    const model = await engine.attach(attach);
    await model.update(train, 1e-4);
    await model.predict(score);
    const tokens = Math.max(...train.map(({ rows }) => rows.tokenIds.length));
    const clip = { tokens, visionTokens: 12, rows: 2 };
    const work = {
      lora: attach.lora,
      training: { microBatch: 4, gradientCheckpointing, clip },
      scoring: { together: 4, clip: { ...clip, rows: answers!.numNodes } },
    };
    const { bytes } = deviceMemory(checkpoint, work, { ranks: 1, isSharded: false, precision, device: 'cpu' });
    const [peak] = peaksOfWorkers() as [number];
    const cells = [
      `${layers} × ${width}, ${mlp}`,
      precision,
      gradientCheckpointing ? 'yes' : 'no',
      gb(bytes),
      gb(peak),
    ];
    console.log(`| ${[...cells, (bytes / peak).toFixed(2)].join(' | ')} |`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
