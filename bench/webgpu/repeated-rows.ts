// Rows that are added to the same place, as the gradient of an embedding adds those of a token: how often a provider loses some.
//   npx tsx bench/webgpu/repeated-rows.ts cpu 2
import { randomStream } from '../../src/core/index.ts';
import type { Provider } from '../../src/core/index.ts';
import { compile, input, scatterAdd } from '../../src/graph/index.ts';

const [provider = 'cpu', threads = '2', runs = '200'] = process.argv.slice(2);
const [N, C, M, ids] = [64 * 117, 192, 530, 117]; // 64 clips of the same 117 tokens
const random = randomStream(1);
const rows = Float32Array.from({ length: N * C }, () => random.normal());
const indices = BigInt64Array.from({ length: N }, (_, i) => BigInt(i % ids));
const want = new Float64Array(M * C);
rows.forEach((value, i) => (want[(Math.floor(i / C) % ids) * C + (i % C)]! += value));
const sum = scatterAdd(input('rows', 'float32', [N, C]), input('indices', 'int64', [N]), M);
await using session = await compile({ sum }, { provider: provider as Provider, threads: Number(threads) });
const feeds = { rows: { data: rows, shape: [N, C] }, indices: { data: indices, shape: [N] } };
let [wrongRuns, wrongValues, least] = [0, 0, Infinity];
for (let run = 0; run < Number(runs); run++) {
  const started = performance.now();
  const { data } = (await session.run(feeds)).sum;
  least = Math.min(least, performance.now() - started);
  const wrong = want.reduce((count, value, i) => count + (Math.abs(data[i]! - value) > 1e-3 ? 1 : 0), 0);
  wrongValues += wrong;
  if (wrong > 0) wrongRuns++;
}
console.log(
  `${provider}, ${threads} threads: ${wrongRuns} of ${runs} runs wrong, ${Math.round(wrongValues / Math.max(1, wrongRuns))} of ` +
    `${ids * C} sums in such a run; ${least.toFixed(2)} ms`,
);
