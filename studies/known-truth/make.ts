// Makes a known-truth set: clips whose quality is known, for studies to find what is known of it. docs/studies/known-truth.md
//   npx tsx studies/known-truth/make.ts --out DIR [--pictures FOLDER] [--count N] [--seed S] [--json]
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { UserError } from '../../src/core/index.ts';
import { sayMistakes } from '../../nano/mistakes.ts';
import { makeSet } from './make-set.ts';

sayMistakes();

const { values: flags } = parseArgs({
  options: {
    out: { type: 'string' },
    pictures: { type: 'string', default: fileURLToPath(new URL('../../pictures', import.meta.url)) },
    count: { type: 'string' },
    seed: { type: 'string', default: '0' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  console.log(`npx tsx studies/known-truth/make.ts --out DIR [options]

Makes clips whose quality is known, and the tables of a study of them. Run again, it goes on where it was stopped.
  --out DIR           a folder that is not there, or empty, or a set that was begun
  --pictures FOLDER   photographs of at least 350×350 pixels; default: the twenty of the package
  --count N           clips; default: eight a photograph
  --seed S            default 0
  --json              what was made, as JSON`);
  process.exit(0);
}
if (flags.out === undefined) throw new UserError('bad-input', '--out: expected a folder, got nothing');

const wholeNumber = (name: string, text: string): number => {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UserError('bad-input', `--${name}: expected a whole number, got ${text}`);
};

let told = -1;
const made = await makeSet({
  folder: flags.out,
  pictures: flags.pictures,
  ...(flags.count === undefined ? {} : { count: wholeNumber('count', flags.count) }),
  seed: wholeNumber('seed', flags.seed),
  onNote: (text) => process.stderr.write(`${text}\n`),
  onProgress: (done, total) => {
    const tenth = Math.floor((10 * done) / total);
    if (tenth > told) process.stderr.write(`${done} of ${total} clips\n`);
    told = tenth;
  },
});
if (flags.json) console.log(JSON.stringify(made));
else {
  const { fit, select, report } = made.splits;
  console.log(`${made.manifest}: ${made.clips} clips of ${made.photographs} photographs, ${made.made} of them made now
parts: ${fit} to fit, ${select} to select by, ${report} to report
${made.shuffled}: the same labels beside other clips
${made.truth}: formulas and raters`);
}
