// Flags of the programs that make sets, and what they say at the end.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { UserError } from '../../src/core/index.ts';
import type { SetOptions, WrittenSet } from './write-set.ts';

const options = {
  out: { type: 'string' },
  pictures: { type: 'string', default: fileURLToPath(new URL('../../pictures', import.meta.url)) },
  count: { type: 'string' },
  seed: { type: 'string', default: '0' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

/** The flags, as they were given. */
export function setFlags(): ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>> {
  return parseArgs({ options, allowPositionals: true });
}

/**
 * What a set is made by, with progress on stderr.
 * @param flags - from {@link setFlags}
 * @throws UserError `bad-input` for a flag that is no number, or missing
 */
export function parseSetFlags({ out, pictures, count, seed }: ReturnType<typeof setFlags>['values']): SetOptions {
  if (out === undefined) throw new UserError('bad-input', '--out: expected a folder, got nothing');
  const wholeNumber = (name: string, text: string): number => {
    if (/^\d{1,9}$/.test(text)) return Number(text);
    throw new UserError('bad-input', `--${name}: expected a whole number, got ${text}`);
  };
  let told = -1;
  return {
    folder: out,
    pictures,
    ...(count === undefined ? {} : { count: wholeNumber('count', count) }),
    seed: wholeNumber('seed', seed),
    onNote: (text) => process.stderr.write(`${text}\n`),
    onProgress: (done, total) => {
      const tenth = Math.floor((10 * done) / total);
      if (tenth > told) process.stderr.write(`${done} of ${total} clips\n`);
      told = tenth;
    },
  };
}

/**
 * Says what was made.
 * @param made - the set
 * @param json - as JSON
 */
export function sayMade(made: WrittenSet, json: boolean): void {
  if (json) {
    console.log(JSON.stringify(made));
    return;
  }
  const { fit, select, report } = made.splits;
  console.log(`${made.clips} clips of ${made.photographs} photographs, ${made.made} of them made now
parts: ${fit} to fit, ${select} to select by, ${report} to report
${made.truth}: what is true of them`);
}
