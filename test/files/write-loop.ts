// The child of atomic.test.ts: writes folders, a file, a pointer and lines until it is killed. Usage: write-loop.ts FOLDER FIRST
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openJsonLines, pointTo, writeFileAtomic, writeFolderAtomic, writeSafetensors } from '../../src/files/index.ts';

const [folder, first] = process.argv.slice(2) as [string, string];

async function loop(): Promise<void> {
  const lines = await openJsonLines(join(folder, 'events.jsonl'));
  for (let step = Number(first); ; step++) {
    await writeFolderAtomic(join(folder, `step-${step}`), async (inside) => {
      await writeFile(join(inside, 'a.txt'), `${step}\n`.repeat(5000));
      const data = new Float32Array(50_000).fill(step);
      await writeSafetensors(join(inside, 'b.safetensors'), new Map([['x', { data, shape: [50_000] }]]));
    });
    await pointTo(join(folder, 'best'), `step-${step}`);
    await writeFileAtomic(join(folder, 'state.json'), JSON.stringify({ step, filling: 'x'.repeat(100_000) }));
    await lines.append({ step, filling: 'y'.repeat(1000) });
    if (step === Number(first)) process.stdout.write('going\n');
  }
}

await loop();
