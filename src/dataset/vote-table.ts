// Tables of raw votes: long (a row a vote) or wide (a row a clip, a column a rater), to lists of votes.
import { UserError, show } from '../core/index.ts';
import type { Votes } from '../metrics/index.ts';
import { parseDecimal } from './number.ts';
import type { Problem, ProblemKind } from './problem.ts';
import { problemsError } from './problem.ts';
import { noRows } from './read-rows.ts';
import type { MosScale } from './scale.ts';
import { commonScales, parseScale, scaleName } from './scale.ts';
import type { Table, TableRecord } from './table.ts';
import { readTableFile } from './table-file.ts';
import type { VoteColumns, VoteTableOptions } from './vote-columns.ts';
import { findVoteColumns } from './vote-columns.ts';

/** Votes as a table has them. */
export interface VoteTable {
  /** The table, as the user wrote its path. */
  file: string;
  /** The file beside the table that was read, where there is one. */
  sidecar?: string;
  /** Which columns were taken for what. */
  columns: VoteColumns;
  /** The scale of the votes. */
  scale: MosScale;
  /** The folder that names of clips are relative to; undefined for the table's own. */
  mediaRoot?: string;
  /** The votes; each clip and rater has at least one. */
  votes: Votes;
  /** Further columns that have one value a clip, by their names in a table of clips. */
  kept: string[];
  /** For each clip its values in the columns of `kept`. */
  values: string[][];
  /** Further columns whose value differs between the votes on one clip. */
  dropped: string[];
  /** Votes that the table says were not given. */
  numMissing: number;
  /** Clips of the table without any vote. */
  without: string[];
}

/** Names of columns that a table of clips gets from the votes. */
const made = new Set(['video', 'image', 'mos', 'std', 'votes', 'ci_low', 'ci_high']);

/** Cells, in lower case, that stand for a vote that was not given. */
const noVote = new Set(['', 'nan', 'na', 'n/a', 'null', 'none', '-', '–', '?']);

/**
 * Reads a table of votes that must have no problem.
 * @param path - a CSV or JSONL file
 * @param given - columns, scale, what stands for no vote
 * @returns the votes
 * @throws UserError `bad-input` that lists what is wrong; `bad-recipe` for a wrong option
 */
export async function readVoteTable(path: string, given: VoteTableOptions = {}): Promise<VoteTable> {
  const { options, sidecar, preset, ...table } = await readTableFile(path, given);
  const scale = parseScale(options.scale ?? preset?.scale ?? '1-5');
  if (table.problems.length > 0) throw problemsError(path, table.problems);
  if (table.records.length === 0)
    throw problemsError(path, [noRows(path, table.columns.length === 0 ? 'an empty file' : 'a header only')]);
  const isMissing = (text: string): boolean => noVote.has(text.trim().toLowerCase()) || text.trim() === given.missing;
  const columns = findVoteColumns(path, table, { ...given, ...options }, isMissing);
  const collector = collect(path, table, columns, scale, isMissing);
  return {
    file: path,
    ...(sidecar === undefined ? {} : { sidecar }),
    ...(options.mediaRoot === undefined ? {} : { mediaRoot: options.mediaRoot }),
    columns,
    scale,
    ...collector,
  };
}

type Collected = Pick<VoteTable, 'votes' | 'kept' | 'values' | 'dropped' | 'numMissing' | 'without'>;

