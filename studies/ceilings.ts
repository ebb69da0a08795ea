// Label ceilings of a table: how well opinion scores agree with themselves, coded as the answers of a model.
//   npx tsx studies/ceilings.ts TABLE [--mos COLUMN] [--scale MIN-MAX] [--preset NAME] [--json]
import { parseArgs } from 'node:util';
import { UserError } from '../src/core/index.ts';
import { sayMistakes } from '../nano/mistakes.ts';
import { labelCeilings } from './label-ceilings.ts';
import { readLabels } from './labels.ts';

sayMistakes();

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    mos: { type: 'string' },
    scale: { type: 'string' },
    preset: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const [table, ...more] = positionals;
if (table === undefined || more.length > 0) {
  throw new UserError(
    'bad-input',
    `expected one table, got ${positionals.length === 0 ? 'none' : positionals.join(' ')}`,
  );
}
const { mos, scale, preset } = flags;
const labels = await readLabels(table, {
  ...(mos === undefined ? {} : { columns: { mos } }),
  ...(scale === undefined ? {} : { scale }),
  ...(preset === undefined ? {} : { preset }),
});
const ceilings = labelCeilings(labels);
if (flags.json) console.log(JSON.stringify({ table, labels: labels.length, ceilings }));
else {
  console.log(`${table}: ${labels.length} labels, ${new Set(labels).size} values\n`);
  console.log('| coding | answers | SRCC | PLCC |\n| --- | ---: | ---: | ---: |');
  for (const { coding, answers, srcc, plcc } of ceilings) {
    const [rank, linear] = [srcc, plcc].map((stat) => (stat.defined ? stat.value.toFixed(4) : stat.reason));
    console.log(`| ${coding} | ${answers} | ${rank} | ${linear} |`);
  }
}
