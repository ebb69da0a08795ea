// Takes a trained adapter elsewhere: merged into its base as a model of its own, or alone in PEFT's layout.
import { dirname, resolve } from 'node:path';
import { UserError } from '../core/index.ts';
import type { FloatDtype } from '../files/index.ts';
import { acquireLock, lockBeside, makeFolder, writeFolderAtomic } from '../files/index.ts';
import type { RuntimeOptions } from '../engine/index.ts';
import { openEngine } from '../engine/index.ts';
import type { Adapter } from '../model/index.ts';
import { mergeAdapter, modelDtype, openCheckpoint, writeAdapter, writeCard, writeCheckpoint } from '../model/index.ts';
import { goldenPrecisionOf } from './card.ts';
import { goldenScoresOf } from './golden-of-card.ts';
import type { OpenedModel } from './open-model.ts';
import { openModel } from './open-model.ts';
import { openTrustedEngine } from './trusted-engine.ts';

/** What is written: a model of its own, or the adapter. */
export type ExportFormat = 'merged' | 'adapter';

/** How an adapter is exported. */
export interface ExportOptions {
  /** The base model's folder, where the adapter does not find it. */
  model?: string;
  /** Element type of merged weights; default: that of the base. Sums are made in float32 and rounded once. */
  dtype?: FloatDtype;
  /** How the golden pictures are scored. */
  runtime?: RuntimeOptions;
  /** Is told how many of how many weights are merged. */
  onProgress?: (done: number, total: number) => void;
  /** Stops the export with its reason; nothing is left behind. */
  signal?: AbortSignal;
}

/** What was exported. */
export interface Exported {
  /** The adapter's folder: a run's best checkpoint. */
  from: string;
  /** The base model's folder. */
  base: string;
  /** Largest difference of a golden picture's score, merged against not, on the user's scale; null where there is nothing to compare. */
  goldenDifference: number | null;
}

/**
 * Exports an adapter.
 * @param path - the folder of a run (its best checkpoint) or of an adapter
 * @param to - a new or empty folder; it becomes whole or stays as it is
 * @param format - what is written
 * @param options - base model, element type
 * @throws UserError `bad-checkpoint` when there is no adapter or it does not fit its base; `bad-input` for a folder that is not empty,
 *   or that another process exports to
 */
export async function exportAdapter(
  path: string,
  to: string,
  format: ExportFormat,
  options: ExportOptions = {},
): Promise<Exported> {
  if (format === 'adapter' && options.dtype !== undefined) {
    throw new UserError('bad-input', `dtype: expected it with merged weights, got ${options.dtype} for an adapter`, {
      hint: 'Adapters are written in F32, as they were trained.',
    });
  }
  const opened = await openModel(path, options.model);
  const { folder, checkpoint, adapter } = opened;
  if (adapter === null) {
    throw new UserError('bad-checkpoint', `${path}: expected a run of LoRA or an adapter, got a model of its own`, {
      hint: `${folder} is in Hugging Face layout already; it can be used as it is.`,
    });
  }
  let goldenDifference: number | null = null;
  // Merging takes long: who comes second is told at once, and not by the folder that is there in the end.
  await makeFolder(dirname(resolve(to)));
  await using _ = await acquireLock(lockBeside(to), to);
  await writeFolderAtomic(to, async (temporary) => {
    if (format === 'adapter')
      await writeAdapter(
        temporary,
        options.model === undefined ? adapter : rebased(opened, adapter),
        checkpoint.family,
      );
    else goldenDifference = await writeMerged(temporary, { ...opened, adapter }, options);
  });
  return { from: folder, base: checkpoint.folder, goldenDifference };
}

/** An adapter that names the base that it was opened with. */
function rebased({ checkpoint }: OpenedModel, adapter: Adapter): Adapter {
  const { name } = checkpoint;
  return { ...adapter, baseModel: name, card: adapter.card === null ? null : { ...adapter.card, baseModel: name } };
}

async function writeMerged(
  folder: string,
  { checkpoint, adapter, card }: OpenedModel & { adapter: NonNullable<OpenedModel['adapter']> },
  { dtype = modelDtype(checkpoint), runtime, onProgress, signal }: ExportOptions,
): Promise<number | null> {
  const { names } = checkpoint;
  {
    await using merged = await mergeAdapter(checkpoint, adapter);
    let done = 0;
    const tensors = names.map((name) => {
      const read = (): Promise<Float32Array> => {
        signal?.throwIfAborted();
        onProgress?.(done++, names.length);
        return merged.read(name);
      };
      return [name, read] as const;
    });
    await writeCheckpoint(folder, checkpoint, new Map(tensors), dtype);
  }
  signal?.throwIfAborted();
  if (card === null) return null;
  const { goldenPrecision: _, ...rest } = card;
  const machine = runtime === undefined ? {} : { runtime };
  await using engine = await openTrustedEngine(openEngine, await openCheckpoint(folder), machine);
  const scores = await goldenScoresOf({ engine, adapter: null, card, folder });
  const golden = { goldenScores: scores, ...goldenPrecisionOf(engine.precision) };
  await writeCard(folder, { ...rest, baseHash: null, baseModel: null, ...golden });
  const differences = card.goldenScores.flatMap(({ inputSha256, score }) => {
    const same = scores.find((golden) => golden.inputSha256 === inputSha256);
    return same === undefined ? [] : [Math.abs(same.score - score)];
  });
  return differences.length === 0 ? null : Math.max(...differences);
}
