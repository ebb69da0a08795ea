// The table of commands, by group. Each command's code is loaded when it is called.
import { Command } from 'commander';
import { commandLine, packageVersion as version } from '../../core/index.ts';
import type { DecoderName, SandboxMode } from '../../video/index.ts';
import { addTableOptions } from '../table-options.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from './examples.ts';
import { addData } from './data.ts';
import { addModels } from './models.ts';
import { addScoring } from './scoring.ts';
import { addTraining } from './training.ts';

/**
 * Builds the commands.
 * @param terminal - the screen of the command that is called
 */
export function buildProgram(terminal: Terminal): Command {
  const root = new Command('iovqa')
    .description('Train a vision-language model to rate video quality, and score clips with it.')
    .version(version)
    .showHelpAfterError(`(${commandLine('COMMAND --help')} shows how it is used)`)
    .configureHelp({ showGlobalOptions: false })
    .configureOutput({ writeOut: (text) => void terminal.out(text), writeErr: (text) => terminal.tell(text.trimEnd()) })
    .exitOverride();
  root.hook('preAction', async (_, command) => {
    if (!command.options.some(({ long }) => long === '--sandbox')) return;
    const { sandbox, decoder } = command.opts<{ sandbox?: SandboxMode; decoder?: DecoderName }>();
    await (await import('../sandbox.ts')).applySandbox(terminal, sandbox);
    // Once, and not for each clip.
    if (decoder === 'ffmpeg') await (await import('../../video/index.ts')).systemFfmpeg();
  });
  for (const add of [addTraining, addScoring, addData, addModels]) add(root, terminal);
  addTableOptions(root);
  addExamples(root);
  return root;
}
