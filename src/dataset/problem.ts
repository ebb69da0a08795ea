// What is wrong with a manifest: one record per problem, and the one error that lists them all.
import { UserError, oneLine, show } from '../core/index.ts';

/**
 * What is wrong.
 * - `no-rows`: the file is empty, or has a header only;
 * - `missing-column`: a column that is needed is not there;
 * - `duplicate-column`: two columns have one name;
 * - `encoding`: bytes that are not text in UTF-8 or UTF-16;
 * - `syntax`: broken quoting of a CSV file, a line of JSONL that is no JSON object, or more columns than any table has;
 * - `ragged`: a row with more or fewer fields than the header;
 * - `empty`: a cell that must hold something;
 * - `not-a-number`: text, NaN or an infinity where a number is due;
 * - `bad-value`: a number or word outside what is allowed;
 * - `out-of-scale`: a score outside the MOS scale;
 * - `duplicate-media`: a file that an earlier row names too;
 * - `missing-media`: a video or picture that is not on disk, or is no plain file.
 */
export type ProblemKind =
  | 'no-rows'
  | 'missing-column'
  | 'duplicate-column'
  | 'encoding'
  | 'syntax'
  | 'ragged'
  | 'empty'
  | 'not-a-number'
  | 'bad-value'
  | 'out-of-scale'
  | 'duplicate-media'
  | 'missing-media';

/** One thing that is wrong with a manifest. */
export interface Problem {
  /** What is wrong. */
  kind: ProblemKind;
  /** `file`: rows may be missing because of it; `row`: it costs this row only. */
  scope: 'file' | 'row';
  /** The manifest, as the user wrote its path. */
  file: string;
  /** The physical line (from 1) on which the row starts; absent where the problem has no line. */
  line?: number;
  /** The column, as the file names it; absent where the problem is not one cell's. */
  column?: string;
  /** The cell's text; absent where the problem is not one cell's. */
  value?: string;
  /** What was expected, as a phrase. */
  expected: string;
  /** What came instead, as a phrase for the message. */
  got: string;
  /** What to do about it, as a sentence. */
  hint?: string;
}

/**
 * A problem in one line: `file:line: column "x": expected …, got …`.
 * @returns the line, without the hint
 */
export function formatProblem(problem: Problem): string {
  const line = problem.line === undefined ? '' : `:${problem.line}`;
  const column = problem.column === undefined ? '' : ` column ${show(problem.column)}:`;
  return `${oneLine(problem.file)}${line}:${column} expected ${problem.expected}, got ${problem.got}`;
}

/** Problems that are listed of each cause, and lines of the whole list. */
const shownOfCause = 3;
const shownLines = 20;

/** What problems of many rows have in common, where one mistake makes them all. */
function causeOf({ kind, file, column = '', expected }: Problem): string {
  return JSON.stringify([kind, file, column, kind === 'duplicate-media' ? '' : expected]);
}

/**
 * Problems as lines: of each cause the first few, in the order of the file, and how many more there are.
 * @param problems - any number
 */
export function listProblems(problems: readonly Problem[]): string[] {
  const counts = new Map<string, number>();
  const shown = problems.filter((problem) => {
    const cause = causeOf(problem);
    const count = (counts.get(cause) ?? 0) + 1;
    counts.set(cause, count);
    return count <= shownOfCause;
  });
  const listed = shown.slice(0, shownLines);
  const rest = new Map(counts);
  for (const problem of listed) rest.set(causeOf(problem), rest.get(causeOf(problem))! - 1);
  const last = new Map(listed.map((problem) => [causeOf(problem), problem]));
  const lines = listed.flatMap((problem) => {
    const cause = causeOf(problem);
    const more = rest.get(cause)!;
    return last.get(cause) === problem && more > 0
      ? [formatProblem(problem), `… and ${more} more like it`]
      : [formatProblem(problem)];
  });
  const unlisted = [...rest].reduce((total, [cause, count]) => total + (last.has(cause) ? 0 : count), 0);
  return unlisted > 0 ? [...lines, `… and ${unlisted} others`] : lines;
}

/**
 * One error for all problems: of each cause the first few, a line each, and how many more there are. Its hint is the first that a
 * problem has.
 * @param file - the manifest, as the user wrote its path
 * @param problems - at least one problem
 * @returns the error, code `bad-input`
 */
export function problemsError(file: string, problems: readonly Problem[]): UserError {
  const lines = listProblems(problems);
  const message =
    problems.length === 1 ? lines[0]! : [`${oneLine(file)}: ${problems.length} problems`, ...lines].join('\n  ');
  const hint = problems.find((problem) => problem.hint !== undefined)?.hint;
  return new UserError('bad-input', message, hint === undefined ? {} : { hint });
}
