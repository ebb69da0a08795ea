// How the cost of a LoRA step grows: time and peak memory of its own against tokens, batch, layers and rank, each size in a process of its
// own. Prints tables with the exponents and writes plots. Results: docs/performance.md.
//   npx tsx bench/growth.ts runs/304m [docs/performance]
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCheckpoint } from '../src/model/index.ts';
import { spread, startContestant } from './contestant.ts';
import type { ExampleSize } from './example.ts';
import { plainExample } from './example.ts';
import { exponent, logPlot } from './plot.ts';

const [model, plots] = process.argv.slice(2);
if (model === undefined) throw new Error('usage: npx tsx bench/growth.ts MODEL [FOLDER]');
const checkpoint = await openCheckpoint(model);
const STEPS = 4;
/** An example of so many tokens: a picture of 256 where there is room, else of 16; the rest is text. */
const ofTokens = (tokens: number): ExampleSize => {
  const side = tokens > 300 ? 32 : 8;
  return { side, text: tokens - (side / 2) ** 2 - 26 };
};

interface Point {
  x: number;
  seconds: number;
  bytes: number;
}

async function measure(x: number, size: ExampleSize, options: object): Promise<Point> {
  const example = JSON.stringify(plainExample(checkpoint, size));
  const command = [process.execPath, '--import', 'tsx', 'bench/ours/step.ts', model!, '2', example];
  const who = await startContestant(`${x}`, [...command, JSON.stringify(options)]);
  const seconds: number[] = [];
  await who.run();
  for (let i = 0; i < STEPS; i++) seconds.push((await who.run()).seconds);
  await who.stop();
  const point = { x, seconds: spread(seconds).median, bytes: who.peakAnonymousBytes() };
  process.stderr.write(`${JSON.stringify(options)} ${x}: ${point.seconds.toFixed(3)} s, ${point.bytes / 1e9} GB\n`);
  return point;
}

const axes: [string, readonly number[], (x: number) => [ExampleSize, object]][] = [
  ['tokens', [128, 256, 512, 1024, 2048, 4096], (x) => [ofTokens(x), {}]],
  [
    'tokens, layers computed again',
    [128, 256, 512, 1024, 2048, 4096],
    (x) => [ofTokens(x), { gradientCheckpointing: true }],
  ],
  ['clips a run', [1, 2, 4, 8], (x) => [{}, { batch: x }]],
  ['layers', [1, 2, 4, 8], (x) => [{}, { layers: x }]],
  ['rank', [8, 32, 128, 512], (x) => [{}, { rank: x }]],
];
for (const [name, sizes, of] of axes) {
  const points: Point[] = [];
  for (const x of sizes) points.push(await measure(x, ...of(x)));
  const time = points.map(({ x, seconds }) => [x, seconds] as const);
  const memory = points.map(({ x, bytes }) => [x, bytes / 1e9] as const);
  console.log(
    `\n| ${name} | ${sizes.map((x) => x.toLocaleString('en')).join(' | ')} | exponent, all | exponent, last two |`,
  );
  console.log(`|---${'|---'.repeat(sizes.length + 2)}|`);
  for (const [what, values, unit] of [
    ['seconds a step', time, 's'],
    ['peak RssAnon', memory, 'GB'],
  ] as const) {
    const cells = values.map(([, y]) => `${y.toFixed(2)} ${unit}`).join(' | ');
    console.log(`| ${what} | ${cells} | ${exponent(values).toFixed(2)} | ${exponent(values.slice(-2)).toFixed(2)} |`);
  }
  if (plots === undefined) continue;
  mkdirSync(plots, { recursive: true });
  const file = `step-by-${name.replace(/, .*/, '-again').replaceAll(' ', '-')}.svg`;
  const series = [
    { name: 'seconds a step', points: time },
    { name: 'peak memory, GB', points: memory },
  ];
  writeFileSync(join(plots, file), logPlot(`A LoRA step by ${name}`, { x: name, y: 'seconds, GB' }, series));
}
