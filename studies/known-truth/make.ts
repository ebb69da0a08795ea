// Makes a known-truth set: clips whose quality is known, for studies to find what is known of it. docs/studies/known-truth.md
//   npx tsx studies/known-truth/make.ts --out DIR [--pictures FOLDER] [--count N] [--seed S] [--json]
import { UserError, show } from '../../src/core/index.ts';
import { sayMistakes } from '../../nano/mistakes.ts';
import { parseSetFlags, sayMade, setFlags } from '../sets/flags.ts';
import { makeSet } from './make-set.ts';

sayMistakes();

const { values: flags, positionals } = setFlags();
if (positionals.length > 0) throw new UserError('bad-input', `expected flags alone, got ${show(positionals[0]!)}`);
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
sayMade(await makeSet(parseSetFlags(flags)), flags.json);
