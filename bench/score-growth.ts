// How the cost of scoring grows with the length of a list: `iovqa score LIST --out FILE`, the same few pictures over and over, with vision
// features from the cache and without; time and peak memory of all its processes. A tiny model, so that what is measured is the stream.
// Prints a table with the exponents and writes a plot. Results: docs/performance.md.
//   npx tsx bench/score-growth.ts [MOST] [docs/performance]
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { createRandomCheckpoint } from '../src/model/index.ts';
import { exponent, logPlot } from './plot.ts';
import { watch } from './process.ts';

const [most = '100000', plots] = process.argv.slice(2);
const FILES = 8;
const counts = [10, 100, 1000, 10_000, 100_000].filter((count) => count <= Number(most));
const folder = mkdtempSync(join(tmpdir(), 'iovqa-score-growth-'));
process.env['IOVQA_CACHE'] = join(folder, 'cache');
const model = join(folder, 'model');
await createRandomCheckpoint(model, { preset: 'tiny' });
for (let i = 0; i < FILES; i++) {
  await sharp({ create: { width: 112, height: 112, channels: 3, background: { r: 30 * i, g: 99, b: 140 } } })
    .png()
    .toFile(join(folder, `${i}.png`));
}

async function measure(count: number, flags: readonly string[]): Promise<{ seconds: number; bytes: number }> {
  const list = join(folder, `${count}.csv`);
  writeFileSync(list, `image\n${Array.from({ length: count }, (_, i) => `${i % FILES}.png\n`).join('')}`);
  const out = join(folder, 'scores.jsonl');
  rmSync(out, { force: true });
  const command = ['score', list, '--with', model, '--out', out, ...flags];
  const taken = await watch([process.execPath, '--import', 'tsx', 'src/cli/bin.ts', ...command]);
  if (taken.code !== 0) throw new Error(`iovqa ${command.join(' ')}: exit status ${taken.code}`);
  return { seconds: taken.seconds, bytes: taken.allAnonymousBytes };
}

await measure(FILES, []); // into the cache
const series: { name: string; points: (readonly [number, number])[] }[] = [];
console.log(`| clips | ${counts.map((count) => count.toLocaleString('en')).join(' | ')} | exponent, last two |`);
console.log(`|---${'|---'.repeat(counts.length + 1)}|`);
for (const [name, flags] of [
  ['cached', []],
  ['new', ['--no-cache']],
] as const) {
  const time: [number, number][] = [];
  const memory: [number, number][] = [];
  for (const count of counts) {
    const { seconds, bytes } = await measure(count, flags);
    process.stderr.write(`${name}, ${count}: ${seconds.toFixed(2)} s, ${(bytes / 1e6).toFixed(0)} MB\n`);
    time.push([count, seconds]);
    memory.push([count, bytes / 1e6]);
  }
  for (const [what, points, unit] of [
    [`seconds, ${name}`, time, 's'],
    [`peak RssAnon, ${name}`, memory, 'MB'],
  ] as const) {
    const cells = points.map(([, y]) => `${y.toFixed(unit === 's' ? 2 : 0)} ${unit}`).join(' | ');
    console.log(`| ${what} | ${cells} | ${exponent(points.slice(-2)).toFixed(2)} |`);
    series.push({ name: unit === 's' ? what : `${what}, MB`, points });
  }
}
if (plots !== undefined) {
  mkdirSync(plots, { recursive: true });
  writeFileSync(
    join(plots, 'score-by-clips.svg'),
    logPlot('Scoring by clips of a list', { x: 'clips', y: 's, MB' }, series),
  );
}
rmSync(folder, { recursive: true });
