// Which columns of a table of votes hold the clip, the rater and the vote, and whether a row is a vote or a clip.
import { UserError, nearest, show } from '../core/index.ts';
import { parseDecimal } from './number.ts';
import type { TableOptions } from './options.ts';
import type { ColumnRole } from './presets.ts';
import type { Table } from './table.ts';

/** How a table of votes is read. */
export interface VoteTableOptions extends TableOptions {
  /** The column of the rater's name: the table is long, a row a vote. */
  rater?: string;
  /** The columns of the raters, by name or with `*` for any text: the table is wide, a row a clip. */
  raters?: readonly string[];
  /** Text that stands for a vote that was not given, beside an empty cell, `nan`, `NA`, `N/A`, `null`, `none`, `-` and `?`. */
  missing?: string;
}

/** A column that is neither clip, rater nor vote. */
export interface OtherColumn {
  /** Its name in the table of votes. */
  column: string;
  /** Its name in a table of clips: that of its role, where it has one. */
  name: string;
}

interface BaseColumns {
  /** The column of the clip's name. */
  clip: string;
  /** Whether the clips are called videos or pictures. */
  media: 'video' | 'image';
  /** Columns that are neither. */
  others: OtherColumn[];
}

/** The columns of a table of votes. */
export type VoteColumns =
  | (BaseColumns & {
      /** A row is a vote. */
      layout: 'long';
      /** The column of the rater's name. */
      rater: string;
      /** The column of the vote. */
      score: string;
    })
  | (BaseColumns & {
      /** A row is a clip. */
      layout: 'wide';
      /** The columns of votes, one a rater. */
      raters: string[];
    });

/** Names that columns have in the field; compared without case, spaces, `_` and `-`. */
const known = {
  clip: 'clip clipname clipid stimulus stimulusid pvs pvsid filename file name path sample video videoname videoid image imagename imageid img src',
  rater:
    'rater raterid subject subjectid observer observerid participant participantid user userid username worker workerid annotator annotatorid evaluator evaluatorid viewer viewerid assessor judge voter listener pid',
  score: 'score vote rating opinion opinionscore os value answer grade rate response',
} as const;

const sets = Object.fromEntries(Object.entries(known).map(([role, names]) => [role, new Set(names.split(' '))])) as {
  [role in keyof typeof known]: Set<string>;
};

const plain = (name: string): string => name.toLowerCase().replaceAll(/[\s_-]/g, '');

/** Beginnings of the names of numbered raters. */
const raterStems = new Set([...sets.rater, ...'r s p u o v w sub subj obs part ann vote score rating'.split(' '), '']);

/** Columns beside those of raters that sum them up. */
const summaries = new Set(
  'mos mean median std sd sos var variance count n votes numvotes ci cilow cihigh ci95 dmos'.split(' '),
);

/** Roles that a table of votes may give to the table of clips. */
const carried: readonly ColumnRole[] = ['prompt', 'group', 'split'];

/**
 * Finds the columns.
 * @param file - the path to name in errors
 * @param options - what the caller says of them
 * @param isMissing - whether a cell stands for no vote
 * @throws UserError `bad-input` where they cannot be told for certain
 */
