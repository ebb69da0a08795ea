// Makes a set of generated clips for the studies of transfer, frames and prompts.
//   npx tsx studies/generated/make.ts KIND --out DIR [--pictures FOLDER] [--count N] [--seed S] [--json]
import { show, UserError } from '../../src/core/index.ts';
import { sayMistakes } from '../../nano/mistakes.ts';
import { parseSetFlags, sayMade, setFlags } from '../sets/flags.ts';
import type { GeneratedKindName } from './kinds.ts';
import { generatedKinds } from './kinds.ts';
import { makeGenerated } from './make-set.ts';

sayMistakes();

const { values: flags, positionals } = setFlags();
const names = Object.keys(generatedKinds);
if (flags.help) {
  console.log(`npx tsx studies/generated/make.ts KIND --out DIR [options]

Makes clips with known faults from photographs. Run again, it goes on where it was stopped.
  KIND                ${names.join(', ')}
  --out DIR           a folder that is not there, or empty, or a set that was begun
  --pictures FOLDER   photographs of at least 310×310 pixels; default: the twenty of the package
  --count N           clips; default: eight a photograph
  --seed S            default 0
  --json              what was made, as JSON`);
  process.exit(0);
}
const [kind, ...more] = positionals;
if (kind === undefined || !names.includes(kind) || more.length > 0) {
  throw new UserError(
    'bad-input',
    `expected one of ${names.join(', ')}, got ${positionals.map((one) => show(one)).join(' ') || 'none'}`,
  );
}
const made = await makeGenerated(kind as GeneratedKindName, parseSetFlags(flags));
sayMade(made, flags.json);
