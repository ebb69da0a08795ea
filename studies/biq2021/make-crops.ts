// The clips of two pictures of BIQ2021, and their table: each photograph as the studies show it, and its middle as it is.
//   npx tsx studies/biq2021/make-crops.ts [--table FILE] [--count N]
// Needs the table of make.ts, and leaves it as it is.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { UserError } from '../../src/core/index.ts';
import { openCheckpoint } from '../../src/model/index.ts';
import { sayMistakes } from '../../nano/mistakes.ts';
import { makeCrops } from './crops.ts';

sayMistakes();

const { table, count } = parseArgs({
  options: { table: { type: 'string', default: 'studies/data/biq2021/manifest.csv' }, count: { type: 'string' } },
}).values;
if (count !== undefined && !/^[1-9]\d{0,8}$/.test(count)) {
  throw new UserError('bad-input', `--count: expected a whole number of at least 1, got ${count}`);
}
let told = 0;
const made = await makeCrops({
  table,
  checkpoint: await openCheckpoint(fileURLToPath(new URL('../../models/nano', import.meta.url))),
  ...(count === undefined ? {} : { count: Number(count) }),
  onProgress: (done, total) => {
    const tenth = Math.floor((10 * done) / total);
    if (tenth > told) process.stderr.write(`${done} of ${total} clips\n`);
    told = tenth;
  },
});
console.log(made);
