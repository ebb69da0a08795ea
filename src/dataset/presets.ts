// Public data sets whose label files can be read as they are published: columns, scale, grouping, and what to know of their frames.
import { UserError, nearest, show } from '../core/index.ts';
import type { TableFormat } from './table.ts';

/** What a column of a manifest is used for. */
export type ColumnRole = 'video' | 'image' | 'mos' | 'prompt' | 'group' | 'split' | 'std';

/** Every {@link ColumnRole}; a manifest's columns of these names are used without a mapping. */
export const columnRoles: readonly ColumnRole[] = ['video', 'image', 'mos', 'prompt', 'group', 'split', 'std'];

/** The file's own name of the column for each role; two roles may share a column. */
export type ColumnMap = { readonly [role in ColumnRole]?: string };

/** How to read the label file of a public data set. */
export interface Preset {
  /** The data set, its size and its terms, as a sentence for help texts. */
  about: string;
  /** The columns. */
  columns: ColumnMap;
  /** Roles of `columns` that some of the data set's files lack. */
  optional?: readonly ColumnRole[];
  /** The MOS scale, in the words of `parseScale`. */
  scale: string;
  /** How the file is written, where its name does not say. */
  format?: TableFormat;
  /** The ending that media names lack in the file, such as `.mp4`. */
  mediaSuffix?: string;
  /** Names of splits for the values of the split column, in lower case. */
  splitValues?: Readonly<Record<string, string>>;
  /** Frames a second to assume for clips that carry no timing. */
  assumedFps?: number;
}

const presetTable: Readonly<Record<string, Preset>> = {
  'taobaovd-gc': {
    about:
      'TaobaoVD-GC (VQualA 2025), train_labels.csv: 4,000 generated videos, 800 prompts by 5 generators; five scores, Overall_MOS is used.',
    columns: { video: 'video_name', mos: 'Overall_MOS', prompt: 'Prompt', group: 'Prompt' },
    scale: '1-5',
  },
  'konvid-1k': {
    about: 'KoNViD-1k, KoNViD_1k_mos.csv: 1,200 natural videos of 8 s; set the media root to KoNViD_1k_videos.',
    columns: { video: 'flickr_id', mos: 'mos' },
    scale: '1-5',
    mediaSuffix: '.mp4',
  },
  lsvq: {
    about:
      'LSVQ, labels_train_test.csv or labels_test_1080p.csv: 39,000 social-media videos; the test part is what is_test marks.',
    columns: { video: 'name', mos: 'mos', split: 'is_test' },
    optional: ['split'],
    scale: '0-100',
    mediaSuffix: '.mp4',
    splitValues: { true: 'test', '1': 'test', false: 'train', '0': 'train' },
  },
  't2vqa-db': {
    about:
      'T2VQA-DB, info.txt (name|prompt|MOS, no header): 10,000 videos of 1,000 prompts, from 9 generators; scores taken to be 0–100.',
    columns: { video: 'name', mos: 'mos', prompt: 'prompt', group: 'prompt' },
    scale: '0-100',
    format: { kind: 'csv', delimiter: '|', quoted: false, header: ['name', 'prompt', 'mos'] },
    mediaSuffix: '.mp4',
  },
  fetv: {
    about:
      'FETV, GIF clips with prompt and generator; two scores, static_mos is used (map mos to temporal_mos for the other).',
    columns: { video: 'video', mos: 'static_mos', prompt: 'prompt', group: 'prompt' },
    scale: '1-5',
    assumedFps: 10, // most of the GIFs carry no frame delays
  },
  biq2021: {
    about: 'BIQ2021: photographs of 512×512 with authentic distortions, with a fixed split.',
    columns: { image: 'image', mos: 'mos01', split: 'split' },
    scale: '0-1',
  },
};

/** The names of all presets. */
export const presetNames: readonly string[] = Object.keys(presetTable);

/**
 * Looks a preset up.
 * @param name - one of {@link presetNames}
 * @returns the preset
 * @throws UserError `bad-recipe` for any other name
 */
export function findPreset(name: string): Preset {
  const preset = Object.hasOwn(presetTable, name) ? presetTable[name] : undefined;
  if (preset) return preset;
  const near = nearest(name, presetNames);
  throw new UserError(
    'bad-recipe',
    `preset: expected ${presetNames.join(', ')}, got ${show(name)}`,
    near === undefined ? {} : { hint: `did you mean ${near}?` },
  );
}

/**
 * The preset whose media and score columns a file has.
 * @param columns - the file's columns
 * @returns its name, or undefined
 */
export function presetOfColumns(columns: readonly string[]): string | undefined {
  return presetNames.find((name) => {
    const { video, image, mos } = presetTable[name]!.columns;
    // A preset with the standard names would fit any manifest.
    const own = [video ?? image!, mos!].filter((column) => !columnRoles.some((role) => role === column));
    return own.length > 0 && [video ?? image!, mos!].every((column) => columns.includes(column));
  });
}
