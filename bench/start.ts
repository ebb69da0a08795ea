// How long the built command line takes to start: node alone, `--version`, `--help`, and the first score of a still and of an mp4 from
// the start of the process to its end, with models new and trained (one with a card computes its golden scores first). All take turns.
// Then where the time of a first score goes, by node's own profile. Results: docs/performance.md.
//   npm run build && npx tsx bench/start.ts [ROUNDS]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { makeClip } from '../test/video/make-clip.ts';
import { spread } from './contestant.ts';

const rounds = Number(process.argv[2] ?? '20');
const bin = process.env['IOVQA_BIN'] ?? fileURLToPath(new URL('../dist/cli/bin.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'iovqa-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const env = { ...process.env, IOVQA_CACHE: 'off' };
const node = (...args: string[]): void => {
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}: ${stderr}`);
};

/** A picture with something in it, as large as a frame of the model's limit. */
async function makePicture(name: string, seed: number): Promise<void> {
  const data = Uint8Array.from({ length: 512 * 512 * 3 }, (_, i) => (i * (seed + 3) + (i >> 9) * 7) & 255);
  await sharp(data, { raw: { width: 512, height: 512, channels: 3 } })
    .jpeg()
    .toFile(join(folder, name));
}

process.stderr.write('making models and clips\n');
const pictures = ['still.jpg', '1.jpg', '2.jpg', '3.jpg'];
for (const [i, name] of pictures.entries()) await makePicture(name, i);
writeFileSync(join(folder, 'clips.csv'), `image,mos\n${pictures.map((name, i) => `${name},${i + 1}\n`).join('')}`);
await makeClip({
  path: join(folder, 'clip.mp4'),
  codec: 'libx264',
  format: 'mp4',
  numFrames: 60,
  width: 640,
  height: 360,
});
for (const size of ['tiny', 'small']) node(bin, 'models', 'new', size, '--preset', size);
const sets = ['method=full', 'epochs=1', 'data.validation.fraction=0.5'].flatMap((set) => ['--set', set]);
node(bin, 'train', '--model', 'small', '--manifest', 'clips.csv', '--out', 'trained', ...sets);

const first = (clip: string, model: string): string[] => [bin, 'score', clip, '--with', model];
const cases: { name: string; args: string[]; limit?: number }[] = [
  { name: 'node alone (`node -e 0`)', args: ['-e', '0'] },
  { name: '`--version`', args: [bin, '--version'], limit: 150 },
  { name: '`--help`', args: [bin, '--help'], limit: 150 },
  ...['tiny', 'small', 'trained'].flatMap((model) =>
    ['still.jpg', 'clip.mp4'].map((clip) => ({
      name: `first score, ${model}, ${clip}`,
      args: first(clip, model),
      limit: 1500,
    })),
  ),
];
const times = cases.map((): number[] => []);
for (let round = -1; round < rounds; round++) {
  for (const [i, { args }] of cases.entries()) {
    const started = performance.now();
    node(...args);
    if (round >= 0) times[i]!.push(performance.now() - started); // the first round brings the files into memory
  }
}
const lines = ['| from start to end of the process | median, ms | quartiles | to reach |', '|---|---|---|---|'];
for (const [i, { name, limit }] of cases.entries()) {
  const { median, low, high } = spread(times[i]!);
  const range = `${low.toFixed(0)}–${high.toFixed(0)}`;
  lines.push(`| ${name} | ${median.toFixed(0)} | ${range} | ${limit === undefined ? '–' : `≤ ${limit}`} |`);
}

/** Parts of a profile: the first whose pattern matches a frame, from the innermost outwards, has the sample. */
const parts: [string, RegExp][] = [
  ['waiting for the decoding process', /^\(idle\)/],
  ['collecting garbage', /^\(garbage collector\)/],
  ['starting ONNX Runtime', /^initOrt /],
  ['opening sessions (tower, text)', /^OnnxruntimeSessionHandler /],
  ['running sessions', /onnxruntime-node.*backend\.js/],
  ['rendering the chat template in a process of its own', /^runApart /],
  ['writing graphs as ONNX', /graph\/onnx\.js/],
  ['building graphs', /\/graph\/\w+\.js|families\/[\w-]+\/(graphs|text|vision|layers)\.js/],
  [
    'opening the model (config, headers, tokenizer)',
    /^(openModel|loadPromptProcessor|readFamilyConfig|loadTokenizer) /,
  ],
  ['cutting patches', /^cutPatches /],
  ['loading modules', /node:internal\/modules|cjs-module-lexer|evaluate|^\(anonymous\).*(node_modules|dist)\//],
];

/** A profile as node writes it. */
interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string }; children?: number[] }[];
  samples: number[];
  timeDeltas: number[];
}

/** Milliseconds by part. */
function partsOf({ nodes, samples, timeDeltas }: Profile): Map<string, number> {
  const parent = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const frames = new Map(
    nodes.map(({ id, callFrame: { functionName, url } }) => [id, `${functionName || '(anonymous)'} ${url}`]),
  );
  const partOf = (id: number): string => {
    for (let at: number | undefined = id; at !== undefined; at = parent.get(at)) {
      const part = parts.find(([, pattern]) => pattern.test(frames.get(at)!));
      if (part !== undefined) return part[0];
    }
    return 'anything else';
  };
  const out = new Map<string, number>();
  for (const [i, id] of samples.entries())
    out.set(partOf(id), (out.get(partOf(id)) ?? 0) + (timeDeltas[i] ?? 0) / 1000);
  return out;
}

for (const model of ['small', 'trained']) {
  const taken = new Map<string, number[]>();
  for (let i = 0; i < 5; i++) {
    const at = mkdtempSync(join(folder, 'profile-'));
    node('--cpu-prof', `--cpu-prof-dir=${at}`, ...first('clip.mp4', model));
    const profile = JSON.parse(readFileSync(join(at, readdirSync(at)[0]!), 'utf8')) as Profile;
    for (const [part, ms] of partsOf(profile)) taken.set(part, [...(taken.get(part) ?? []), ms]);
  }
  lines.push('', `| where the first score goes, ${model}, clip.mp4, main process | ms |`, '|---|---|');
  const medians = [...taken].map(([part, all]) => [part, spread(all).median] as const).toSorted((a, b) => b[1] - a[1]);
  for (const [part, ms] of medians) if (ms >= 1) lines.push(`| ${part} | ${ms.toFixed(0)} |`);
}
process.stdout.write(`${lines.join('\n')}\n`);
