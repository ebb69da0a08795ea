// What families check config files with: bounded sizes, and all problems of one file in one error.
import { z } from 'zod';
import { UserError, show } from '../../../core/index.ts';
import { listProblems } from '../../problems.ts';

/**
 * A size. Sizes are at most 2²⁰ (the largest, a vocabulary, is 152,064), and layers at most 1,000 (the 72B model has 80): lists of names are
 * made from them before any weight is looked at.
 */
export const size: z.ZodNumber = z
  .int()
  .positive()
  .max(2 ** 20);
/** Decoder layers, or those of a tower. */
export const layers: z.ZodNumber = z.int().positive().max(1000);
/** Sides and counts of patches, of which products are made. */
export const side: z.ZodNumber = z.int().positive().max(1024);
/**
 * A setting that may be left out, or be null as transformers writes it.
 * @param type - what it is otherwise
 */
export const optional = <T extends z.ZodType>(type: T): z.ZodType<z.output<T> | null | undefined> => type.nullish();

/** Problems of one file: what is wrong with it, and what is right but beyond this version. */
export class Problems {
  /** What is wrong. */
  readonly wrong: string[] = [];
  /** What is right, but not computed here. */
  readonly unsupported: string[] = [];

  /**
   * Adds "key: expected X, got Y" unless `ok`.
   * @param ok - whether it is as expected
   * @param key - where in the file
   * @param expected - what would be right
   * @param got - what is there
   * @param kind - what it is otherwise
   */
  require(ok: boolean, key: string, expected: string, got: unknown, kind: 'wrong' | 'unsupported' = 'wrong'): void {
    if (!ok) this[kind].push(`${key}: expected ${expected}, got ${show(got)}`);
  }

  /**
   * Parses a part of the file.
   * @param schema - what it should be
   * @param value - what is there
   * @param key - where in the file; empty for all of it
   * @returns null where it is wrong
   */
  parse<T>(schema: z.ZodType<T>, value: unknown, key: string): T | null {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    for (const { path, message } of result.error.issues) {
      const got = path.reduce<unknown>((v, k) => (v as Record<PropertyKey, unknown> | undefined)?.[k], value);
      const at = [key, ...path].filter((k) => k !== '').join('.');
      this.wrong.push(`${at === '' ? '' : `${at}: `}${message}; got ${show(got)}`);
    }
    return null;
  }

  /**
   * Reports all of them in one error.
   * @param where - the file
   * @throws UserError `bad-checkpoint`, or `not-supported` when nothing is wrong
   */
  throwIfAny(where: string): void {
    const all = [...this.wrong, ...this.unsupported];
    if (all.length === 0) return;
    throw new UserError(this.wrong.length > 0 ? 'bad-checkpoint' : 'not-supported', `${where}: ${listProblems(all)}`);
  }
}
