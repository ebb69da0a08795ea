// The example of bench/webgpu/step.ts for its peer: token ids, targets, patches along a side, as JSON.
//   npx tsx bench/webgpu/example.ts MODEL [SIDE] [TEXT]
import { plainExample } from '../example.ts';
import { openModel } from './common.ts';

const [folder, side = '32', text = '100'] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: npx tsx bench/webgpu/example.ts MODEL [SIDE] [TEXT]');
console.log(JSON.stringify(plainExample(await openModel(folder), { side: Number(side), text: Number(text) })));
