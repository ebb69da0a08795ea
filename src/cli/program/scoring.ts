// The commands that score and judge scores.
import type { Command } from 'commander';
import { Option } from 'commander';
import type { CompareFlags } from '../commands/compare.ts';
import type { EnsembleFlags } from '../commands/ensemble.ts';
import type { EvaluateFlags } from '../commands/evaluate.ts';
import type { ScoreFlags } from '../commands/score.ts';
import type { ScoresMergeFlags } from '../commands/scores.ts';
import type { Terminal } from '../terminal.ts';
import { collect, decoder, integer, json, part, sandbox, withMachines } from './options.ts';

/**
 * Adds them.
 * @param root - the program
 * @param terminal - the screen of the command
 */
export function addScoring(root: Command, terminal: Terminal): void {
  withMachines(
    root
      .command('score')
      .description('Score clips, folders of clips or a table of clips with a run, an adapter, a model or an ensemble.')
      .argument('<inputs...>', 'clips, folders, or one table (.csv, .jsonl)')
      .option(
        '--with <path>',
        'run, adapter, model or ensemble: a folder, or ORG/NAME of one that was pulled; default: the adapter that ships',
      )
      .option('--model <model>', 'base model; default: the one that the adapter names')
      .option('--split <name>', 'use only rows of this split')
      .addOption(part())
      .option('--prompt <text>', 'text that the clips were generated from')
      .option(
        '--max-text-tokens <n>',
        'maximum text tokens of a clip; a clip with more is an error (default: 4096)',
        integer,
      )
      .option(
        '--max-memory <size>',
        "maximum memory of one model run, such as 8GB; a clip that needs more is an error (default: 4/5 of the machine's)",
      )
      .option('--out <file>', 'write the scores to a file (.jsonl or .csv) instead of stdout')
      .option('--resume', 'continue the file of --out after its last row')
      .option('--retry-failed', 'score the failed rows of --out again, then continue the file')
      .option('--threads <n>', 'threads per operation', integer)
      .option('--workers <n>', 'processes that decode clips', integer)
      .option('--provider <name>', 'ONNX Runtime provider; default: cpu')
      .option('--no-cache', 'do not use the cache')
      .option('--csv', 'print CSV')
      .addOption(decoder())
      .addOption(sandbox())
      .addOption(json()),
  ).action(async (inputs: string[], flags: ScoreFlags) =>
    (await import('../commands/score.ts')).score(terminal, inputs, flags),
  );

  root
    .command('scores')
    .description('Work with scores files.')
    .command('merge')
    .description('Join the scores files of all parts of a list into the file of the whole list.')
    .argument('<scores...>', 'scores files of `score --part`, one for each part, in any order')
    .requiredOption('--out <file>', 'new scores file (.jsonl or .csv, as the parts are)')
    .addOption(json())
    .action(async (paths: string[], flags: ScoresMergeFlags) =>
      (await import('../commands/scores.ts')).scoresMerge(terminal, paths, flags),
    );

  root
    .command('ensemble')
    .description('Combine runs, adapters or models into one scorer, for `score --with FOLDER`.')
    .argument('<folder>', 'folder for ensemble.json')
    .argument('<members...>', 'runs, adapters or models; at least two')
    .option(
      '--weights <list>',
      'equal, paper (five members), fitted, or numbers such as 2,1,1, in the order of the members',
      'equal',
    )
    .addOption(
      new Option('--combine <what>', 'what is averaged: scores, or ranks among those of --reference')
        .choices(['scores', 'ranks'])
        .default('scores'),
    )
    .option('--reference <file>', 'scores file of a member; once for each, in their order', collect)
    .option(
      '--manifest <file>',
      'table of opinion scores that weights are fitted to; default: the files of --reference',
    )
    .option('--split <name>', 'fit only to rows of this split')
    .option('--model <model>', 'base model; default: the one that each adapter names')
    .option('--max-text-tokens <n>', 'maximum text tokens of a template (default: 4096)', integer)
    .addOption(json())
    .action(async (folder: string, members: string[], flags: EnsembleFlags) =>
      (await import('../commands/ensemble.ts')).ensembleCommand(terminal, folder, members, flags),
    );

  root
    .command('evaluate')
    .description('Compare scores with opinion scores: SRCC, PLCC, KRCC, RMSE, with intervals.')
    .argument('<scores>', 'scores file of `score`, or a table with the columns prediction and mos')
    .option('--manifest <file>', 'table of opinion scores; default: the scores file itself')
    .option('--prediction <column>', 'column of the predictions; default: prediction or score')
    .option('--score-scale <scale>', 'scale of the predictions; default: that of FILE.meta.json')
    .option('--split <name>', 'use only rows of this split')
    .option('--by <column>', 'also evaluate each value of this column separately; can be repeated', collect)
    .addOption(new Option('--resamples <n>').hideHelp())
    .addOption(new Option('--seed <n>').hideHelp())
    .option('--csv', 'print CSV')
    .addOption(json())
    .action(async (path: string, flags: EvaluateFlags) =>
      (await import('../commands/evaluate.ts')).evaluateCommand(terminal, path, flags),
    );

  root
    .command('compare')
    .description('Compare scores files on the same clips: differences, intervals, p-values, and what is within noise.')
    .argument('<scores...>', 'arms, the others against the first: FILE, or NAME=FILE,FILE,… with one file a seed')
    .option('--manifest <file>', 'table of opinion scores; default: the scores files themselves')
    .option('--prediction <column>', 'column of the predictions; default: prediction or score')
    .option('--score-scale <scale>', 'scale of the predictions; default: that of FILE.meta.json')
    .option('--split <name>', 'use only rows of this split')
    .addOption(
      new Option('--metric <name>', 'what p-values are of; challenge is (SRCC+PLCC)/2')
        .choices(['challenge', 'srcc', 'plcc', 'krcc', 'rmse'])
        .default('challenge'),
    )
    .addOption(json())
    .action(async (given: string[], flags: CompareFlags) =>
      (await import('../commands/compare.ts')).compareCommand(terminal, given, flags),
    );
}
