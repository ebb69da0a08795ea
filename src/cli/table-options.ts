// The flags that say how a table of clips is read: the same ones, with one meaning, in every command that reads one.
import type { Command } from 'commander';
import { Option } from 'commander';
import { UserError, show } from '../core/index.ts';
import type { TableOptions } from '../dataset/index.ts';

/** Flags of every command that reads a table. */
export interface TableFlags {
  /** Column of the video's name. */
  video?: string;
  /** Column of the picture's name. */
  image?: string;
  /** Column of the score. */
  target?: string;
  /** The same as `target`. */
  mos?: string;
  /** Column of the prompt. */
  promptColumn?: string;
  /** Column of the group. */
  groupColumn?: string;
  /** Column of the split. */
  splitColumn?: string;
  /** Column of the votes' standard deviation. */
  stdColumn?: string;
  /** Scale of the scores. */
  scale?: string;
  /** Data set whose label file it is. */
  preset?: string;
  /** Folder that media names are relative to. */
  mediaRoot?: string;
  /** What separates fields. */
  delimiter?: string;
  /** False: the first line is a clip like any other. */
  header?: boolean;
}

const descriptions: readonly (readonly [flags: string, description: string])[] = [
  ['--video <column>', 'column of the file name of a video; default: video'],
  ['--image <column>', 'column of the file name of a picture; default: image'],
  ['--target <column>', 'column of the score; default: mos'],
  ['--mos <column>', 'same as --target'],
  ['--prompt-column <column>', 'column of the text that a clip was generated from; default: prompt'],
  ['--group-column <column>', 'column of what ties clips together; default: group'],
  ['--split-column <column>', 'column of the part that a clip is in; default: split'],
  ['--std-column <column>', "column of the votes' standard deviation; default: std"],
  ['--scale <scale>', 'scale of the scores, such as 0-100, or dmos-0-100 if higher is worse; default: 1-5'],
  ['--preset <name>', 'public data set that the table belongs to; sets columns and scale'],
  ['--media-root <folder>', 'folder that file names are relative to; default: the folder of the table'],
  ['--delimiter <name>', 'comma, semicolon, tab, pipe or one character; default: detected'],
  ['--no-header', 'the first line is a clip, not a header; columns are called 1, 2 and so on'],
];

const heading = 'How the table is read (or stored in TABLE.yaml beside it):';

/** Commands that read a table. */
const readers = [
  'train',
  'cross-validate',
  'score',
  'evaluate',
  'compare',
  'ensemble',
  'estimate',
  'data check',
  'data votes',
  'inspect mask',
  'inspect frames',
];

/**
 * Adds the flags to every command that reads a table, below its own.
 * @param root - the program, with its commands
 */
export function addTableOptions(root: Command): void {
  for (const path of readers) {
    const command = path.split(' ').reduce((at, name) => at.commands.find((child) => child.name() === name)!, root);
    for (const [flags, description] of descriptions) {
      command.addOption(new Option(flags, description).helpGroup(heading));
    }
  }
}

/**
 * What flags say of a table.
 * @throws UserError `bad-input` for two names of one column
 */
export function tableOptionsOf(flags: TableFlags): TableOptions {
  const { video, image, target, mos, scale, preset, mediaRoot, delimiter } = flags;
  if (target !== undefined && mos !== undefined && target !== mos) {
    throw new UserError(
      'bad-input',
      `--mos: expected the same column as --target (${show(target)}), got ${show(mos)}`,
      {
        hint: '--mos and --target are one option; give one of them.',
      },
    );
  }
  const columns = given({
    video,
    image,
    mos: target ?? mos,
    prompt: flags.promptColumn,
    group: flags.groupColumn,
    split: flags.splitColumn,
    std: flags.stdColumn,
  });
  return {
    ...given({ scale, preset, mediaRoot, delimiter }),
    ...(flags.header === false ? { header: false } : {}),
    ...(Object.keys(columns).length === 0 ? {} : { columns }),
  };
}

/** The same as words of a command line, for a command that is suggested. */
export function tableArguments(flags: TableFlags): string[] {
  const { columns = {}, scale, preset, mediaRoot, delimiter, header } = tableOptionsOf(flags);
  const { video, image, mos, prompt, group, split, std } = columns;
  const values = given({
    '--video': video,
    '--image': image,
    '--target': mos,
    '--prompt-column': prompt,
    '--group-column': group,
    '--split-column': split,
    '--std-column': std,
    '--scale': typeof scale === 'string' ? scale : undefined,
    '--preset': preset,
    '--media-root': mediaRoot,
    '--delimiter': delimiter,
  });
  return [...Object.entries(values).flat(), ...(header === false ? ['--no-header'] : [])];
}

/**
 * The same as settings of a recipe.
 * @returns `KEY=VALUE` each
 */
export function tableSets(flags: TableFlags): string[] {
  const { columns = {}, ...rest } = tableOptionsOf(flags);
  const { mos, ...others } = columns;
  const values = {
    ...Object.fromEntries(Object.entries(others).map(([role, name]) => [`columns.${role}`, name])),
    ...given({ target: mos }),
    ...rest,
  };
  return Object.entries(values).map(([key, value]) => `data.${key}=${JSON.stringify(value)}`);
}

function given<T>(values: Readonly<Record<string, T | undefined>>): Record<string, T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Record<string, T>;
}
