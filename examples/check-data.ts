// Says whether a table of clips is fit for training, and what of a clip the model would be trained on:
//   npx tsx examples/check-data.ts TABLE MODEL
import { checkData, inspectMask, resolveRecipe } from '../src/index.ts';

const [manifest, model] = process.argv.slice(2);
if (manifest === undefined || model === undefined) throw new Error('expected a table and a model');

const { rows, good, problems, traps } = await checkData(manifest, { scorer: false });
console.log(`${good} of ${rows} clips can be used`);
for (const line of [...problems, ...traps]) console.log(line);

const recipe = resolveRecipe({ base: { model, out: 'runs/none', data: { manifest, validation: null } } });
const { clip, mos, answer, tokens } = await inspectMask(recipe);
const trained = tokens.filter((token) => token.trained).map(({ text }) => text);
console.log(`${clip}: ${mos} is answered ${answer}; trained: ${trained.join(' ')}`);
