// How much memory one run of a model may take: what is more is an error of its clip.
import { UserError, formatSize, machineMemory } from '../core/index.ts';

/** How much memory a run of a model may take; the same in `score`, `train`, ensembles and the library. */
export interface MemoryLimits {
  /**
   * Most memory that one run of the model may take beside its weights, in bytes, as it is forecast. Default: four fifths of the
   * machine's (or the container's), on the CPU; no limit on other providers, whose memory is not known.
   */
  maxMemory?: number;
}

/** Memory of one run where nothing else is asked for, on the CPU. */
export function defaultMaxMemory(): number {
  return 0.8 * machineMemory();
}

const count = (n: number): string => n.toLocaleString('en');

/**
 * Refuses a clip that needs more memory than there is.
 * @param bytes - the forecast
 * @param maxMemory - the limit, in bytes
 * @param tokens - the clip's tokens, for the message
 * @param what - what is to be done with it
 * @throws UserError `not-supported`
 */
export function requireMemory(bytes: number, maxMemory: number, tokens: number, what: string): void {
  if (bytes <= maxMemory) return;
  throw new UserError(
    'not-supported',
    `${what} a clip of ${count(tokens)} tokens: expected at most ${formatSize(maxMemory)} of memory, got a forecast of ${formatSize(bytes)}`,
    {
      hint: 'A shorter text or smaller or fewer frames need less; --max-memory SIZE (runtime.maxMemory in a recipe) allows more.',
    },
  );
}
