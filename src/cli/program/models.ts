// The commands about models, what is kept of them, and the machine.
import type { Command } from 'commander';
import { Argument, Option } from 'commander';
import type { ExportFormat } from '../../score/index.ts';
import type { CacheFlags } from '../commands/cache.ts';
import type { Shell } from '../commands/completion.ts';
import type { DoctorFlags } from '../commands/doctor.ts';
import type { ExportFlags } from '../commands/export.ts';
import type { ModelsListFlags, ModelsNewFlags, ModelsPullFlags } from '../commands/models.ts';
import type { Terminal } from '../terminal.ts';
import { integer, json, python, sandbox } from './options.ts';

const exportFormats: readonly ExportFormat[] = ['merged', 'adapter'];

/**
 * Adds them.
 * @param root - the program
 * @param terminal - the screen of the command
 */
export function addModels(root: Command, terminal: Terminal): void {
  const models = root.command('models').description('Download, create and list models.');
  models
    .command('new')
    .description('Create a Qwen2.5-VL with random weights, to train from scratch.')
    .argument('<folder>', 'new folder')
    .option('--preset <name>', 'name of its size', 'small')
    .option('--seed <n>', 'seed of the weights', integer, 0)
    .addOption(new Option('--dtype <type>', 'element type of the weights').choices(['f32', 'bf16']).default('f32'))
    .addOption(json())
    .action(async (folder: string, flags: ModelsNewFlags) =>
      (await import('../commands/models.ts')).modelsNew(terminal, folder, flags),
    );
  models
    .command('pull')
    .description('Download a model or adapter from the Hugging Face hub.')
    .argument('<name>', 'its name on the hub, such as Qwen/Qwen2.5-VL-3B-Instruct')
    .option('--revision <name>', 'branch, tag or commit; default: main')
    .option('--config-only', 'leave the weights out; enough for `estimate`')
    .addOption(json())
    .action(async (name: string, flags: ModelsPullFlags) =>
      (await import('../commands/models.ts')).modelsPull(terminal, name, flags),
    );
  models
    .command('list')
    .description('List the downloaded models and adapters.')
    .addOption(json())
    .action(async (flags: ModelsListFlags) => (await import('../commands/models.ts')).modelsList(terminal, flags));

  root
    .command('export')
    .description('Export a trained adapter: merged into its base model, or alone in the format of PEFT.')
    .argument('<path>', 'run folder or adapter')
    .requiredOption('--to <folder>', 'new folder')
    .addOption(
      new Option('--format <name>', 'what to write: a whole model, or the adapter alone')
        .choices(exportFormats)
        .default('merged'),
    )
    .option('--model <folder>', 'base model; default: the one that the adapter names')
    .addOption(
      new Option('--dtype <type>', 'type of merged weights; default: that of the base model').choices([
        'f32',
        'bf16',
        'f16',
      ]),
    )
    .addOption(sandbox())
    .addOption(json())
    .action(async (path: string, flags: ExportFlags) =>
      (await import('../commands/export.ts')).exportCommand(terminal, path, flags),
    );

  const cache = root.command('cache').description('Manage the cache that all runs share.');
  cache
    .command('info')
    .description('Show its folder, content and limit.')
    .addOption(json())
    .action(async (flags: CacheFlags) => (await import('../commands/cache.ts')).showCache(terminal, flags));
  cache
    .command('limit')
    .description('Set its limit on disk; beyond it, the least recently used entries are removed.')
    .argument('<size>', 'such as 50GB; 0 keeps nothing')
    .addOption(json())
    .action(async (size: string, flags: CacheFlags) =>
      (await import('../commands/cache.ts')).limitCache(terminal, size, flags),
    );
  cache
    .command('clear')
    .description('Empty it.')
    .addOption(json())
    .action(async (flags: CacheFlags) => (await import('../commands/cache.ts')).emptyCache(terminal, flags));

  root
    .command('doctor')
    .description('Show what this machine has: decoder, sandbox, memory, providers, and Python for the torch engine.')
    .addOption(python())
    .addOption(json())
    .action(async (flags: DoctorFlags) => (await import('../commands/doctor.ts')).doctorCommand(terminal, flags));

  root
    .command('completion')
    .description('Print a script for the shell that completes commands, options and recipe keys.')
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish'] satisfies Shell[]))
    .action(async (shell: Shell) =>
      (await import('../commands/completion.ts')).completionCommand(terminal, shell, root),
    );
}
