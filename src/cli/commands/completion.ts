// `iovqa completion`: a script that lets a shell complete commands, flags and the keys of a recipe.
import type { Command } from 'commander';
import { commonScales, presetNames } from '../../dataset/index.ts';
import { providers } from '../../engine/index.ts';
import { randomSizes } from '../../model/index.ts';
import { recipeKeyNames } from '../../train/index.ts';
import { bashCompletion } from '../completion/bash.ts';
import { fishCompletion } from '../completion/fish.ts';
import type { CommandWords } from '../completion/words.ts';
import { completionWords } from '../completion/words.ts';
import { zshCompletion } from '../completion/zsh.ts';
import type { Terminal } from '../terminal.ts';

/** Shells that are known. */
export type Shell = 'bash' | 'zsh' | 'fish';

const writers: Readonly<Record<Shell, (table: readonly CommandWords[]) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/**
 * Runs `iovqa completion`.
 * @param shell - which shell
 * @param program - the table of commands
 */
export function completionCommand(terminal: Terminal, shell: Shell, program: Command): void {
  const values: Readonly<Record<string, readonly string[]>> = {
    '--set': recipeKeyNames().map((key) => `${key}=`),
    '--preset': presetNames,
    '--scale': commonScales,
    '--provider': providers,
  };
  const known = (path: readonly string[], flag: string): readonly string[] | undefined =>
    path.join(' ') === 'models new' && flag === '--preset' ? Object.keys(randomSizes()) : values[flag];
  terminal.out(writers[shell](completionWords(program, known)));
}
