// A table of raw votes to a table of clips that `train` reads, with what each rater did.
import { dirname, extname, relative, resolve } from 'node:path';
import { oneLine } from '../core/index.ts';
import type { MosScale, TableOptions, VoteTableOptions } from '../dataset/index.ts';
import { formatCsv, readVoteTable, scaleName, sidecarNote } from '../dataset/index.ts';
import type { ClipOpinion, RaterReport, VoteMethod } from '../metrics/index.ts';
import { opinionScores } from '../metrics/index.ts';

/** How votes are read and become opinion scores. */
export interface OpinionOptions extends VoteTableOptions {
  /** The method; default `mean`. */
  method?: VoteMethod;
}

/** A clip with its opinion score, and what the table of votes says of it besides. */
export interface OpinionRow extends ClipOpinion {
  /** Values of the columns of {@link OpinionReport.kept}. */
  values: string[];
}

/** Opinion scores of a table of votes. */
export interface OpinionReport {
  /** The table of votes, as the user wrote its path. */
  file: string;
  /** Whether a row of it is a vote (`long`) or a clip (`wide`). */
  layout: 'long' | 'wide';
  /** The column of the clip's name. */
  clipColumn: string;
  /** The column of the rater's name, of a long table; in a wide one the raters' columns are the raters' names. */
  raterColumn?: string;
  /** The column of the vote, of a long table. */
  scoreColumn?: string;
  /** Whether its clips are called videos or pictures. */
  media: 'video' | 'image';
  /** The scale of votes and scores. */
  scale: MosScale;
  /** How many votes there are. */
  numVotes: number;
  /** How many the table says were not given. */
  numMissing: number;
  /** The method. */
  method: VoteMethod;
  /** The formula of the 95 % interval. */
  interval: string;
  /** Further columns with one value a clip, which the table of clips keeps. */
  kept: string[];
  /** The clips, in the order of their first vote. */
  clips: OpinionRow[];
  /** The raters, in the order of their first vote. */
  raters: RaterReport[];
  /** What to know of the result, a sentence each. */
  notes: string[];
  /** The folder that names of clips are relative to. */
  mediaRoot: string;
}

/**
 * Makes opinion scores of a table of votes.
 * @param path - a CSV or JSONL file: a row a vote (clip, rater, score), or a row a clip with a column a rater
 * @param options - columns, scale, what stands for no vote, method
 * @returns scores, raters and notes
 * @throws UserError `bad-input` that lists what is wrong with the table; `bad-recipe` for a wrong option
 */
export async function opinionsOfVotes(path: string, options: OpinionOptions = {}): Promise<OpinionReport> {
  const table = await readVoteTable(path, options);
  const { columns, scale, votes, kept, values, dropped, numMissing, without } = table;
  const opinions = opinionScores(votes, options.method ?? 'mean');
  const notes = [...opinions.notes];
  if (table.sidecar !== undefined) notes.unshift(sidecarNote(path, table.sidecar));
  const clips = opinions.clips.map((clip, j): OpinionRow => ({
    ...clip,
    ...withinScale(clip, scale),
    values: values[j]!,
  }));
  const numMoved = clips.filter(({ mos }, j) => mos !== opinions.clips[j]!.mos).length;
  if (numMoved > 0)
    notes.push(
      `${numMoved} ${numMoved === 1 ? 'clip' : 'clips'} whose quality by the model lies beyond the scale: mos is the scale's end`,
    );
  if (without.length > 0) notes.push(`without any vote, left out: ${listed(without)}`);
  if (dropped.length > 0)
    notes.push(`columns left out of the table of clips, since a clip has no one value of them: ${listed(dropped)}`);
  return {
    file: path,
    layout: columns.layout,
    clipColumn: columns.clip,
    ...(columns.layout === 'long' ? { raterColumn: columns.rater, scoreColumn: columns.score } : {}),
    media: columns.media,
    scale,
    numVotes: votes.scores.length,
    numMissing,
    method: opinions.method,
    interval: opinions.interval,
    kept,
    clips,
    raters: opinions.raters,
    notes,
    mediaRoot: resolve(table.mediaRoot ?? dirname(path)),
  };
}

/** A table of clips as text, and how it is to be read. */
export interface OpinionTable {
  /** The file's content. */
  text: string;
  /** What the file beside it has to say. */
  options: TableOptions;
}

/**
 * Writes opinion scores as a table of clips: the clip, what is kept, `mos`, `std`, `votes`, `ci_low`, `ci_high`, to six decimals.
 * Clips without a score are left out.
 * @param report - the scores
 * @param path - where the table will lie: `.jsonl` and `.ndjson` get JSON lines, other names CSV
 */
export function opinionTable(report: OpinionReport, path: string): OpinionTable {
  const scored = report.clips.filter(({ mos }) => mos !== null);
  const header = [report.media, ...report.kept, 'mos', 'std', 'votes', 'ci_low', 'ci_high'];
  const numbers = ({ mos, std, votes, low, high }: OpinionRow): (number | null)[] =>
    [mos, std, votes, low, high].map((value) => (value === null ? null : rounded(value)));
  const isJson = ['.jsonl', '.ndjson'].includes(extname(path).toLowerCase());
  const text = isJson
    ? scored
        .map((row) => {
          const cells = [row.clip, ...row.values, ...numbers(row)];
          return `${JSON.stringify(Object.fromEntries(header.map((name, c) => [name, cells[c]])))}\n`;
        })
        .join('')
    : formatCsv(
        header,
        scored.map((row) => [row.clip, ...row.values, ...numbers(row).map((value) => String(value ?? ''))]),
      );
  const root = relative(dirname(resolve(path)), report.mediaRoot);
  return { text, options: { scale: scaleName(report.scale), ...(root === '' ? {} : { mediaRoot: report.mediaRoot }) } };
}

/**
 * Writes what raters did as CSV, to six decimals.
 * @param raters - the raters
 */
export function raterTable(raters: readonly RaterReport[]): string {
  const header = ['rater', 'votes', 'mean', 'bias', 'inconsistency', 'above', 'below', 'rejected', 'reason'] as const;
  return formatCsv(
    [...header],
    raters.map((rater) =>
      header.map((name) => {
        const value = rater[name];
        return typeof value === 'number' ? String(rounded(value)) : String(value ?? '');
      }),
    ),
  );
}

/** A manifest's scores lie on its scale. */
function withinScale({ mos }: ClipOpinion, { min, max }: MosScale): Pick<ClipOpinion, 'mos'> {
  return { mos: mos === null ? null : Math.min(max, Math.max(min, mos)) };
}

const rounded = (value: number): number => Number(value.toFixed(6)) + 0;

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 5).map(oneLine);
  return names.length > shown.length ? `${shown.join(', ')} and ${names.length - shown.length} more` : shown.join(', ');
}
