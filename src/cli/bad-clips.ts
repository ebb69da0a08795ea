// Clips that cannot be read are named as they are found; the error that ends a run because of them lists them once more.
import { UserError } from '../core/index.ts';

/**
 * The error without its list.
 * @param error - what ended a run
 * @param numTold - clips that were named before
 */
export function withoutToldClips(error: unknown, numTold: number): unknown {
  if (!(error instanceof UserError) || error.code !== 'unreadable-media' || numTold === 0) return error;
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  return new UserError(error.code, error.message.split(':\n', 1)[0]!, { ...hint, cause: error });
}
