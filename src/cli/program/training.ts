// The commands that train, and those that look at what training would do.
import type { Command } from 'commander';
import type { CrossValidateFlags } from '../commands/cross-validate.ts';
import type { EstimateFlags } from '../commands/estimate.ts';
import type { InspectFramesFlags, InspectMaskFlags, InspectModelFlags } from '../commands/inspect.ts';
import type { QuickstartFlags } from '../commands/quickstart.ts';
import type { StudyRunFlags, StudyStatusFlags } from '../commands/study.ts';
import type { TrainFlags } from '../commands/train.ts';
import type { Terminal } from '../terminal.ts';
import {
  collect,
  decoder,
  folds,
  integer,
  json,
  manifest,
  model,
  sandbox,
  set,
  withEngine,
  withMachines,
} from './options.ts';

const runs = ['--out <folder>', 'folder of the runs; default: runs/ and the name of the study'] as const;
const results = [
  '--results <folder>',
  "folder of the results; default: results/ and the name of the study, beside the study's file",
] as const;

/**
 * Adds them.
 * @param root - the program
 * @param terminal - the screen of the command
 */
export function addTraining(root: Command, terminal: Terminal): void {
  root
    .command('quickstart')
    .description(
      'Try every step without data of your own: make clips, train five adapters, combine them, write a report.',
    )
    .option('--out <folder>', 'where everything goes', 'runs/quickstart')
    .option('--model <folder>', 'base model; default: the one that ships')
    .option('--pictures <folder>', 'photographs to make clips from; default: those that ship')
    .option('--seed <n>', 'seed of clips and split', integer)
    .addOption(sandbox())
    .addOption(json())
    .action(async (flags: QuickstartFlags) => {
      const { withNodeAv } = await import('../../video/index.ts');
      const { quickstartCommand } = await withNodeAv(() => import('../commands/quickstart.ts'), 'encode');
      await quickstartCommand(terminal, flags);
    });

  withMachines(
    root
      .command('train')
      .description('Train by a recipe: a YAML file, flags, or both.')
      .argument('[recipe]', 'recipe file')
      .addOption(set())
      .option(...manifest)
      .option(...model)
      .option('--out <folder>', 'same as --set out=FOLDER')
      .option('--resume', 'resume the run in the out folder; the recipe may be left out')
      .option('--dry-run', 'check recipe, data and model, print the recipe, and stop')
      .addOption(decoder())
      .addOption(sandbox())
      .addOption(json()),
  ).action(async (path: string | undefined, flags: TrainFlags) =>
    (await import('../commands/train.ts')).train(terminal, path, flags),
  );

  withMachines(
    root
      .command('cross-validate')
      .description('Train a run for each fold of the table, and evaluate the scores of clips that no run had seen.')
      .argument('[recipe]', 'recipe file')
      .option('--folds <n>', 'number of folds, or groups: each group is a fold (default: 5)', folds)
      .addOption(set())
      .option(...manifest)
      .option(...model)
      .option('--out <folder>', 'same as --set out=FOLDER')
      .option('--resume', 'resume what the out folder holds; the recipe may be left out')
      .addOption(decoder())
      .addOption(sandbox())
      .addOption(json()),
  ).action(async (path: string | undefined, flags: CrossValidateFlags) =>
    (await import('../commands/cross-validate.ts')).crossValidateCommand(terminal, path, flags),
  );

  root
    .command('worker')
    .description('Compute for a run on another machine, with the torch engine, until that run is over.')
    .requiredOption('--master <host:port>', 'address of the first machine')
    .option('--python <path>', 'Python of the torch engine; default: IOVQA_PYTHON, else an active virtual environment')
    .action(async ({ master, python }: { master: string; python?: string }) =>
      (await import('../machines.ts')).workForOther(terminal, master, python),
    );

  const study = root.command('study').description('Run a grid of recipes and seeds, and compare the arms.');
  study
    .command('run', { isDefault: true })
    .description('Do the runs of a study that have no result yet, and show its table.')
    .argument('<file>', "the study's file")
    .option('--jobs <n>', 'runs at a time; default: as many as cores and memory allow', integer)
    .option(...runs)
    .option(...results)
    .option('--dry-run', 'show arms, contrasts, time, memory and the smallest difference that will be found, and stop')
    .option('--markdown', 'print the table as Markdown')
    .addOption(sandbox())
    .addOption(json())
    .action(async (path: string, flags: StudyRunFlags) =>
      (await import('../commands/study.ts')).studyRunCommand(terminal, path, flags),
    );
  study
    .command('status')
    .description('Show the table of a study as far as there are results.')
    .argument('<file>', "the study's file")
    .option(...runs)
    .option(...results)
    .option('--markdown', 'print the table as Markdown')
    .addOption(json())
    .action(async (path: string, flags: StudyStatusFlags) =>
      (await import('../commands/study.ts')).studyStatusCommand(terminal, path, flags),
    );

  withEngine(
    root
      .command('estimate')
      .description(
        'Forecast memory and time of a run, also with a model that is not downloaded. Nothing is trained or written.',
      )
      .argument('[recipe]', 'recipe file')
      .addOption(set())
      .option(...manifest)
      .option(
        '--model <model>',
        'same as --set model=MODEL: a folder, ORG/NAME of the hub, or a size such as qwen2.5-vl-7b',
      )
      .option('--out <folder>', 'same as --set out=FOLDER')
      .option(
        '--memory <size>',
        'memory of the machine that the run is planned for, such as 64GB; default: this machine',
      )
      .option('--threads <n>', 'cores of that machine; default: this machine', integer)
      .option(
        '--device-memory <size>',
        'memory of a device that a run on the torch engine is planned for, such as 80GB',
      )
      .addOption(decoder())
      .addOption(sandbox())
      .addOption(json()),
    { python: false },
  ).action(async (path: string | undefined, flags: EstimateFlags) =>
    (await import('../commands/estimate.ts')).estimateCommand(terminal, path, flags),
  );

  const inspect = root.command('inspect').description('Show what the model sees, and what it learns from.');
  inspect
    .command('mask')
    .description('Show which tokens of an example are trained and which are ignored.')
    .argument('[recipe]', 'recipe file')
    .addOption(set())
    .option(...manifest)
    .option(...model)
    .option('--clip <name>', 'a clip of the manifest; default: the first')
    .addOption(decoder())
    .addOption(sandbox())
    .addOption(json())
    .action(async (path: string | undefined, flags: InspectMaskFlags) =>
      (await import('../commands/inspect.ts')).inspectMaskCommand(terminal, path, flags),
    );
  inspect
    .command('frames')
    .description('Write the frames that the model sees as PNG files.')
    .argument('[recipe]', 'recipe file')
    .requiredOption('--to <folder>', 'folder for the PNG files')
    .addOption(set())
    .option(...manifest)
    .option(...model)
    .option('--clip <name>', 'a clip of the manifest; can be repeated; default: all', collect)
    .addOption(decoder())
    .addOption(sandbox())
    .addOption(json())
    .action(async (path: string | undefined, flags: InspectFramesFlags) =>
      (await import('../commands/inspect.ts')).inspectFramesCommand(terminal, path, flags),
    );
  inspect
    .command('model')
    .description('Show sizes, settings and hash of a model.')
    .argument('<folder>', 'model folder, adapter or run')
    .addOption(json())
    .action(async (folder: string, flags: InspectModelFlags) =>
      (await import('../commands/inspect.ts')).inspectModelCommand(terminal, folder, flags),
    );
}
