// What a worker answers where it cannot do what it was asked, as an error for people.
import { UserError, oneLine } from '../../core/index.ts';
import type { LinkMessage } from './frames.ts';

/** A device had less memory than a question needed. */
export class DeviceMemoryError extends UserError {}

/** What was asked for, in words, and what needs less memory. */
const WORK: Readonly<Record<string, { what: string; hint: string }>> = {
  accumulate: {
    what: 'a micro-batch',
    hint: 'Use a smaller microBatch, train.gradientCheckpointing, or runtime.shard: full.',
  },
  apply: { what: 'the optimizer', hint: 'Use runtime.shard: full, a smaller lora.rank, or more devices.' },
  predict: { what: 'a clip', hint: 'Use smaller or fewer frames, or runtime.shard: full.' },
  generate: { what: 'a clip', hint: 'Use smaller or fewer frames, or runtime.shard: full.' },
  encode: { what: 'the pictures of a clip', hint: 'Use smaller or fewer frames.' },
};
const MODEL = { what: 'the model', hint: 'Use runtime.shard: full, or more devices.' };

/**
 * The error that a worker told.
 * @param who - which worker, in words
 * @param op - what it was asked
 * @param header - its answer
 */
export function failedError(who: string, op: string, { kind, message, stack }: LinkMessage['header']): UserError {
  const said = oneLine(String(message));
  if (kind !== 'memory') return new UserError('worker-failed', `${who}: ${said}`, { cause: new Error(String(stack)) });
  const { what, hint } = WORK[op] ?? MODEL;
  return new DeviceMemoryError(
    'worker-failed',
    `${who}: expected ${what} to fit into the device's memory, got ${said}`,
    {
      hint,
    },
  );
}

/**
 * The same as the error of one clip: the others go on.
 * @param error - of a clip alone
 */
export function ofClip({ message, hint }: DeviceMemoryError): UserError {
  return new UserError('not-supported', message, hint === undefined ? {} : { hint });
}
