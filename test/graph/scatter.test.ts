// Rows that are added to the same place, as the gradient of an embedding adds those of a token: no thread loses another's.
import { expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import { compile, input, scatterAdd } from '../../src/graph/index.ts';

test('rows of one place all count, on two threads too, and give the same bits each time', async () => {
  const [N, C, M, places] = [4096, 96, 40, 31];
  const stream = randomStream(1);
  const rows = Float32Array.from({ length: N * C }, () => stream.normal());
  const indices = BigInt64Array.from({ length: N }, (_, i) => BigInt(i % places));
  const want = new Float64Array(M * C);
  rows.forEach((value, i) => (want[(Math.floor(i / C) % places) * C + (i % C)]! += value));
  const sum = scatterAdd(input('rows', 'float32', [N, C]), input('indices', 'int64', [N]), M);
  await using session = await compile({ sum }, { threads: 2 });
  const feeds = { rows: { data: rows, shape: [N, C] }, indices: { data: indices, shape: [N] } };
  const first = (await session.run(feeds)).sum.data;
  expect(Math.max(...want.map((value, i) => Math.abs(first[i]! - value)))).toBeLessThan(1e-3);
  for (let i = 0; i < 20; i++) expect((await session.run(feeds)).sum.data).toEqual(first);
});
