// What is wrong with a recipe: one record per problem, and the one error that lists them all.
import { UserError } from '../../core/index.ts';
import type { SettingsProblem } from '../../files/index.ts';

/** One thing that is wrong with a recipe. */
export type RecipeProblem = SettingsProblem;

/** Where values of `--set` come from, in provenance and messages. */
export const fromFlag = '--set';

const listed = 20;

/**
 * One error for all problems: the first 20, a line each, and how many more there are.
 * @param name - the recipe, as the user knows it
 * @param problems - at least one
 * @returns the error, code `bad-recipe`
 */
export function recipeError(name: string, problems: readonly RecipeProblem[]): UserError {
  const [first] = problems;
  if (problems.length === 1 && first) {
    return new UserError('bad-recipe', line(first), first.hint === undefined ? {} : { hint: first.hint });
  }
  // In the order of the file; what is not in it comes last.
  const lines = [...problems]
    .sort((a, b) => lineNumber(a) - lineNumber(b))
    .slice(0, listed)
    .map((problem) => (problem.hint === undefined ? line(problem) : `${line(problem)} (${problem.hint})`));
  if (problems.length > listed) lines.push(`… and ${problems.length - listed} more`);
  return new UserError('bad-recipe', [`${name}: ${problems.length} problems`, ...lines].join('\n  '));
}

function line({ where, key, expected, got }: RecipeProblem): string {
  const place = where === fromFlag ? [`${where} ${key}`.trim()] : [where, key].filter((part) => part !== '');
  return `${place.join(': ')}: expected ${expected}, got ${got}`;
}

function lineNumber({ where }: RecipeProblem): number {
  return Number(/:(\d+)$/.exec(where)?.[1] ?? Number.MAX_SAFE_INTEGER);
}
