// Live comparison with transformers on random checkpoints of many shapes: windows, positions, features, hidden states, logits.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ropePositions, textFeeds } from '../../src/example/index.ts';
import { readSafetensorsHeader, readTensor } from '../../src/files/index.ts';
import { compile, input } from '../../src/graph/index.ts';
import type { Checkpoint, PatchGrid, VisionPatches } from '../../src/model/index.ts';
import {
  compileVisionEncoder,
  frozenWeights,
  headLogits,
  openCheckpoint,
  textHidden,
  textInputs,
  windowOrder,
} from '../../src/model/index.ts';
import type { VisionSpan } from '../../src/prompt/index.ts';
import { needsPython, python, relativeError, runPython } from './python.ts';

interface Description {
  versions: Record<string, string>;
  cases: Record<string, { kind: 'image' | 'video'; grid: [number, number, number]; secondsPerGrid: number | null }[]>;
}

/** One checkpoint with what goes in, and what transformers makes of it. */
interface Case {
  name: string;
  checkpoint: Checkpoint;
  visions: VisionSpan[];
  /** A tensor that the reference wrote. */
  tensor: (name: string) => Promise<Float32Array>;
}

async function makeCases(folder: string): Promise<Case[]> {
  const { cases } = (await runPython('parity.py', folder)) as Description;
  return Promise.all(
    Object.entries(cases).map(async ([name, visions]): Promise<Case> => {
      const header = await readSafetensorsHeader(join(folder, `${name}.safetensors`));
      let start = 7;
      const spans = visions.map(({ kind, grid: [t, h, w], secondsPerGrid }): VisionSpan => {
        const length = (t * h * w) / 4;
        const span = { kind, grid: { t, h, w }, start: start + 1, length };
        start += length + 2;
        return secondsPerGrid === null ? span : { ...span, secondsPerGrid };
      });
      const checkpoint = await openCheckpoint(join(folder, name));
      return { name, checkpoint, visions: spans, tensor: (tensor) => readTensor(header, tensor) };
    }),
  );
}

/** The pixels of a case, cut at its images. */
async function patches({ visions, tensor }: Case): Promise<VisionPatches[]> {
  const pixels = await tensor('pixels');
  let start = 0;
  return visions.map(({ grid }) => {
    const end = start + grid.t * grid.h * grid.w * 1176;
    const own = { grid, pixels: pixels.subarray(start, end) };
    start = end;
    return own;
  });
}

async function features(one: Case): Promise<Float32Array> {
  await using tower = await compileVisionEncoder(one.checkpoint.vision, one.checkpoint.stored);
  return await tower.encode(await patches(one));
}

const positionsOf = ({ visions, checkpoint }: Case, length: number, rule: 'transformers' | 'transformers-5.17') =>
  ropePositions({ length, visions, tokensPerSecond: checkpoint.vision.tokensPerSecond, rule });

describe.skipIf(python === undefined)(`against transformers (${needsPython})`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'iovqa-parity-'));
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

  it.each(cases)('$name: windows and positions are equal', async (one) => {
    const grids: PatchGrid[] = one.visions.map(({ grid }) => grid);
    expect(windowOrder(grids, one.checkpoint.vision)).toEqual([...(await one.tensor('windowOrder'))]);
    const want = await one.tensor('positions');
    expect([...positionsOf(one, want.length / 3, 'transformers-5.17')]).toEqual([...want]);
  });

  it.each(cases)('$name: features, hidden states and logits', async (one) => {
    const { text, stored } = one.checkpoint;
    const seen = await features(one);
    expect(relativeError(seen, await one.tensor('features'))).toBeLessThan(1e-5);
    const ids = Int32Array.from(await one.tensor('ids'));
    const slots = new Int32Array(ids.length).fill(-1);
    let slot = 0;
    for (const { start, length } of one.visions) for (let i = 0; i < length; i++) slots[start + i] = slot++;
    const example = {
      tokenIds: ids,
      positions: positionsOf(one, ids.length, 'transformers-5.17'),
      visionSlots: slots,
      branchParent: new Int32Array(ids.length).fill(-1),
      promptLength: ids.length,
    };
    const C = text.hiddenSize;
    const weights = frozenWeights(stored);
    const hidden = textHidden(textInputs(text.headDim), input('features', 'float32', ['M', C]), text, weights, null);
    await using session = await compile({ hidden, logits: headLogits(hidden, text, weights) });
    const got = await session.run({
      ...textFeeds([{ example, rows: [...ids.keys()] }], text),
      features: { data: seen, shape: [seen.length / C, C] },
    });
    expect(relativeError(got.hidden.data, await one.tensor('hidden'))).toBeLessThan(1e-5);
    expect(relativeError(got.logits.data, await one.tensor('logits'))).toBeLessThan(1e-5);
  });

  it('differs in the positions that 5.18 mends, and in them alone', async () => {
    const changed: string[] = [];
    for (const one of cases) {
      const want = await one.tensor('positions');
      const ours = positionsOf(one, want.length / 3, 'transformers');
      if (want.some((position, i) => position !== ours[i])) changed.push(one.name);
    }
    // Four temporal patches a quarter of a second apart, and of one and a half; one patch, or whole seconds, do not show it.
    expect(changed).toEqual(['hub-sharded', 'hub-untied']);
  });
});
