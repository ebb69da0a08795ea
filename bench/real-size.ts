// Scores a picture and trains a few LoRA steps (r = 32, all seven projections, one 448×448 frame) with a checkpoint of real size, and
// sets what that took beside what `iovqa estimate` said. Results: docs/real-sizes.md.
//   npx tsx src/cli/bin.ts models new runs/3b --preset qwen2.5-vl-3b --dtype bf16
//   npx tsx bench/real-size.ts runs/3b
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { randomStream } from '../src/core/index.ts';
import type { RunEstimate } from '../src/train/index.ts';
import { watch } from './process.ts';
import type { Taken } from './process.ts';

const model = process.argv[2];
if (model === undefined) throw new Error('usage: npx tsx bench/real-size.ts MODEL');
const folder = mkdtempSync(join(tmpdir(), 'iovqa-real-size-'));
const iovqa = ['--import', 'tsx', 'src/cli/bin.ts'];
const run = async (args: readonly string[]): Promise<Taken> => {
  const taken = await watch([process.execPath, ...iovqa, ...args]);
  if (taken.code !== 0) throw new Error(`iovqa ${args.join(' ')}: exit status ${taken.code}`);
  return taken;
};

const gb = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;
const s = (seconds: number): string => `${seconds.toFixed(1)} s`;
const percent = (forecast: number, measured: number): string =>
  `${forecast >= measured ? '+' : '−'}${Math.abs(100 * (forecast / measured - 1)).toFixed(0)} %`;

try {
  const rows = ['image,mos'];
  const stream = randomStream(7);
  for (let i = 0; i < 10; i++) {
    const pixels = Buffer.from(Array.from({ length: 448 * 448 * 3 }, () => stream.below(256)));
    const file = join(folder, `${i}.png`);
    await sharp(pixels, { raw: { width: 448, height: 448, channels: 3 } })
      .png()
      .toFile(file);
    if (i < 5) rows.push(`${i}.png,${1 + i}`);
  }
  const manifest = join(folder, 'clips.csv');
  writeFileSync(manifest, `${rows.join('\n')}\n`);
  const out = join(folder, 'run');
  const settings = ['recipe=paper', 'lora.rank=32', 'epochs=1', 'batchSize=1', 'data.validation.fraction=0.2'];
  const recipe = ['--manifest', manifest, '--model', model, ...settings.flatMap((set) => ['--set', set])];

  const forecast = JSON.parse((await run(['estimate', ...recipe, '--json'])).stdout) as RunEstimate;
  const score = (count: number): Promise<Taken> => {
    const pictures = Array.from({ length: count }, (_, i) => join(folder, `${i}.png`));
    return run(['score', ...pictures, '--with', model, '--json']);
  };
  // The tower works some clips ahead while the text model is still being read: only later clips show what one takes.
  const [one, some, many] = [await score(1), await score(4), await score(8)];
  const trained = await run(['train', ...recipe, '--out', out, '--json']);
  const steps = readFileSync(join(out, 'events.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('"type":"step"'))
    .map((line) => Date.parse((JSON.parse(line) as { time: string }).time) / 1000);
  const between = steps.slice(1).map((at, i) => at - steps[i]!);
  const step = [...between].sort((a, b) => a - b)[between.length >> 1]!;
  const part = (name: string): number => forecast.parts.find((candidate) => candidate.name === name)!.seconds;
  const clip = (many.seconds - some.seconds) / 4;
  const clipForecast = part('vision tower') + part('scoring pass');

  console.log(`${model}: ${Math.round(forecast.tokens)} tokens a clip`);
  console.log('| | measured | forecast | |');
  console.log('|---|---|---|---|');
  const line = (what: string, measured: string, said = '', off = ''): void =>
    console.log(`| ${what} | ${measured} | ${said} | ${off} |`);
  line('scoring: the first clip, start included', s(one.seconds));
  line('scoring: each later clip', s(clip), s(clipForecast), percent(clipForecast, clip));
  line('scoring: resident (VmHWM)', gb(many.residentBytes));
  line('scoring: its own (RssAnon)', gb(many.anonymousBytes));
  line('a LoRA step', s(step), s(part('training step')), percent(part('training step'), step));
  line(
    'training: resident (VmHWM)',
    gb(trained.residentBytes),
    gb(forecast.residentBytes),
    percent(forecast.residentBytes, trained.residentBytes),
  );
  line(
    'training: its own (RssAnon)',
    gb(trained.anonymousBytes),
    gb(forecast.ownBytes),
    percent(forecast.ownBytes, trained.anonymousBytes),
  );
  line('the run: tower, 4 steps, validation, checkpoint', s(trained.seconds), s(forecast.seconds));
} finally {
  rmSync(folder, { recursive: true });
}
