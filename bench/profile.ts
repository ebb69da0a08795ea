// Where the time of a LoRA step goes, by kind of op: a run of its graph under the runtime's own profiler.
//   npx tsx bench/profile.ts runs/304m
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { collate, pickFeeds } from '../src/engine/onnx/index.ts';
import { stepGraph } from '../src/engine/onnx/step.ts';
import type { Value } from '../src/graph/index.ts';
import { gradients } from '../src/graph/index.ts';
import { writeOnnx } from '../src/graph/onnx.ts';
import { adapterShapes, initLora, loraTargets, openCheckpoint } from '../src/model/index.ts';
import { objectives } from '../src/objectives/index.ts';
import { ourExample, plainExample } from './example.ts';

const [folder, threads = '2'] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: npx tsx bench/profile.ts MODEL [THREADS]');
const RANK = 32;
const checkpoint = await openCheckpoint(folder);
const { family, text, stored } = checkpoint;
const lora = { rank: RANK, alpha: 32, dropout: 0.1, targets: [...loraTargets], rslora: false };
const { form } = objectives['integer-only'];
const graph = stepGraph({ model: checkpoint, lora, form, numColumns: 0 });
const names = [...graph.parameters.keys()];
const outputs: Record<string, Value> = { loss: graph.loss };
gradients(graph.loss, [...graph.parameters.values()]).forEach((g, i) => (outputs[`gradient:${names[i]!}`] = g));
const model = writeOnnx(outputs);

const prefix = join(mkdtempSync(join(tmpdir(), 'iovqa-profile-')), 'run');
const session = await ort.InferenceSession.create(model.bytes, {
  intraOpNumThreads: Number(threads),
  enableMemPattern: false,
  enableProfiling: true,
  profileFilePrefix: prefix,
  logSeverityLevel: 3,
  extra: {
    session: { disable_prepacking: '1', model_external_initializers_file_folder_path: model.weightsFolder },
    optimization: { disable_specified_optimizers: 'ConstantFolding' },
  },
});
const features = new Float32Array(256 * text.hiddenSize).map((_, i) => Math.sin(i));
const seen = { vision: { kind: 'features', features }, dropoutKey: 1 } as const;
const example = ourExample(plainExample(checkpoint), checkpoint, seen);
const parameters = initLora(
  adapterShapes(family.lora, lora, text.numLayers, (name) => stored(name).shape),
  0,
);
const feeds: Record<string, ort.Tensor> = {};
const typeOf = { float32: 'float32', int64: 'int64', uint32: 'uint32', bool: 'bool' } as const;
const all = collate([example], { form, batchWeight: 1, model: checkpoint, dropout: true });
for (const [name, { data, shape }] of Object.entries(pickFeeds([...model.inputs.keys()], all))) {
  const { dtype } = model.inputs.get(name)!;
  feeds[name] = new ort.Tensor(typeOf[dtype as keyof typeof typeOf], data as Float32Array, shape);
}
for (const [name, { shape }] of graph.parameters) {
  feeds[name] = new ort.Tensor('float32', parameters.get(name)!, shape as number[]);
}
const RUNS = 6;
for (let i = 0; i < RUNS; i++) for (const out of Object.values(await session.run(feeds))) out.dispose();
session.endProfiling();

interface Event {
  cat: string;
  name: string;
  ts: number;
  dur: number;
  args?: { op_name?: string; input_type_shape?: Record<string, number[]>[] };
}
const folderOfProfile = join(prefix, '..');
const file = join(folderOfProfile, readdirSync(folderOfProfile)[0]!);
const events = JSON.parse(readFileSync(file, 'utf8')) as Event[];
rmSync(folderOfProfile, { recursive: true });

/** What a product is for, by the sizes of what goes in. */
function kindOf({ args }: Event): string {
  const op = args!.op_name!;
  if (!['MatMul', 'FusedMatMul', 'Gemm'].includes(op)) {
    return ['Reshape', 'Shape', 'Identity', 'Transpose', 'Slice', 'Concat', 'Pad', 'Split', 'Expand'].includes(op)
      ? 'shapes and layout'
      : `by element: ${op}`;
  }
  const shapes = (args!.input_type_shape ?? []).map((input) => Object.values(input)[0]!);
  if (shapes.flat().includes(text.vocabSize)) return 'products with the head';
  if (shapes.some((shape) => shape.length > 2)) return 'products of attention';
  return shapes.flat().includes(RANK) ? 'products of LoRA' : 'products with frozen weights';
}
const runs = events.filter(({ name }) => name === 'model_run').slice(1);
const seconds = new Map<string, { ms: number; count: number }>();
for (const event of events) {
  if (event.cat !== 'Node' || !event.name.endsWith('_kernel_time') || event.ts < runs[0]!.ts) continue;
  const kind = kindOf(event);
  const before = seconds.get(kind) ?? { ms: 0, count: 0 };
  seconds.set(kind, { ms: before.ms + event.dur / 1000 / runs.length, count: before.count + 1 / runs.length });
}
const total = runs.reduce((sum, { dur }) => sum + dur / 1000 / runs.length, 0);
const sorted = [...seconds].sort(([, a], [, b]) => b.ms - a.ms);
const rest = total - sorted.reduce((sum, [, { ms }]) => sum + ms, 0);
console.log('| kind | nodes | ms | |');
console.log('|---|---|---|---|');
const line = (kind: string, count: string, ms: number): void =>
  console.log(`| ${kind} | ${count} | ${ms.toFixed(1)} | ${((100 * ms) / total).toFixed(1)} % |`);
for (const [kind, { ms, count }] of sorted.slice(0, 14)) line(kind, count.toFixed(0), ms);
const other = sorted.slice(14);
line(
  'other ops',
  other.reduce((sum, [, { count }]) => sum + count, 0).toFixed(0),
  other.reduce((sum, [, { ms }]) => sum + ms, 0),
);
line('between the ops', '', rest);
line('the step', '', total);
