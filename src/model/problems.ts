// Many problems of one file in one line of bounded length, also where a file's own words are in them.
import { z } from 'zod';
import { UserError, oneLine } from '../core/index.ts';

/** Most characters of one problem, and of a name that a file gives. */
const MAX_LENGTH = 150;

/**
 * A name or message from a file, as one line of at most about 150 characters.
 * @param text - any text
 */
export function brief(text: string): string {
  return oneLine(text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text);
}

/**
 * The first ten of a list of problems, and how many there are.
 * @param problems - one each
 */
export function listProblems(problems: readonly string[]): string {
  const more = problems.length > 10 ? `; … (${problems.length} problems in all)` : '';
  return `${problems.slice(0, 10).map(brief).join('; ')}${more}`;
}

/**
 * Reports problems with tensors in one error: the first ten and how many there are.
 * @param where - folder or file
 * @param expected - what it should hold
 * @param problems - one each
 * @throws UserError `bad-checkpoint` when there is any
 */
export function throwProblems(where: string, expected: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new UserError('bad-checkpoint', `${where}: expected ${expected}, got: ${listProblems(problems)}`);
}

/**
 * A list whose length is looked at before its items: each wrong item of a list without end would be a problem of its own, of 1 KB.
 * @param most - items
 */
export const shortList = (most: number): z.ZodType<unknown[]> =>
  z.custom<unknown[]>((value) => Array.isArray(value) && value.length <= most, `expected a list of at most ${most}`);

/** A folder or name as somebody else's file gives it: one line, of at most 4,096 characters. */
export const placeSchema: z.ZodString = z
  .string()
  .max(4096)
  .regex(/^\P{Cc}*$/u);
