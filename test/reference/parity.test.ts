// Live comparison with transformers on random checkpoints of many shapes: windows, positions, features, hidden states, logits.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readSafetensorsHeader, readTensor } from '../../src/files/index.ts';
import { compile, input } from '../../src/graph/index.ts';
import type { Checkpoint } from '../../src/model/index.ts';
import { openCheckpoint } from '../../src/model/index.ts';
import { frozenWeights } from '../../src/model/weights.ts';
import type { QwenTextConfig, QwenVisionConfig } from '../../src/model/families/qwen2-5-vl/config.ts';
import { embedTokens, headLogits, layerInputs, textHidden } from '../../src/model/families/qwen2-5-vl/text.ts';
import type { ModelConfig } from '../../src/model/families/sizes.ts';
import type { VisionSpan } from '../../src/prompt/index.ts';
import { windowOrder } from '../model/window-order.ts';
import type { VisionDescription } from './clips.ts';
import { featuresOf, positionsOf, rowsOf, spansOf } from './clips.ts';
import { needsPython, python, relativeError, runPython } from './python.ts';

type QwenCheckpoint = Checkpoint & ModelConfig<QwenTextConfig, QwenVisionConfig>;

/** One checkpoint with what goes in, and what transformers makes of it. */
interface Case {
  name: string;
  checkpoint: QwenCheckpoint;
  visions: VisionSpan[];
  /** A tensor that the reference wrote. */
  tensor: (name: string) => Promise<Float32Array>;
}

async function makeCases(folder: string): Promise<Case[]> {
  const { cases } = (await runPython('parity.py', folder)) as { cases: Record<string, VisionDescription[]> };
  return Promise.all(
    Object.entries(cases).map(async ([name, visions]): Promise<Case> => {
      const header = await readSafetensorsHeader(join(folder, `${name}.safetensors`));
      const checkpoint = (await openCheckpoint(join(folder, name))) as QwenCheckpoint;
      return { name, checkpoint, visions: spansOf(visions), tensor: (tensor) => readTensor(header, tensor) };
    }),
  );
}

describe.skipIf(python === undefined)(`against transformers (${needsPython})`, async () => {
  const folder = python === undefined ? '' : mkdtempSync(join(tmpdir(), 'iovqa-parity-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const cases = python === undefined ? [] : await makeCases(folder);

  it('covers one and several files, both layouts, three element types, tied and untied heads', async () => {
    const facts = cases.map(({ checkpoint }) => ({
      files: readdirSync(checkpoint.folder).filter((name) => name.endsWith('.safetensors')).length,
      dtype: checkpoint.stored('embed_tokens.weight').dtype,
      tied: checkpoint.text.tieWordEmbeddings,
      group: checkpoint.text.numHeads / checkpoint.text.numKvHeads,
    }));
    expect(new Set(facts.map(({ dtype }) => dtype))).toEqual(new Set(['float32', 'bfloat16', 'float16']));
    expect(new Set(facts.map(({ tied }) => tied)).size).toBe(2);
    expect(Math.max(...facts.map(({ files }) => files))).toBeGreaterThan(2);
    expect(new Set(facts.map(({ group }) => group))).toEqual(new Set([1, 2, 3, 4, 5, 7, 8]));
  });

  it.each(cases)('$name: windows and positions are equal', async ({ checkpoint, visions, tensor }) => {
    const grids = visions.map(({ grid }) => grid);
    expect(windowOrder(grids, checkpoint.vision)).toEqual([...(await tensor('windowOrder'))]);
    const want = await tensor('positions');
    expect([...positionsOf(checkpoint, visions, want.length / 3, 'transformers-5.17')]).toEqual([...want]);
  });

  it.each(cases)('$name: features, hidden states and logits', async ({ checkpoint, visions, tensor }) => {
    const { family, text, stored } = checkpoint;
    const seen = await featuresOf(checkpoint, visions, await tensor('pixels'));
    expect(relativeError(seen, await tensor('features'))).toBeLessThan(1e-5);
    const example = rowsOf(checkpoint, visions, await tensor('ids'));
    const C = text.hiddenSize;
    const weights = frozenWeights(stored);
    const embedded = embedTokens(input('features', 'float32', ['M', C]), weights);
    const hidden = textHidden(embedded, 0, layerInputs(text), text, weights, null);
    await using session = await compile({ hidden, logits: headLogits(hidden, text, weights) });
    const got = await session.run({
      ...family.feeds.text([{ example, rows: [...example.tokenIds.keys()] }], text, 0),
      features: { data: seen, shape: [seen.length / C, C] },
    });
    expect(relativeError(got.hidden.data, await tensor('hidden'))).toBeLessThan(1e-5);
    expect(relativeError(got.logits.data, await tensor('logits'))).toBeLessThan(1e-5);
  });

  it('differs in the positions that 5.18 mends, and in them alone', async () => {
    const changed: string[] = [];
    for (const { name, checkpoint, visions, tensor } of cases) {
      const want = await tensor('positions');
      const ours = positionsOf(checkpoint, visions, want.length / 3, 'transformers');
      if (want.some((position, i) => position !== ours[i])) changed.push(name);
    }
    // Four temporal patches a quarter of a second apart, and of one and a half; one patch, or whole seconds, do not show it.
    expect(changed).toEqual(['hub-sharded', 'hub-untied']);
  });
});
