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
  /** Columns by which the file is known, so that the preset can be suggested; none where its columns have no names, or common ones. */
  marks?: readonly string[];
}

const presetTable: Readonly<Record<string, Preset>> = {
  'taobaovd-gc': {
    about:
      'TaobaoVD-GC (VQualA 2025), train_labels.csv: 4,000 generated videos, 800 prompts by 5 generators; five scores, Overall_MOS is used.',
    columns: { video: 'video_name', mos: 'Overall_MOS', prompt: 'Prompt', group: 'Prompt' },
    scale: '1-5',
    marks: ['video_name', 'Overall_MOS'],
  },
  'konvid-1k': {
    about: 'KoNViD-1k, KoNViD_1k_mos.csv: 1,200 natural videos of 8 s; set the media root to KoNViD_1k_videos.',
    columns: { video: 'flickr_id', mos: 'mos' },
    scale: '1-5',
    mediaSuffix: '.mp4',
    marks: ['flickr_id', 'mos'],
  },
  lsvq: {
    about:
      'LSVQ, labels_train_test.csv or labels_test_1080p.csv: 39,000 social-media videos; the test part is what is_test marks.',
    columns: { video: 'name', mos: 'mos', split: 'is_test' },
    optional: ['split'],
    scale: '0-100',
    mediaSuffix: '.mp4',
    splitValues: { true: 'test', '1': 'test', false: 'train', '0': 'train' },
    marks: ['name', 'mos', 'is_test'],
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
    marks: ['video', 'static_mos'],
  },
  biq2021: {
    about: 'BIQ2021: photographs of 512×512 with authentic distortions, with a fixed split.',
    columns: { image: 'image', mos: 'mos01', split: 'split' },
    scale: '0-1',
    marks: ['image', 'mos01'],
  },
  // Columns as in the header of the data set's own file (mmsp-kn); SD is in votes of 1–5, as MOS is here.
  'koniq-10k': {
    about:
      'KonIQ-10k, koniq10k_scores_and_distributions.csv: 10,073 photographs with authentic distortions; MOS of 1–5 is used, not MOS_zscore.',
    columns: { image: 'image_name', mos: 'MOS', std: 'SD' },
    scale: '1-5',
    marks: ['image_name', 'MOS', 'SD', 'MOS_zscore'],
  },
  // As in subpic/koniq, metadata/koniq10k_distributions_sets.csv: MOS of 0–100, but SD still in votes of 1–5, so it is not used.
  'koniq-10k-sets': {
    about:
      'KonIQ-10k, koniq10k_distributions_sets.csv: the same photographs with MOS of 0–100 and the official training, validation and test sets.',
    columns: { image: 'image_name', mos: 'MOS', split: 'set' },
    scale: '0-100',
    marks: ['image_name', 'MOS', 'SD', 'set'],
  },
  // Header of the data set's dmos.csv: dist_img,ref_img,dmos,var. In spite of its name 5 is the best (an imperceptible difference).
  'kadid-10k': {
    about:
      'KADID-10k, dmos.csv: 10,125 pictures made of 81 by 25 distortions; set the media root to images. dmos is 1–5 with 5 the best.',
    columns: { image: 'dist_img', mos: 'dmos', group: 'ref_img' },
    scale: '1-5',
    marks: ['dist_img', 'ref_img', 'dmos'],
  },
  // As in lcysyzxdxc/AGIQA-3k-Database, data.csv; quality runs from 0 to 5.
  'agiqa-3k': {
    about:
      'AGIQA-3K, data.csv: 2,982 generated pictures of 6 models, with prompts; mos_quality is used (map mos to mos_align for alignment).',
    columns: { image: 'name', mos: 'mos_quality', std: 'std_quality', prompt: 'prompt', group: 'prompt' },
    scale: '0-5',
    marks: ['name', 'mos_quality', 'mos_align'],
  },
  // The data set comes with data.mat; the table in use is vztu/VIDEVAL's features/LIVE_VQC_metadata.csv.
  'live-vqc': {
    about: "LIVE-VQC, VIDEVAL's LIVE_VQC_metadata.csv: 585 phone videos; set the media root to Video.",
    columns: { video: 'File', mos: 'MOS' },
    scale: '0-100',
    marks: ['File', 'MOS', 'pixfmt', 'nb_frames'],
  },
  // Columns as shreshthsaini/Beyond8Bits describes data/Beyond8Bits_publish.csv. sos is the standard error of mos, no deviation of votes;
  // sources have no column of their own, so only the official split keeps them together.
  beyond8bits: {
    about:
      'Beyond8Bits, Beyond8Bits_publish.csv: 41,419 HDR videos of 5,917 sources; keep to its split, since no column names the source.',
    columns: { video: 'video_id', mos: 'mos', split: 'split' },
    scale: '0-100',
    mediaSuffix: '.mp4',
    marks: ['video_id', 'mos', 'sos', 'split'],
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
 * The preset whose file has these columns.
 * @param columns - a file's columns
 * @returns its name, or undefined; of several the one with the most columns of its own
 */
export function presetOfColumns(columns: readonly string[]): string | undefined {
  const marksOf = (name: string): readonly string[] => presetTable[name]!.marks ?? [];
  const fits = presetNames.filter((name) => {
    const marks = marksOf(name);
    return marks.length > 0 && marks.every((mark) => columns.includes(mark));
  });
  return fits.sort((a, b) => marksOf(b).length - marksOf(a).length)[0];
}
