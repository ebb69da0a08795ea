// The table of commands as the words that a shell completes.
import type { Command, Option } from 'commander';

/** What may stand where a value belongs: one of some words, the name of a file or folder, or anything. */
export type Value = readonly string[] | 'files' | 'anything';

/** A flag. */
export interface FlagWords {
  /** With its two dashes. */
  name: string;
  /** Its meaning. */
  about: string;
  /** Its value; null for a flag without one. */
  value: Value | null;
}

/** What may stand behind a command. */
export interface CommandWords {
  /** The words that lead to it, behind `iovqa`; none for the program itself. */
  path: readonly string[];
  /** Commands below it. */
  commands: readonly { name: string; about: string }[];
  /** Its flags. */
  flags: readonly FlagWords[];
  /** Its arguments; null where it takes none. */
  argument: Value | null;
}

/** Values of a flag that commander does not know, such as the keys of a recipe; undefined for none. */
export type KnownValues = (path: readonly string[], flag: string) => readonly string[] | undefined;

/** Values that are names of files and folders, by what help calls them. */
const fileNames = new Set(['file', 'folder', 'path', 'model', 'inputs', 'recipe', 'members', 'scores', 'manifest']);

/**
 * Reads the words off a program, itself first.
 * @param program - the table of commands
 * @param known - values that it does not know
 */
export function completionWords(program: Command, known: KnownValues = () => undefined): CommandWords[] {
  const walk = (command: Command, path: readonly string[]): CommandWords[] => {
    const help = command.createHelp();
    const below = help.visibleCommands(command).filter((child) => child.name() !== 'help');
    const value = (option: Option): Value | null => {
      if (!option.required && !option.optional) return null;
      const called = /[<[]([\w-]+)/.exec(option.flags)?.[1] ?? '';
      return known(path, option.long!) ?? option.argChoices ?? (fileNames.has(called) ? 'files' : 'anything');
    };
    const [argument] = command.registeredArguments;
    const words: CommandWords = {
      path,
      commands: below.map((child) => ({ name: child.name(), about: child.description() })),
      flags: help
        .visibleOptions(command)
        .map((option) => ({ name: option.long!, about: option.description, value: value(option) })),
      argument:
        argument === undefined
          ? null
          : (argument.argChoices ?? (fileNames.has(argument.name()) ? 'files' : 'anything')),
    };
    return [words, ...below.flatMap((child) => walk(child, [...path, child.name()]))];
  };
  return walk(program, []);
}

/** A text in single quotes of bash and zsh. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
