// The errors a user meets. Anything else that is thrown is a bug and keeps its stack.

/**
 * What kind of mistake a {@link UserError} reports; programs can switch on it.
 * - `bad-input`: a file, row or value that the user gave is wrong;
 * - `bad-recipe`: a recipe key or value is wrong;
 * - `bad-checkpoint`: a model folder or adapter is wrong, or does not fit;
 * - `unreadable-media`: a clip or picture cannot be decoded;
 * - `not-supported`: a legal request that this version or machine cannot serve;
 * - `non-finite`: a model gave an infinite or undefined number;
 * - `worker-failed`: a process of the PyTorch engine ended or could not go on.
 */
export type UserErrorCode =
  'bad-input' | 'bad-recipe' | 'bad-checkpoint' | 'unreadable-media' | 'not-supported' | 'non-finite' | 'worker-failed';

/** Where and how to mend the mistake that a {@link UserError} reports. */
export interface UserErrorDetails {
  /** What to do about it, as a sentence; printed on a line of its own. */
  hint?: string;
  /** The error that led to this one. */
  cause?: unknown;
}

/**
 * A mistake of the user's, told in one line: what was expected, what came, and where.
 * The command line prints `message` and `hint` without a stack and exits with 2.
 */
export class UserError extends Error {
  /** The kind of mistake. */
  readonly code: UserErrorCode;
  /** What to do about it. */
  readonly hint: string | undefined;

  /**
   * @param code - the kind of mistake
   * @param message - one line: `where: expected X, got Y`
   * @param details - hint and cause
   */
  constructor(code: UserErrorCode, message: string, details: UserErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'UserError';
    this.code = code;
    this.hint = details.hint;
  }
}

/**
 * Asserts an invariant of ours; a failure is a bug, not a mistake of the user's.
 * @param condition - what must hold
 * @param message - what it means when it does not, with the values
 */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`internal: ${message}`);
}

/** What a path is, or why it cannot be read, by the system's code. */
const systemErrors: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'no such file',
  EISDIR: 'a folder',
  EACCES: 'a file that you may not read',
  EPERM: 'a file that you may not read',
  ELOOP: 'links that lead in a circle',
  ENAMETOOLONG: 'a name that is too long',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files',
  EIO: 'an error of the disk or network',
  ESTALE: 'an error of the disk or network',
};

/**
 * What came instead of a file that can be read, in words.
 * @param cause - what the system threw
 */
export function whatCame(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  return systemErrors[code ?? ''] ?? oneLine(message ?? String(cause));
}

/**
 * What a terminal takes for an order and not for text: control characters (ESC, CSI and their like), separators of lines, and marks
 * that turn the direction of what follows, so that it reads otherwise than it is.
 */
const orders = /[\p{Cc}\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]/gu;

const escaped = (text: string): string =>
  text.replace(orders, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

/**
 * A value as an error message shows it: strings quoted with control characters escaped, long ones shortened.
 * @param value - anything
 * @returns one line of at most about 80 characters
 */
export function show(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : (JSON.stringify(value) ?? String(value));
  return escaped(text.length > 80 ? `${text.slice(0, 76)}…${text.endsWith('"') ? '"' : ''}` : text);
}

/** Most characters of a name in a line of output; a path has 4,096 at most. */
const MAX_LINE = 4096;

/**
 * A name or message as a line of output shows it, also where a file's name holds line ends or a terminal's control sequences.
 * @param text - any text
 * @returns the text itself, or quoted and escaped where it holds control characters; without its middle where it is very long
 */
export function oneLine(text: string): string {
  const short = text.length > MAX_LINE ? `${text.slice(0, MAX_LINE / 2)} … ${text.slice(-MAX_LINE / 2)}` : text;
  return short.search(orders) < 0 ? short : escaped(JSON.stringify(short));
}

/**
 * Lines as a terminal may be given them: whatever file or table their words came from, nothing in them moves the cursor or turns text.
 * @param text - lines
 * @returns the same with control characters but line ends and tabs escaped; JSON means the same as before
 */
export function printable(text: string): string {
  return text.replace(orders, (c) => (c === '\n' || c === '\t' ? c : escaped(c)));
}

/**
 * Somebody else's sentences as plain text of one line.
 * @param text - any text
 * @returns the text with a space in place of line ends and tabs, and without other control characters
 */
export function plainText(text: string): string {
  return text.replaceAll(/[\t\n\r\u0085\u2028\u2029]+/gu, ' ').replace(orders, '');
}

/**
 * The nearest of `known` to a misspelt word, for "did you mean".
 * @param word - what was written
 * @param known - what is allowed
 * @returns the only word that holds it, else the nearest; undefined when none is within half its length in edits
 */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  known = [...known];
  const lower = word.toLowerCase();
  const holding = [...known].filter((candidate) => lower.length >= 3 && candidate.toLowerCase().includes(lower));
  if (holding.length === 1) return holding[0];
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return bestDistance <= Math.max(1, Math.floor(word.length / 2)) ? best : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
