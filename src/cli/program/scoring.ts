// The commands that score and judge scores.
import type { Command } from 'commander';
import type { EnsembleFlags } from '../commands/ensemble.ts';
import type { EvaluateFlags } from '../commands/evaluate.ts';
import type { ScoreFlags } from '../commands/score.ts';
import { collect, decoder, integer, json, sandbox } from './options.ts';

/**
 * Adds them.
 * @param root - the program
 */
export function addScoring(root: Command): void {
  root
    .command('score')
    .description('Score clips, folders of clips or a manifest with a run, an adapter, a model or an ensemble.')
    .argument('<inputs...>', 'clips, folders, or one manifest (.csv, .jsonl)')
    .option(
      '--with <path>',
      'run, adapter, model or ensemble: a folder, or ORG/NAME of one that was pulled; default: the adapter that ships',
    )
    .option('--model <model>', 'the base model, where the adapter does not find it')
    .option('--split <name>', 'only these rows of the manifest')
    .option('--prompt <text>', 'text that the clips were generated from')
    .option('--max-text-tokens <n>', "most tokens of a clip's text; a clip with more is an error (4096)", integer)
    .option(
      '--max-memory <size>',
      "most memory of one run, such as 8GB; a clip that needs more is an error (4/5 of the machine's)",
    )
    .option('--out <file>', 'write the scores to a file (.jsonl or .csv) instead of stdout')
    .option('--resume', 'go on with the file of --out behind its last row')
    .option('--retry-failed', 'go on with the file of --out, and score its rows with an error again')
    .option('--threads <n>', 'threads of one op', integer)
    .option('--workers <n>', 'processes that decode clips', integer)
    .option('--provider <name>', 'what ONNX Runtime runs the graph on')
    .option('--no-cache', 'neither take vision features from the cache nor keep them')
    .option('--csv', 'write CSV to stdout')
    .addOption(decoder())
    .addOption(sandbox())
    .addOption(json())
    .action(async (inputs: string[], flags: ScoreFlags) => (await import('../commands/score.ts')).score(inputs, flags));

  root
    .command('ensemble')
    .description('Combine runs, adapters or models to one that `score --with FOLDER` takes.')
    .argument('<folder>', 'where ensemble.json goes')
    .argument('<members...>', 'runs, adapters or models; at least two')
    .option(
      '--weights <list>',
      'equal, paper (five members), or numbers such as 2,1,1, in the order of the members',
      'equal',
    )
    .option('--model <model>', 'the base model, where the adapters do not find it')
    .option('--max-text-tokens <n>', "most tokens of a template's text (4096)", integer)
    .addOption(json())
    .action(async (folder: string, members: string[], flags: EnsembleFlags) =>
      (await import('../commands/ensemble.ts')).ensembleCommand(folder, members, flags),
    );

  root
    .command('evaluate')
    .description('Compare scores with opinion scores: SRCC, PLCC, KRCC, RMSE, with intervals.')
    .argument('<scores>', 'scores file of `score`, or a table with the columns prediction and mos')
    .option('--manifest <file>', 'the opinion scores, by clip')
    .option('--prediction <column>', 'column of what was predicted; default: prediction or score')
    .option('--score-scale <scale>', 'scale of the scores; default: what FILE.meta.json says')
    .option('--split <name>', 'only these rows of the manifest')
    .option('--by <column>', 'break results down by a column of the manifest or table; can be repeated', collect)
    .option('--resamples <n>', 'resamples of the bootstrap intervals', integer)
    .option('--seed <n>', 'seed of the bootstrap', integer)
    .option('--csv', 'write CSV to stdout')
    .addOption(json())
    .action(async (path: string, flags: EvaluateFlags) =>
      (await import('../commands/evaluate.ts')).evaluateCommand(path, flags),
    );
}
