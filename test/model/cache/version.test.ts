// The tripwire of FEATURES_VERSION: what frozen parts compute follows from their graphs, the feeds and the patches. Where one of them
// has changed, numbers that are kept may be others than those that would be computed now.
import { createHash } from 'node:crypto';
import { fromBinary, toJsonString } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { expect, test } from 'vitest';
import type { Value } from '../../../src/graph/index.ts';
import { input } from '../../../src/graph/index.ts';
import { writeOnnx } from '../../../src/graph/onnx.ts';
import { FEATURES_VERSION } from '../../../src/model/cache/frozen-part.ts';
import { frozenWeights } from '../../../src/model/weights.ts';
import { visionFeeds } from '../../../src/model/families/qwen2-5-vl/feeds.ts';
import { embedTokens, layerInputs, frozenPrefix } from '../../../src/model/families/qwen2-5-vl/text.ts';
import { visionFeatures, visionInputs } from '../../../src/model/families/qwen2-5-vl/vision.ts';
import type { StoredTensor } from '../../../src/model/index.ts';
import { cutPatches } from '../../../src/video/index.ts';
import { shapeOf, textConfig, vision } from '../../engine/onnx/fed-model.ts';

const text = textConfig(300);
const stored = (name: string): StoredTensor => ({
  dtype: 'bfloat16',
  shape: shapeOf(text)(name),
  source: { file: '/weights/model.safetensors', offset: 0, length: 2 },
});

/** A graph's ONNX form, with values named in the order in which they turn up. */
function onnxOf(outputs: Readonly<Record<string, Value>>): string {
  const names = new Map<string, string>();
  return toJsonString(ModelProtoSchema, fromBinary(ModelProtoSchema, writeOnnx(outputs).bytes)).replaceAll(
    /[A-Za-z]+_\d+/g,
    (name) => {
      if (!names.has(name)) names.set(name, `#${names.size}`);
      return names.get(name)!;
    },
  );
}

const digest = (content: string): string => createHash('sha256').update(content).digest('hex').slice(0, 16);
/** Rounded: the last bits of sines are the engine's. */
const numbers = (data: Iterable<number | bigint>): string => Array.from(data, (x) => Number(x).toFixed(4)).join();

test('raise FEATURES_VERSION in src/model/cache/frozen-part.ts, and change this with it', () => {
  const frames = [0, 1, 2].map((n) => ({
    width: 84,
    height: 56,
    data: Uint8Array.from({ length: 84 * 56 * 3 }, (_, i) => (i * 7 + n * 31) % 256),
  }));
  const options = { patchSize: 14, mergeSize: 2, temporalPatchSize: 2, mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.4] };
  const cut = cutPatches('video', frames, options as unknown as Parameters<typeof cutPatches>[2]);
  const picture = cutPatches('image', frames.slice(0, 1), options as unknown as Parameters<typeof cutPatches>[2]);
  const feeds = visionFeeds(cut.pixels, [cut.grid], vision);
  const towerGraph = (): Value => visionFeatures(visionInputs(vision), vision, frozenWeights(stored));
  expect(onnxOf({ features: towerGraph() })).toBe(onnxOf({ features: towerGraph() }));
  const weights = frozenWeights(stored);
  const embedded = embedTokens(input('features', 'float32', ['M', text.hiddenSize]), weights);
  const hidden = frozenPrefix(embedded, 1, layerInputs(text), text, weights);
  expect({
    version: FEATURES_VERSION,
    tower: digest(onnxOf({ features: towerGraph() })),
    lower: digest(onnxOf({ hidden })),
    patches: digest(numbers(cut.pixels) + numbers(picture.pixels)),
    feeds: digest(
      Object.entries(feeds)
        .map(([name, { data, shape }]) => `${name} ${shape.join()} ${numbers(data)}`)
        .join('\n'),
    ),
  }).toMatchInlineSnapshot(`
    {
      "feeds": "c0b7b52963967e71",
      "lower": "aa47e797b866e17c",
      "patches": "085f45ab8089459a",
      "tower": "b1fb5c160f0192bb",
      "version": 1,
    }
  `);
});
