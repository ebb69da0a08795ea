// What is wrong with a manifest: one record per problem, and the one error that lists them all.
import { UserError, oneLine, show } from '../core/index.ts';

/**
 * What is wrong.
 * - `no-rows`: the file is empty, or has a header only;
 * - `missing-column`: a column that is needed is not there;
 * - `duplicate-column`: two columns have one name;
 * - `encoding`: bytes that are not UTF-8 text;
 * - `syntax`: broken quoting of a CSV file, or a line of JSONL that is no JSON object;
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
 * @param problem - the problem
 * @returns the line, without the hint
 */
export function formatProblem(problem: Problem): string {
  const line = problem.line === undefined ? '' : `:${problem.line}`;
  const column = problem.column === undefined ? '' : ` column ${show(problem.column)}:`;
  return `${oneLine(problem.file)}${line}:${column} expected ${problem.expected}, got ${problem.got}`;
}

const listedProblems = 20;

/**
 * One error for all problems: the first 20, a line each, and how many more there are. Its hint is the first that a problem has.
 * @param file - the manifest, as the user wrote its path
 * @param problems - at least one problem
 * @returns the error, code `bad-input`
 */
export function problemsError(file: string, problems: readonly Problem[]): UserError {
  const lines = problems.slice(0, listedProblems).map(formatProblem);
  if (problems.length > listedProblems) lines.push(`… and ${problems.length - listedProblems} more`);
  const message =
    problems.length === 1 ? lines[0]! : [`${oneLine(file)}: ${problems.length} problems`, ...lines].join('\n  ');
  const hint = problems.find((problem) => problem.hint !== undefined)?.hint;
  return new UserError('bad-input', message, hint === undefined ? {} : { hint });
}
