// Where a provider's gradients of a step of every weight differ from the CPU's: a step each, the provider's three times.
//   npx tsx bench/webgpu/difference.ts runs/bench-304m webgpu
import { compileStep } from '../../src/engine/onnx/index.ts';
import type { Provider } from '../../src/core/index.ts';
import { allParameters, form, openModel, relative, stepFeeds } from './common.ts';

const [folder, provider = 'webgpu', runs = '3'] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: npx tsx bench/webgpu/difference.ts MODEL [PROVIDER] [RUNS]');
const checkpoint = await openModel(folder);
const { stored } = checkpoint;
const parameters = await allParameters(checkpoint);
const feeds = stepFeeds(checkpoint, { sides: [16, 8] }, true);
const options = { model: checkpoint, lora: null, form, numColumns: 0 };
const cpu = await compileStep({ ...options, run: { prepack: false } });
const { gradients } = await cpu.run(parameters, feeds);
const want = new Map([...gradients].map(([name, values]) => [name, values.slice()]));
await cpu[Symbol.asyncDispose]();
await using step = await compileStep({ ...options, run: { provider: provider as Provider, prepack: false } });
for (let run = 1; run <= Number(runs); run++) {
  const { gradients: got } = await step.run(parameters, feeds);
  const all = [...want].map(([name, values]) => ({ name, off: relative(got.get(name)!, values) }));
  const wrong = all.filter(({ off }) => !(off < 1e-4)).sort((a, b) => b.off - a.off);
  console.log(`run ${run}: ${wrong.length} of ${all.length} gradients off by more than 1e-4`);
  for (const { name, off } of wrong.slice(0, 8)) {
    const [values, other] = [want.get(name)!, got.get(name)!];
    const width = stored(name).shape.at(-1)!;
    const size = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);
    const at = [...values.keys()].filter((i) => !(Math.abs(other[i]! - values[i]!) < 1e-3 * size));
    const [rows, columns] = [at.map((i) => Math.floor(i / width)), at.map((i) => i % width)];
    const span = (list: number[]): string =>
      `${new Set(list).size} from ${list.reduce((a, b) => Math.min(a, b), Infinity)} to ${list.reduce((a, b) => Math.max(a, b), -1)}`;
    const zeros = at.filter((i) => other[i] === 0).length;
    console.log(
      `  ${name} ${stored(name).shape.join('×')}: ${off.toExponential(1)}, ${at.length} values, ${zeros} of them 0; rows ${span(rows)}; ` +
        `columns ${span(columns)}; e.g. ${at
          .slice(0, 3)
          .map((i) => `[${i}] ${other[i]!.toExponential(2)} for ${values[i]!.toExponential(2)}`)
          .join(', ')}`,
    );
  }
}
