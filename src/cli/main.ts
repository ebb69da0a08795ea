#!/usr/bin/env node
// The command line: which commands there are, and what becomes of errors. Each command's code is loaded when it is called.
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { UserError, packageVersion as version } from '../core/index.ts';
import type { ExportFormat } from '../score/index.ts';
import type { CacheFlags } from './commands/cache.ts';
import type { DataCheckFlags } from './commands/data-check.ts';
import type { DoctorFlags } from './commands/doctor.ts';
import type { EnsembleFlags } from './commands/ensemble.ts';
import type { EstimateFlags } from './commands/estimate.ts';
import type { EvaluateFlags } from './commands/evaluate.ts';
import type { ExportFlags } from './commands/export.ts';
import type { InspectFramesFlags, InspectMaskFlags, InspectModelFlags } from './commands/inspect.ts';
import type { ModelsListFlags, ModelsNewFlags, ModelsPullFlags } from './commands/models.ts';
import type { QuickstartFlags } from './commands/quickstart.ts';
import type { ScoreFlags } from './commands/score.ts';
import type { TrainFlags } from './commands/train.ts';

/** Exit statuses. */
const status = { done: 0, someFailed: 1, userMistake: 2, bug: 3 } as const;

const integer = (text: string): number => {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number.');
  return Number(text);
};
const exportFormats: readonly ExportFormat[] = ['merged', 'adapter'];
const collect = (text: string, list: string[] = []): string[] => [...list, text];

