// One record of a manifest to one row, with every problem that its cells have.
import { show } from '../core/index.ts';
import { parseDecimal } from './number.ts';
import type { ColumnMap, ColumnRole, Preset } from './presets.ts';
import type { Problem, ProblemKind } from './problem.ts';
import type { MosScale } from './scale.ts';
import { scaleName } from './scale.ts';
import type { TableRecord } from './table.ts';

/** One clip of a manifest. */
export interface ClipRow {
  /** The media name as the manifest writes it (with a preset's ending added); unique within the manifest. */
  id: string;
  /** The absolute path of the media file. */
  path: string;
  /** Whether the file is a video or a still picture. */
  kind: 'video' | 'image';
  /** The mean opinion score on the manifest's own scale; null where a manifest without scores is allowed and has none here. */
  mos: number | null;
  /** The text that the clip was generated from. */
  prompt?: string;
  /** What ties clips together (source video, prompt): a split never tears a group apart. A clip without one is a group of its own. */
  group?: string;
  /** The part of the data set that the manifest puts the clip in, such as `train`. */
  split?: string;
  /** Standard deviation of the votes behind `mos`, on the manifest's own scale; at least 0. */
  std?: number;
  /** The text of every column that is not named as the role it plays: further scores, generator, codec, mapped columns. */
  extra: Record<string, string>;
  /** The physical line (from 1) on which the row starts. */
  line: number;
}

/** What a reader wants of the rows. */
export interface RowNeeds {
  /**
   * What is asked of scores, their deviation and the split: that every row has a score; that those that are there are right; nothing.
   */
  labels: 'required' | 'optional' | 'ignored';
}

/** What {@link readRow} needs to know of the manifest. */
export interface RowContext {
  /** The manifest, as the user wrote its path. */
  file: string;
  /** The file's column for each role. */
  roles: ColumnMap;
  /** The scale of the scores. */
  scale: MosScale;
  /** Whether every row needs a score, or scores that are there must be right, or labels are not looked at. */
  labels: 'required' | 'optional' | 'ignored';
  /** The preset in use. */
  preset?: Preset | undefined;
  /** Makes a media name an absolute path. */
  resolvePath: (name: string) => string;
}

/** A row as far as its cells allow. */
export interface ParsedRow {
  /** The row; incomplete where there are problems. */
  row: ClipRow;
  /** What is wrong with it. */
  problems: Problem[];
}

/**
 * Reads one record.
 * @param record - its cells
 * @param context - the manifest it comes from
 * @returns the row and its problems
 */
export function readRow(record: TableRecord, context: RowContext): ParsedRow {
  const { roles, preset, scale, labels } = context;
  const problems: Problem[] = [];
  const fail = (kind: ProblemKind, column: string, value: string, expected: string, hint?: string): void => {
    const got = value === '' ? 'nothing' : show(value);
    const problem: Problem = {
      kind,
      scope: 'row',
      file: context.file,
      line: record.line,
      column,
      value,
      expected,
      got,
    };
    problems.push(hint === undefined ? problem : { ...problem, hint });
  };
  const cell = (role: ColumnRole): string => record.cells.get(roles[role] ?? '') ?? '';
  const optional = (role: ColumnRole): string | undefined =>
    roles[role] === undefined ? undefined : cell(role) || undefined;
  const number = (role: ColumnRole, expected: string): number | undefined => {
    const text = cell(role);
    const value = parseDecimal(text, scale);
    if (value !== undefined) return value;
    const hint = /^\s*\d+,\d+\s*$/.test(text) ? 'write decimals with a point, thousands without a comma' : undefined;
    fail(text === '' ? 'empty' : 'not-a-number', roles[role]!, text, expected, hint);
    return undefined;
  };

  for (const [role, column] of Object.entries(roles)) {
    const isUsed = labels !== 'ignored' || ['video', 'image', 'prompt'].includes(role);
    if (isUsed && record.nested?.has(column) === true)
      fail('bad-value', column, record.cells.get(column)!, 'text or a number');
  }
  if (problems.length > 0) {
    return { row: { id: '', path: '', kind: 'video', mos: null, extra: {}, line: record.line }, problems };
  }
  const row: ClipRow = { ...readMedia(), mos: null, extra: {}, line: record.line };
  if (roles.mos !== undefined && labels !== 'ignored' && (labels === 'required' || cell('mos') !== '')) {
    const range = `a number from ${scale.min} to ${scale.max}`;
    const mos = number('mos', range);
    if (mos !== undefined) row.mos = mos;
    if (mos !== undefined && (mos < scale.min || mos > scale.max)) {
      fail('out-of-scale', roles.mos, cell('mos'), `${range} (scale ${scaleName(scale)})`);
    }
  }
  if (labels !== 'ignored' && optional('std') !== undefined) {
    const std = number('std', 'a number of at least 0');
    if (std !== undefined && std < 0) fail('bad-value', roles.std!, cell('std'), 'a number of at least 0');
    else if (std !== undefined) row.std = std;
  }
  const prompt = optional('prompt');
  if (prompt !== undefined) row.prompt = prompt;
  const group = optional('group');
  if (group !== undefined) row.group = group;
  const split = optional('split');
  if (split !== undefined) row.split = splitName(split);

  const used = new Set(Object.entries(roles).flatMap(([role, column]) => (role === column ? [column] : [])));
  row.extra = Object.fromEntries([...record.cells].filter(([column]) => !used.has(column)));
  return { row, problems };

  function readMedia(): Pick<ClipRow, 'id' | 'path' | 'kind'> {
    const video = optional('video');
    const image = optional('image');
    const column = roles.video ?? roles.image!;
    const kind = video === undefined && (image !== undefined || roles.video === undefined) ? 'image' : 'video';
    const name = video ?? image ?? '';
    if (video !== undefined && image !== undefined) {
      fail('bad-value', roles.image!, image, `nothing, since the row has a video (${show(video)})`);
    } else if (name === '') {
      const either =
        roles.video !== undefined && roles.image !== undefined
          ? ` in ${show(roles.video)} or ${show(roles.image)}`
          : '';
      fail('empty', column, '', `the name of a media file${either}`);
    }
    const suffix = preset?.mediaSuffix ?? '';
    const id = name === '' || name.toLowerCase().endsWith(suffix) ? name : `${name}${suffix}`;
    return { id, path: context.resolvePath(id), kind };
  }

  function splitName(split: string): string {
    const names = preset?.splitValues;
    if (!names) return split;
    const key = split.toLowerCase();
    if (Object.hasOwn(names, key)) return names[key]!;
    if (labels !== 'ignored') fail('bad-value', roles.split!, split, Object.keys(names).join(' or '));
    return split;
  }
}
