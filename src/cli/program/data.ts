// The commands that look at a data set.
import type { Command } from 'commander';
import type { DataCheckFlags } from '../commands/data-check.ts';
import { integer, json } from './options.ts';

/**
 * Adds them.
 * @param root - the program
 */
export function addData(root: Command): void {
  const data = root.command('data').description('Look at a data set.');
  data
    .command('check')
    .description('Check a manifest and its clips: rows, scores, splits, near-duplicates, frame timing.')
    .argument('<manifest>', 'manifest (.csv, .jsonl)')
    .option('--no-decode', 'do not open the clips')
    .option('--write-options', 'write the options below into TABLE.yaml beside the table, for every command')
    .option('--workers <n>', 'processes that decode clips', integer)
    .addOption(json())
    .action(async (path: string, flags: DataCheckFlags) =>
      (await import('../commands/data-check.ts')).dataCheck(path, flags),
    );
}
