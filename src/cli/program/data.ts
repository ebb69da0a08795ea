// The commands that look at a data set.
import type { Command } from 'commander';
import { Option } from 'commander';
import type { DataCheckFlags } from '../commands/data-check.ts';
import type { DataVotesFlags } from '../commands/data-votes.ts';
import { decoder, integer, json, sandbox } from './options.ts';

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
    .addOption(decoder())
    .addOption(sandbox())
    .addOption(json())
    .action(async (path: string, flags: DataCheckFlags) =>
      (await import('../commands/data-check.ts')).dataCheck(path, flags),
    );
  data
    .command('votes')
    .description('Make opinion scores of raw votes: a table of clips that `train` reads, and what each rater did.')
    .argument('<votes>', 'table of votes: a row a vote (clip, rater, score), or a row a clip with a column a rater')
    .addOption(
      new Option(
        '--method <name>',
        "mean: of all votes; bt500: of the raters that BT.500's screening keeps; p910: the model of P.910 Annex E",
      )
        .choices(['mean', 'bt500', 'p910'] satisfies DataVotesFlags['method'][])
        .default('mean'),
    )
    .option('--out <file>', 'write the table of clips (.csv, .jsonl)')
    .option('--raters-out <file>', 'write what each rater did (.csv)')
    .option('--rater <column>', "column of the rater's name, in a table with a row a vote")
    .option(
      '--raters <columns>',
      'columns of the raters, in a table with a row a clip: names and patterns such as r*,s1',
    )
    .option('--missing <text>', 'what stands for no vote, such as -1; empty cells, nan, NA and the like do anyhow')
    .addOption(json())
    .action(async (path: string, flags: DataVotesFlags) =>
      (await import('../commands/data-votes.ts')).dataVotes(path, flags),
    );
}