/** Builds the commands. */
function program(): Command {
  const root = new Command('iovqa')
    .description('Teach a vision-language model to rate video quality, and put it to work.')
    .version(version)
    .showHelpAfterError('(iovqa COMMAND --help lists what there is)')
    .configureHelp({ showGlobalOptions: false })
    .exitOverride();

  const json = (): Option => new Option('--json', 'write one JSON value to stdout');
  const set = (): Option =>
    new Option('--set <key=value>', 'set a key of the recipe, such as lora.rank=128; can be repeated').argParser(
      collect,
    );

  const manifest = ['--manifest <file>', 'same as --set data.manifest=FILE'] as const;
  const model = [
    '--model <model>',
    'same as --set model=MODEL: a folder, or ORG/NAME of a model that was pulled',
  ] as const;

  root
    .command('quickstart')
    .description('See the whole way once: clips of photographs, five adapters, an ensemble, a report.')
    .option('--out <folder>', 'where everything goes', 'runs/quickstart')
    .option('--model <folder>', 'base model; default: the one that ships')
    .option('--pictures <folder>', 'photographs to make clips of; default: those that ship')
    .option('--seed <n>', 'fixes clips and split', integer)
    .addOption(json())
    .action(async (flags: QuickstartFlags) => (await import('./commands/quickstart.ts')).quickstartCommand(flags));

  root
    .command('train')
    .description('Train by a recipe: a YAML file, flags, or both.')
    .argument('[recipe]', 'recipe file')
    .addOption(set())
    .option(...manifest)
    .option(...model)
    .option('--out <folder>', 'same as --set out=FOLDER')
    .option('--resume', 'go on with the run in the out folder; without a recipe, with the one it was begun with')
    .option('--dry-run', 'check recipe, data and model, show them, and stop')
    .addOption(json())
    .action(async (path: string | undefined, flags: TrainFlags) =>
      (await import('./commands/train.ts')).train(path, flags),
    );

  root
    .command('score')
    .description('Score clips, folders of clips or a manifest with a run, an adapter, a model or an ensemble.')
    .argument('<inputs...>', 'clips, folders, or one manifest (.csv, .jsonl)')
    .option(
      '--with <path>',
      'run, adapter, model or ensemble: a folder, or ORG/NAME of one that was pulled; default: the adapter that ships',
    )
    .option('--model <model>', 'the base model, where the adapter does not find it')
    .option('--preset <name>', "the manifest's data set")
    .option('--media-root <folder>', "folder that the manifest's names are relative to")
    .option('--split <name>', 'only these rows of the manifest')
    .option('--prompt <text>', 'text that the clips were generated from')
    .option('--out <file>', 'write the scores to a file (.jsonl or .csv) instead of stdout')
    .option('--resume', 'go on with the file of --out: only clips without a score in it')
    .option('--threads <n>', 'threads of one op', integer)
    .option('--workers <n>', 'processes that decode clips', integer)
    .option('--provider <name>', 'what ONNX Runtime runs the graph on')
    .option('--no-cache', 'neither take vision features from the cache nor keep them')
    .option('--csv', 'write CSV to stdout')
    .addOption(json())
    .action(async (inputs: string[], flags: ScoreFlags) => (await import('./commands/score.ts')).score(inputs, flags));

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
    .addOption(json())
    .action(async (folder: string, members: string[], flags: EnsembleFlags) =>
      (await import('./commands/ensemble.ts')).ensembleCommand(folder, members, flags),
    );

  root
    .command('evaluate')
    .description('Compare scores with opinion scores: SRCC, PLCC, KRCC, RMSE, with intervals.')
    .argument('<scores>', 'scores file of `iovqa score`, or a table with the columns prediction and mos')
    .option('--manifest <file>', 'the opinion scores, by clip name')
    .option('--preset <name>', "the manifest's data set")
    .option('--target <column>', 'column of the opinion score')
    .option('--scale <scale>', 'scale of the opinion scores, such as 0-100')
    .option('--split <name>', 'only these rows of the manifest')
    .option('--by <column>', 'break results down by a column of the manifest or table; can be repeated', collect)
    .option('--resamples <n>', 'resamples of the bootstrap intervals', integer)
    .option('--seed <n>', 'seed of the bootstrap', integer)
    .option('--csv', 'write CSV to stdout')
    .addOption(json())
    .action(async (path: string, flags: EvaluateFlags) =>
      (await import('./commands/evaluate.ts')).evaluateCommand(path, flags),
    );

  const data = root.command('data').description('Look at a data set.');
  data
    .command('check')
    .description('Check a manifest and its clips: rows, scores, splits, near-duplicates, frame timing.')
    .argument('<manifest>', 'manifest (.csv, .jsonl)')
    .option('--preset <name>', 'data set whose label file it is')
    .option('--scale <scale>', 'scale of the opinion scores, such as 0-100')
    .option('--target <column>', 'column of the opinion score')
    .option('--media-root <folder>', 'folder that media names are relative to')
    .option('--no-decode', 'do not open the clips')
    .option('--workers <n>', 'processes that decode clips', integer)
    .addOption(json())
    .action(async (path: string, flags: DataCheckFlags) =>
      (await import('./commands/data-check.ts')).dataCheck(path, flags),
    );

  const inspect = root.command('inspect').description('Look at what the model gets.');
  inspect
    .command('mask')
    .description('Show each token of an example with trained or ignored.')
    .argument('[recipe]', 'recipe file')
    .addOption(set())
    .option(...manifest)
    .option(...model)
    .option('--clip <name>', 'a clip of the manifest; default: the first')
    .addOption(json())
    .action(async (path: string | undefined, flags: InspectMaskFlags) =>
      (await import('./commands/inspect.ts')).inspectMask(path, flags),
    );
  inspect
    .command('frames')
    .description('Write the frames that the model sees as PNG files.')
    .argument('[recipe]', 'recipe file')
    .requiredOption('--to <folder>', 'where the PNG files go')
    .addOption(set())
    .option(...manifest)
    .option(...model)
    .option('--clip <name>', 'a clip of the manifest; can be repeated; default: all', collect)
    .addOption(json())
    .action(async (path: string | undefined, flags: InspectFramesFlags) =>
      (await import('./commands/inspect.ts')).inspectFrames(path, flags),
    );
  inspect
    .command('model')
    .description("Show a model folder's sizes, settings and hash.")
    .argument('<folder>', 'model folder, adapter or run')
    .addOption(json())
    .action(async (folder: string, flags: InspectModelFlags) =>
      (await import('./commands/inspect.ts')).inspectModel(folder, flags),
    );

  const models = root.command('models').description('Models to start from.');
  models
    .command('new')
    .description('Write a randomly initialised Qwen2.5-VL, to train from scratch.')
    .argument('<folder>', 'new folder')
    .option('--preset <name>', 'its size', 'small')
    .option('--seed <n>', 'seed of the weights', integer, 0)
    .addOption(new Option('--dtype <type>', 'element type of the weights').choices(['f32', 'bf16']).default('f32'))
    .addOption(json())
    .action(async (folder: string, flags: ModelsNewFlags) =>
      (await import('./commands/models.ts')).modelsNew(folder, flags),
    );
  models
    .command('pull')
    .description("Get a model or adapter from the Hugging Face hub into the hub's cache.")
    .argument('<name>', 'its name on the hub, such as Qwen/Qwen2.5-VL-3B-Instruct')
    .option('--revision <name>', 'branch, tag or commit; default: main')
    .addOption(json())
    .action(async (name: string, flags: ModelsPullFlags) =>
      (await import('./commands/models.ts')).modelsPull(name, flags),
    );
  models
    .command('list')
    .description("List the models in the hub's cache that can be used here.")
    .addOption(json())
    .action(async (flags: ModelsListFlags) => (await import('./commands/models.ts')).modelsList(flags));

  const cache = root.command('cache').description('The cache of vision features that all runs share.');
  cache
    .command('info')
    .description('Show its folder, what it holds and what it may hold.')
    .addOption(json())
    .action(async (flags: CacheFlags) => (await import('./commands/cache.ts')).showCache(flags));
  cache
    .command('limit')
    .description('Set what it may take on disk; what was used longest ago leaves it.')
    .argument('<size>', 'such as 50GB; 0: nothing is kept')
    .addOption(json())
    .action(async (size: string, flags: CacheFlags) => (await import('./commands/cache.ts')).limitCache(size, flags));
  cache
    .command('clear')
    .description('Empty it.')
    .addOption(json())
    .action(async (flags: CacheFlags) => (await import('./commands/cache.ts')).emptyCache(flags));

  root
    .command('estimate')
    .description('Forecast memory and time of a run; nothing is trained or written.')
    .argument('[recipe]', 'recipe file')
    .addOption(set())
    .option(...manifest)
    .option(...model)
    .addOption(json())
    .action(async (path: string | undefined, flags: EstimateFlags) =>
      (await import('./commands/estimate.ts')).estimateCommand(path, flags),
    );

  root
    .command('export')
    .description('Take a trained adapter elsewhere: merged into its base, or alone as PEFT reads it.')
    .argument('<path>', 'run folder or adapter')
    .requiredOption('--to <folder>', 'new folder')
    .addOption(
      new Option('--format <name>', 'a model of its own, or the adapter').choices(exportFormats).default('merged'),
    )
    .option('--model <folder>', 'the base model, where the adapter does not find it')
    .addOption(
      new Option('--dtype <type>', "element type of merged weights; default: the base's").choices([
        'f32',
        'bf16',
        'f16',
      ]),
    )
    .addOption(json())
    .action(async (path: string, flags: ExportFlags) =>
      (await import('./commands/export.ts')).exportCommand(path, flags),
    );

  root
    .command('doctor')
    .description('Say what this machine has: runtime, providers, decoders, memory.')
    .addOption(json())
    .action(async (flags: DoctorFlags) => (await import('./commands/doctor.ts')).doctor(flags));

  return root;
}

/**
 * Runs the command line.
 * @param args - arguments without node and script
 * @returns the exit status
 */
export async function main(args: readonly string[]): Promise<number> {
  try {
    await program().parseAsync([...args], { from: 'user' });
    return Number(process.exitCode ?? status.done);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? status.done : status.userMistake;
    if (error instanceof UserError) {
      process.stderr.write(`iovqa: ${error.message}\n${error.hint === undefined ? '' : `hint: ${error.hint}\n`}`);
      return status.userMistake;
    }
    process.stderr.write(`iovqa ${version}: this is a bug, please report it with the lines below.\n`);
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    return status.bug;
  }
}

// Whoever reads the output may stop early, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(status.done);
});
process.exitCode = await main(process.argv.slice(2));