export function findVoteColumns(
  file: string,
  table: Table,
  options: VoteTableOptions,
  isMissing: (text: string) => boolean,
): VoteColumns {
  const { columns } = table;
  const fail = (expected: string, hint: string, got?: string): UserError =>
    new UserError('bad-input', `${file}: expected ${expected}, got ${got ?? columns.map((c) => show(c)).join(', ')}`, {
      hint,
    });
  const named = (name: string, what: string, flag: string): string => {
    if (columns.includes(name)) return name;
    const near = nearest(name, columns);
    throw fail(
      `a column ${show(name)} (${flag}) of ${what}`,
      near === undefined ? `${flag} COLUMN names another one` : `did you mean ${show(near)}?`,
    );
  };
  /** The only column of a kind; undefined for none, an error for several. */
  const only = (role: keyof typeof known, flag: string): string | undefined => {
    const found = columns.filter((name) => sets[role].has(plain(name)));
    if (found.length <= 1) return found[0];
    throw fail(
      `one column of the ${role}`,
      `say which with ${flag} COLUMN`,
      found.map((name) => show(name)).join(', '),
    );
  };

  const { video, image, mos } = options.columns ?? {};
  const media = video ?? image;
  const clip =
    media !== undefined
      ? named(media, 'names of clips', video === undefined ? '--image' : '--video')
      : (['video', 'image'].find((name) => columns.includes(name)) ?? only('clip', '--video'));
  if (clip === undefined)
    throw fail('a column with the names of clips', 'say which with --video COLUMN or --image COLUMN');
  const base = {
    clip,
    media: image !== undefined || (video === undefined && /im(age|g)|pic(ture)?|photo/i.test(clip)) ? 'image' : 'video',
  } as const;
  const roleOf = new Map(
    carried.map((role) => [options.columns?.[role] ?? role, role] as const).filter(([name]) => columns.includes(name)),
  );
  const others = (used: readonly string[]): OtherColumn[] =>
    columns
      .filter((name) => !used.includes(name))
      // A column that another one has the role of, and so the name, keeps its own with a mark.
      .map((column) => {
        const isTaken = !roleOf.has(column) && [...roleOf.values()].some((role) => role === column);
        return { column, name: roleOf.get(column) ?? (isTaken ? `${column}_of_table` : column) };
      });

  if (options.rater !== undefined && options.raters !== undefined)
    throw fail('either --rater (a row a vote) or --raters (a column a rater)', 'give one of them', 'both');
  const rest = columns.filter((name) => name !== clip && !roleOf.has(name));
  if (options.raters === undefined) {
    const rater = options.rater === undefined ? only('rater', '--rater') : named(options.rater, 'raters', '--rater');
    const score = mos === undefined ? only('score', '--target') : named(mos, 'votes', '--target');
    if (rater !== undefined) {
      if (score === undefined) throw fail('a column of votes', 'say which with --target COLUMN');
      return { ...base, layout: 'long', rater, score, others: others([clip, rater, score]) };
    }
    if (mos !== undefined || (score !== undefined && rest.length === 1))
      throw fail(
        'a column of raters',
        'say which with --rater COLUMN, or name the columns of a table with one a rater by --raters',
      );
  }
  const raters =
    options.raters === undefined
      ? certainRaters(rest.filter((name) => !summaries.has(plain(name)) && isNumeric(table, name, isMissing)))
      : matching(rest, options.raters);
  if (raters.length === 0)
    throw fail(
      'columns of votes, one a rater, or columns of the rater and the vote',
      'say which: --raters NAMES (a column a rater), or --rater COLUMN --target COLUMN (a row a vote)',
    );
  return { ...base, layout: 'wide', raters, others: others([clip, ...raters]) };

  /** Of columns of numbers those that are raters for certain: numbered ones of one name. */
  function certainRaters(numeric: readonly string[]): string[] {
    const series = new Map<string, string[]>();
    for (const name of numeric) {
      const stem = /^(.*?)[\s_-]*\d+$/.exec(name)?.[1]?.toLowerCase();
      if (stem !== undefined) series.set(stem, [...(series.get(stem) ?? []), name]);
    }
    const certain = [...series].filter(([stem, names]) => {
      const isKnown = raterStems.has(plain(stem)) && (names.length > 1 || plain(stem).length > 1);
      if (!isKnown && !(names.length > 1 && names.length === numeric.length)) return false;
      // Another column whose numbers look like these votes may be a rater's, too.
      const own = new Set(names);
      const [low, high] = rangeOf(table, names);
      return numeric.every((name) => {
        if (own.has(name)) return true;
        const [least, most] = rangeOf(table, [name]);
        return least < low || most > high;
      });
    });
    if (certain.length === 1) return certain[0]![1];
    if (numeric.length === 0) return [];
    throw fail(
      'columns of votes, one a rater, that are numbered (r1, r2, …) or named by --raters',
      `which of the columns of numbers are raters? If all are: --raters ${show(numeric.join(','))}`,
      numeric
        .slice(0, 12)
        .map((name) => show(name))
        .join(', ') + (numeric.length > 12 ? ', …' : ''),
    );
  }

  function matching(names: readonly string[], patterns: readonly string[]): string[] {
    const found = new Set<string>();
    for (const pattern of patterns) {
      const expression = new RegExp(
        `^${pattern
          .split('*')
          .map((part) => part.replaceAll(/[^\w]/g, '\\$&'))
          .join('.*')}$`,
      );
      const hits = names.filter((name) => expression.test(name));
      if (hits.length === 0)
        throw fail(`a column ${show(pattern)} (--raters)`, 'names are separated by commas; * stands for any text');
      for (const name of hits) found.add(name);
    }
    return names.filter((name) => found.has(name));
  }
}

/** Whether a column holds numbers and nothing else, and at least one. */
function isNumeric(table: Table, column: string, isMissing: (text: string) => boolean): boolean {
  let numNumbers = 0;
  for (const { cells } of table.records) {
    const text = cells.get(column) ?? '';
    if (isMissing(text)) continue;
    if (parseDecimal(text) === undefined) return false;
    numNumbers++;
  }
  return numNumbers > 0;
}

/** The least and the greatest number of some columns. */
function rangeOf(table: Table, columns: readonly string[]): readonly [least: number, most: number] {
  let [least, most] = [Infinity, -Infinity];
  for (const { cells } of table.records) {
    for (const column of columns) {
      const value = parseDecimal(cells.get(column) ?? '');
      if (value === undefined) continue;
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
  }
  return [least, most];
}
