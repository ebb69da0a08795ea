// Which ops of a training step a provider takes, which are left to the CPU, and what both cost: a run under the runtime's profiler.
//   npx tsx bench/webgpu/placement.ts runs/small webgpu [full]
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { stepGraph } from '../../src/engine/onnx/step.ts';
import type { Value } from '../../src/graph/index.ts';
import { gradients } from '../../src/graph/index.ts';
import { writeOnnx } from '../../src/graph/onnx.ts';
import { pickFeeds } from '../../src/engine/onnx/index.ts';
import { allParameters, form, lora, loraParameters, openModel, stepFeeds } from './common.ts';

const [folder, provider = 'webgpu', method] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: npx tsx bench/webgpu/placement.ts MODEL [PROVIDER] [full]');
const isFull = method === 'full';
const checkpoint = await openModel(folder);
const graph = stepGraph({ model: checkpoint, lora: isFull ? null : lora, form, numColumns: 0 });
const outputs: Record<string, Value> = { loss: graph.loss };
const names = [...graph.parameters.keys()];
gradients(graph.loss, [...graph.parameters.values()]).forEach((g, i) => (outputs[`gradient:${names[i]!}`] = g));
const isWebgpu = provider === 'webgpu';
const model = writeOnnx(outputs, isWebgpu);
const hashesOnCpu = isWebgpu && model.hashNodes.length > 0;
const prefix = join(mkdtempSync(join(tmpdir(), 'iovqa-placement-')), 'run');
const files = model.weightsFolder === null ? {} : { model_external_initializers_file_folder_path: model.weightsFolder };
const session = await ort.InferenceSession.create(model.bytes, {
  executionProviders: [hashesOnCpu ? { name: provider, forceCpuNodeNames: model.hashNodes } : provider],
  enableMemPattern: false,
  enableProfiling: true,
  profileFilePrefix: prefix,
  logSeverityLevel: 3,
  extra: { session: files, optimization: { disable_specified_optimizers: 'ConstantFolding' } },
});
const parameters = isFull ? await allParameters(checkpoint) : loraParameters(checkpoint);
// The batches of bench/webgpu/step.ts.
const size = isFull ? { sides: Array.from({ length: 64 }, () => 16), text: 30 } : { sides: [32] };
const typeOf = { float32: 'float32', int64: 'int64', uint32: 'uint32', bool: 'bool' } as const;
const feeds: Record<string, ort.Tensor> = {};
const given = pickFeeds([...model.inputs.keys()], stepFeeds(checkpoint, size, isFull));
for (const [name, { data, shape }] of Object.entries(given)) {
  const { dtype } = model.inputs.get(name)!;
  feeds[name] = new ort.Tensor(typeOf[dtype as keyof typeof typeOf], data as Float32Array, shape);
}
for (const [name, { shape }] of graph.parameters) {
  feeds[name] = new ort.Tensor('float32', parameters.get(name)!, shape as number[]);
}
const RUNS = 3;
for (let i = 0; i < RUNS; i++) for (const out of Object.values(await session.run(feeds))) out.dispose();
session.endProfiling();

interface Event {
  cat: string;
  name: string;
  ts: number;
  dur: number;
  args?: { op_name?: string; provider?: string; shapes?: string };
}
const place = join(prefix, '..');
const events = JSON.parse(readFileSync(join(place, readdirSync(place)[0]!), 'utf8')) as Event[];
rmSync(place, { recursive: true });
const runs = events.filter(({ name }) => name === 'model_run');
const last = runs.at(-1)!;
const table = new Map<string, { nodes: number; ms: number; gpu: number }>();
const lineOf = (key: string): { nodes: number; ms: number; gpu: number } => {
  let line = table.get(key);
  if (line === undefined) table.set(key, (line = { nodes: 0, ms: 0, gpu: 0 }));
  return line;
};
for (const { cat, name, ts, dur, args } of events) {
  if (cat !== 'Node' || !name.endsWith('_kernel_time') || ts < last.ts) continue;
  const line = lineOf(`${args!.provider!.replace('ExecutionProvider', '')} | ${args!.op_name!}`);
  line.nodes++;
  line.ms += dur / 1000;
}
// WebGPU's own times, in a clock of their own: as many in each run. Their names are node&op&program.
const kernels = events.filter(({ cat }) => cat === 'Api').sort((a, b) => a.ts - b.ts);
const costly = new Map<string, { count: number; gpu: number }>();
for (const { name, dur, args } of kernels.slice(kernels.length - kernels.length / RUNS)) {
  const [, op, program] = name.split('&');
  lineOf(`WebGpu | ${op!}`).gpu += dur / 1000;
  const key = `${program!} ${args?.shapes ?? ''}`;
  const { count, gpu } = costly.get(key) ?? { count: 0, gpu: 0 };
  costly.set(key, { count: count + 1, gpu: gpu + dur / 1000 });
}
console.log(`| provider | op | nodes | ms of the CPU | ms of the GPU |\n|---|---|---|---|---|`);
for (const [key, { nodes, ms, gpu }] of [...table].sort(([a], [b]) => (a < b ? -1 : 1))) {
  console.log(`| ${key} | ${nodes} | ${ms.toFixed(1)} | ${gpu.toFixed(2)} |`);
}
console.log(`\n| costliest kernels | runs | ms of the GPU |\n|---|---|---|`);
for (const [key, { count, gpu }] of [...costly].sort(([, a], [, b]) => b.gpu - a.gpu).slice(0, 25)) {
  console.log(`| ${key} | ${count} | ${gpu.toFixed(2)} |`);
}
const total = [...table.values()].reduce((sum, { gpu }) => sum + gpu, 0);
console.log(`
the last of ${RUNS} runs under the profiler took ${(last.dur / 1000).toFixed(0)} ms, ${total.toFixed(1)} of them in kernels of the GPU; the first \
${(runs[0]!.dur / 1000).toFixed(0)} ms`);
