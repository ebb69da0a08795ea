// What fits into which card, as forecast: the largest micro-batch of LoRA for each published size, whole on a card and in shares on eight.
// Needs neither weights nor cards.  npx tsx bench/fits.ts
import type { EngineWork } from '../src/engine/index.ts';
import { forecastDevices } from '../src/engine/index.ts';
import { loraTargets, openModelShape } from '../src/model/index.ts';

const CARDS = [24, 48, 80, 141];
const SIZES = ['3b', '7b', '32b', '72b'];
/** A video of about 640 × 480 pixels by 2 frames, or a picture of that size twice as fine. */
const clip = { tokens: 512, visionTokens: 400, rows: 2 };
const work: EngineWork = {
  lora: { rank: 32, alpha: 32, dropout: 0.1, rslora: false, targets: loraTargets },
  training: { microBatch: 1, gradientCheckpointing: false, clip },
  scoring: { together: 4, clip: { ...clip, rows: 6 } },
};

async function row(size: string, ranks: number, shard: 'none' | 'full'): Promise<string[]> {
  const model = await openModelShape(`qwen2.5-vl-${size}`);
  const cells: string[] = [];
  for (const card of CARDS) {
    const devices = { ranks, precision: 'bfloat16', device: 'cuda' } as const;
    const ways = await forecastDevices({ model, work, devices, deviceBytes: card * 1e9 });
    const most = ways.filter((way) => way.shard === shard).map((way) => way.largestMicroBatch!);
    cells.push(most.every((count) => count === 0) ? '–' : most.join(' / '));
  }
  return [`${size.toUpperCase()}, ${shard === 'none' ? 'whole on each card' : `in shares on ${ranks}`}`, ...cells];
}

const rows = [];
for (const size of SIZES) rows.push(await row(size, 1, 'none'), await row(size, 8, 'full'));
const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
console.log(
  [
    line(['model', ...CARDS.map((card) => `${card} GB`)]),
    line(['---', ...CARDS.map(() => '---')]),
    ...rows.map(line),
  ].join('\n'),
);
