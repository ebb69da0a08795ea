// The commands that look at a data set.
import type { Command } from 'commander';
import { Option } from 'commander';
import type { DataCheckFlags } from '../commands/data-check.ts';
import type { DataVotesFlags } from '../commands/data-votes.ts';
import type { Terminal } from '../terminal.ts';
import { decoder, integer, json, sandbox } from './options.ts';

/**
 * Adds them.
 * @param root - the program
 * @param terminal - the screen of the command
 */
export function addData(root: Command, terminal: Terminal): void {
  const data = root.command('data').description('Check a data set, or make one from raw votes.');
  data
    .command('check')
    .description('Check a table and its clips: rows, scores, splits, near-duplicates, frame timing.')
    .argument('<manifest>', 'table of clips and scores (.csv, .jsonl)')
    .option('--no-decode', 'do not open the clips')
    .option('--write-options', 'store the options below in TABLE.yaml beside the table, where every command reads them')
    .option('--workers <n>', 'processes that decode clips', integer)
    .addOption(decoder())
    .addOption(sandbox())
    .addOption(json())
    .action(async (path: string, flags: DataCheckFlags) =>
      (await import('../commands/data-check.ts')).dataCheck(terminal, path, flags),
    );
  data
    .command('votes')
    .description('Compute opinion scores from raw votes: a table of clips for `train`, and a report on each rater.')
    .argument(
      '<votes>',
      'table of votes: one row per vote (clip, rater, score), or one row per clip and one column per rater',
    )
    .addOption(
      new Option(
        '--method <name>',
        'mean: all votes; bt500: votes of the raters that the screening of BT.500 keeps; p910: model of P.910 Annex E',
      )
        .choices(['mean', 'bt500', 'p910'] satisfies DataVotesFlags['method'][])
        .default('mean'),
    )
    .option('--out <file>', 'write the table of clips (.csv, .jsonl)')
    .option('--raters-out <file>', 'write the report on raters (.csv)')
    .option('--rater <column>', 'column of the rater, in a table with one row per vote')
    .option(
      '--raters <columns>',
      'columns of the raters, in a table with one row per clip: names and patterns such as r*,s1',
    )
    .option('--missing <text>', 'a value that means "no vote", such as -1; empty cells, nan, NA and the like always do')
    .addOption(json())
    .action(async (path: string, flags: DataVotesFlags) =>
      (await import('../commands/data-votes.ts')).dataVotes(terminal, path, flags),
    );
}
