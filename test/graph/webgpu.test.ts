// The graph that is written for WebGPU, run on the CPU: it gives what the other one gives.
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import type { Value } from '../../src/graph/index.ts';
import { input, matmul } from '../../src/graph/index.ts';
import { writeOnnx } from '../../src/graph/onnx.ts';

const stream = randomStream(4);
const values = (shape: readonly number[]): ort.Tensor =>
  new ort.Tensor(
    'float32',
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => stream.normal()),
    shape,
  );

async function run(y: Value, isWebgpu: boolean, feeds: Record<string, ort.Tensor>): Promise<Float32Array> {
  const { bytes } = writeOnnx({ y }, isWebgpu);
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const result = await session.run(feeds);
  await session.release();
  return result['y']!.data as Float32Array;
}

const cases = [[], [3], [2, 3]].flatMap((batch) =>
  [false, true].flatMap((transA) => [false, true].map((transB) => ({ batch, transA, transB }))),
);

describe('the graph for WebGPU', () => {
  it.each(cases)('multiplies alike: $batch, $transA, $transB', async ({ batch, transA, transB }) => {
    const a = [...batch, ...(transA ? [5, 4] : [4, 5])];
    const b = [...batch, ...(transB ? [6, 5] : [5, 6])];
    const y = matmul(input('a', 'float32', a), input('b', 'float32', b), { transA, transB });
    const feeds = { a: values(a), b: values(b) };
    const [plain, webgpu] = [await run(y, false, feeds), await run(y, true, feeds)];
    expect(webgpu).toHaveLength(plain.length);
    expect(Math.max(...plain.map((value, i) => Math.abs(value - webgpu[i]!)))).toBeLessThan(1e-5);
  });
});
