// `iovqa quickstart`: from photographs to an ensemble and a report, to see the whole way once.
import { join } from 'node:path';
import { writeFileAtomic } from '../../files/index.ts';
import { EMBEDDED_MODEL, embeddedPictures } from '../../model/index.ts';
import {
  gainSentence,
  nextCommands,
  quickstartCaution,
  quickstartColumns,
  quickstartReport,
  quickstartRows,
} from '../../report/index.ts';
import type { QuickstartStage } from '../../quickstart/index.ts';
import { quickstart } from '../../quickstart/index.ts';
import { formatTable, printJson, printLines } from '../output.ts';
import type { Terminal } from '../terminal.ts';
import type { Progress } from '../progress.ts';
import { formatSeconds, startProgress } from '../progress.ts';
import { untilStopped } from '../stop.ts';

/** Flags of `quickstart`. */
export interface QuickstartFlags {
  /** Folder of everything that it makes. */
  out: string;
  /** The base model; default: the one that ships. */
  model?: string;
  /** Folder of photographs. */
  pictures?: string;
  /** Fixes clips and split. */
  seed?: number;
  /** Write a JSON value. */
  json?: boolean;
}

const labels: Record<QuickstartStage, string> = {
  clips: 'making clips',
  before: 'scoring with the base model',
  training: 'training five adapters',
  ensemble: 'scoring with the ensemble',
};

/**
 * Runs `iovqa quickstart`.
 * @param terminal - where it is shown
 */
export async function quickstartCommand(terminal: Terminal, flags: QuickstartFlags): Promise<void> {
  const { out, model = EMBEDDED_MODEL, pictures = embeddedPictures(), seed } = flags;
  let bar: Progress | null = null;
  let shown: QuickstartStage | null = null;
  const onProgress = (stage: QuickstartStage, done: number, total: number): void => {
    if (stage !== shown) {
      bar?.stop();
      bar = startProgress(terminal, labels[stage], total);
      shown = stage;
    }
    bar?.update(done);
  };
  await untilStopped(terminal, 'stopping; the same command goes on', async (signal) => {
    const onNote = (text: string): void => terminal.tell(`note: ${pictures}: ${text}`);
    const options = { folder: out, model, pictures, onProgress, onNote, signal };
    const result = await quickstart(seed === undefined ? options : { ...options, seed }).finally(() => bar?.stop());
    const report = join(out, 'report.html');
    await writeFileAtomic(report, quickstartReport(result));
    if (flags.json === true) {
      const { clips: _clips, ...rest } = result;
      printJson(terminal, { ...rest, report });
      return;
    }
    const seconds = Object.values(result.seconds).reduce((sum, value) => sum + value, 0);
    const numHeld = result.clips.filter(({ split }) => split === 'test').length;
    printLines(terminal, [
      '',
      `${numHeld} clips that no adapter has seen:`,
      ...formatTable(quickstartColumns, quickstartRows(result)),
      '',
      gainSentence(result),
      quickstartCaution,
      '',
      `The full report is ${report}. It took ${formatSeconds(seconds)}. Next, with data of your own:`,
      ...nextCommands().map((line) => `  ${line}`),
    ]);
  });
}