/** Goes through the rows once. */
function collect(
  file: string,
  table: Table,
  columns: VoteColumns,
  scale: MosScale,
  isMissing: (text: string) => boolean,
): Collected {
  const problems: Problem[] = [];
  const clips = new Names();
  const raters = new Names();
  const clipOf: number[] = [];
  const raterOf: number[] = [];
  const scores: number[] = [];
  const others = columns.others.filter(({ name }) => !made.has(name));
  const values: string[][] = [];
  const isVarying = others.map(() => false);
  let numMissing = 0;
  const fail = (kind: ProblemKind, line: number, column: string, value: string, expected: string): void => {
    const got = value === '' ? 'nothing' : show(value);
    problems.push({ kind, scope: 'row', file, line, column, value, expected, got });
  };
  const range = `a vote from ${scale.min} to ${scale.max} (scale ${scaleName(scale)})`;
  const add = (record: TableRecord, clip: number, rater: string, column: string): void => {
    const text = record.cells.get(column) ?? '';
    if (isMissing(text)) {
      numMissing++;
      return;
    }
    const score = parseDecimal(text, scale);
    if (score === undefined) return fail('not-a-number', record.line, column, text, range);
    if (score < scale.min || score > scale.max) return fail('out-of-scale', record.line, column, text, range);
    clipOf.push(clip);
    raterOf.push(raters.placeOf(rater));
    scores.push(score);
  };
  for (const record of table.records) {
    const name = (record.cells.get(columns.clip) ?? '').trim();
    if (name === '') {
      fail('empty', record.line, columns.clip, '', 'the name of a clip');
      continue;
    }
    const clip = clips.placeOf(name);
    const cells = others.map(({ column }) => record.cells.get(column) ?? '');
    const first = (values[clip] ??= cells);
    for (const [c, cell] of cells.entries()) if (cell !== first[c]) isVarying[c] = true;
    if (columns.layout === 'wide') for (const column of columns.raters) add(record, clip, column, column);
    else {
      const rater = (record.cells.get(columns.rater) ?? '').trim();
      if (rater === '') fail('empty', record.line, columns.rater, '', 'the name of a rater');
      else add(record, clip, rater, columns.score);
    }
  }
  if (problems.length > 0) throw votesError(file, problems, columns);
  if (scores.length === 0)
    throw new UserError('bad-input', `${file}: expected votes, got none in ${table.numRecords} rows`);
  const { used, place } = usedPlaces(clipOf, clips.names.length);
  const keep = <T>(list: readonly T[]): T[] => list.filter((_, c) => !isVarying[c]);
  return {
    votes: {
      clips: used.map((clip) => clips.names[clip]!),
      raters: raters.names,
      clipOf: Int32Array.from(clipOf, (clip) => place[clip]!),
      raterOf: Int32Array.from(raterOf),
      scores: Float64Array.from(scores),
    },
    kept: keep(others.map(({ name }) => name)),
    values: used.map((clip) => keep(values[clip]!)),
    dropped: columns.others
      .filter(({ name }, c) => made.has(name) || isVarying[c] === true)
      .map(({ column }) => column),
    numMissing,
    without: clips.names.filter((_, clip) => place[clip] === -1),
  };
}

/** Names by first appearance; one name in two Unicode forms is one. */
class Names {
  readonly names: string[] = [];
  private readonly places = new Map<string, number>();

  placeOf(name: string): number {
    const key = name.normalize('NFC');
    const known = this.places.get(key);
    if (known !== undefined) return known;
    this.places.set(key, this.names.length);
    return this.names.push(name) - 1;
  }
}

/** The clips that have votes, and where each stands among them; -1 for the others. */
function usedPlaces(clipOf: readonly number[], numClips: number): { used: number[]; place: Int32Array } {
  const place = new Int32Array(numClips).fill(-1);
  for (const clip of clipOf) place[clip] = 0;
  const used: number[] = [];
  for (let clip = 0; clip < numClips; clip++) if (place[clip] === 0) place[clip] = used.push(clip) - 1;
  return { used, place };
}

/** One error for all problems; where all come from one thing, its hint says so. */
function votesError(file: string, problems: readonly Problem[], columns: VoteColumns): UserError {
  const off = problems.filter(({ kind }) => kind === 'out-of-scale').map(({ value }) => parseDecimal(value!)!);
  const inColumns = [...new Set(problems.flatMap(({ column }) => column ?? []))];
  const isFewColumns =
    columns.layout === 'wide' && inColumns.length < columns.raters.length && !inColumns.includes(columns.clip);
  const hint = (): string | undefined => {
    if (off.length > 0 && off.every((value) => value === off[0]) && off[0]! <= 0)
      return `if ${off[0]} stands for a vote that was not given, add --missing ${off[0]}`;
    if (isFewColumns)
      return `if ${inColumns.map((name) => show(name)).join(', ')} is no rater, name the raters with --raters`;
    if (off.length === 0) return undefined;
    const [low, high] = [Math.min(...off.slice(0, 1e4)), Math.max(...off.slice(0, 1e4))];
    const fits = commonScales.filter((name) => {
      const { min, max } = parseScale(name);
      return low >= min && high <= max;
    });
    return fits.length === 0 ? undefined : `a scale is said with --scale, such as ${fits.join(' or ')}`;
  };
  const text = hint();
  const [first, ...rest] = problems;
  return problemsError(file, text === undefined ? problems : [{ ...first!, hint: text }, ...rest]);
}
