// The child of store.test.ts: reads and writes random entries until it is killed. Usage: hammer.ts FOLDER SEED
import { randomStream } from '../../../src/core/index.ts';
import { openCacheStore } from '../../../src/model/index.ts';
import { contentOf, keyOf } from './contents.ts';

const [folder, seed] = process.argv.slice(2) as [string, string];
const store = openCacheStore({ folder, onNote: (note) => process.stdout.write(`wrong: ${note}\n`) })!;
const stream = randomStream(Number(seed), 3);
const contents = Array.from({ length: 100 }, (_, i) => contentOf(i));

for (let turn = 0; ; turn++) {
  const i = stream.below(100);
  const kept = await store.read(keyOf(i), 'f32');
  if (kept === null) await store.write(keyOf(i), 'f32', contents[i]!);
  else if (!Buffer.from(kept).equals(contents[i]!)) process.stdout.write(`wrong: entry ${i}\n`);
  if (turn === 20) process.stdout.write('going\n');
}
