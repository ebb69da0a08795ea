// `iovqa scores merge`: the scores files of all parts of a list, as one.
import { oneLine } from '../../core/index.ts';
import { mergeScores } from '../../score/index.ts';
import { printJson, printLines } from '../output.ts';
import type { Progress } from '../progress.ts';
import { startProgress } from '../progress.ts';
import type { Terminal } from '../terminal.ts';

/** Flags of `scores merge`. */
export interface ScoresMergeFlags {
  /** The new file. */
  out: string;
  /** Write a JSON value. */
  json?: boolean;
}

/**
 * Runs `iovqa scores merge`.
 * @param terminal - where it is shown
 * @param paths - the file of each part
 */
export async function scoresMerge(terminal: Terminal, paths: string[], { out, json }: ScoresMergeFlags): Promise<void> {
  const notes: string[] = [];
  let progress: Progress | undefined;
  try {
    const merged = await mergeScores(paths, out, {
      onRow: (done, total) => (progress ??= startProgress(terminal, 'merging', total, json)).update(done),
      onNote: (text) => {
        notes.push(text);
        terminal.tell(`note: ${text}`);
      },
    });
    progress?.stop();
    const { numParts, numRows, numFailed } = merged;
    if (json === true) {
      printJson(terminal, { out, ...merged, notes });
      return;
    }
    const failed = numFailed === 0 ? '' : `, ${numFailed} of them with an error`;
    printLines(terminal, [`${oneLine(out)}: ${numRows} rows of ${numParts} parts${failed}`]);
  } finally {
    progress?.stop();
  }
}
