// `iovqa export`: a trained adapter for other programs, merged into its base or alone.
import type { ExportFormat } from '../../score/index.ts';
import { exportAdapter } from '../../score/index.ts';
import { printJson, printLines } from '../output.ts';
import type { Progress } from '../progress.ts';
import { startProgress } from '../progress.ts';
import { untilStopped } from '../stop.ts';
import type { Terminal } from '../terminal.ts';

/** Flags of `export`. */
export interface ExportFlags {
  /** What is written. */
  format: ExportFormat;
  /** Where it goes. */
  to: string;
  /** The base model. */
  model?: string;
  /** Element type of merged weights. */
  dtype?: 'f32' | 'bf16' | 'f16';
  /** Write a JSON value. */
  json?: boolean;
}

const dtypes = { f32: 'F32', bf16: 'BF16', f16: 'F16' } as const;

/**
 * Runs `iovqa export`.
 * @param terminal - where it is shown
 * @param path - run or adapter
 */
export async function exportCommand(terminal: Terminal, path: string, flags: ExportFlags): Promise<void> {
  const { format, to, model, dtype, json = false } = flags;
  await untilStopped(terminal, 'stopping; nothing is left behind', async (signal) => {
    let progress: Progress | undefined;
    try {
      const result = await exportAdapter(path, to, format, {
        ...(model === undefined ? {} : { model }),
        ...(dtype === undefined ? {} : { dtype: dtypes[dtype] }),
        onProgress: (done, total) => {
          progress ??= startProgress(terminal, 'weights', total, json);
          progress.update(done);
        },
        signal,
      });
      progress?.stop();
      if (json) return printJson(terminal, { to, format, ...result });
      const { from, base, goldenDifference: difference } = result;
      const what = format === 'merged' ? `${from} merged into ${base}` : `the adapter ${from}, for the base ${base}`;
      printLines(terminal, [`${to}: ${what}`]);
      if (difference !== null)
        printLines(terminal, [`golden pictures score within ${difference.toPrecision(2)} of the adapter's`]);
    } finally {
      progress?.stop();
    }
  });
}
