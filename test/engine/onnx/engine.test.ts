// The ONNX engine through its interface alone: a toy family trains and predicts, an example that was on disk gives the same bits, and a
// state that was exported goes on.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AttachedModel } from '../../../src/engine/index.ts';
import { openEngine } from '../../../src/engine/index.ts';
import { readPreparedExample, writePreparedExample } from '../../../src/inputs/index.ts';
import type { Checkpoint } from '../../../src/model/index.ts';
import { createRandomCheckpoint, openCheckpoint } from '../../../src/model/index.ts';
import { temporaryFolder } from '../../files/temporary.ts';
import { toyFamilies, writeToyModel } from '../../model/toy-family.ts';
import { example, options } from './small-example.ts';

const runtime = { threads: 1, prepack: false };

async function tiny(): Promise<Checkpoint> {
  const folder = join(temporaryFolder(), 'model');
  await createRandomCheckpoint(folder, { preset: 'tiny' });
  return openCheckpoint(folder);
}
const toy = async (): Promise<Checkpoint> =>
  openCheckpoint(await writeToyModel(join(temporaryFolder(), 'toy')), { families: toyFamilies });

/** Copies a state, as a file would. */
async function* copyOf(model: AttachedModel, what: 'parameters' | 'optimizer') {
  for (const { name, read } of model.exportState(what)) yield [name, (await read()).slice()] as const;
}

describe.each([
  ['Qwen2.5-VL', tiny],
  ['a toy family', toy],
])('%s', (_, open) => {
  test('trains and predicts, and an example that was on disk gives the same bits', async () => {
    const checkpoint = await open();
    await using engine = await openEngine(checkpoint, { runtime });
    const { train, score } = await example(checkpoint, engine);
    const file = join(temporaryFolder(), 'example.safetensors');
    await writePreparedExample(file, train);
    const read = await readPreparedExample(file);
    expect(read).toEqual(train);
    const [one, other] = [await engine.attach(options(checkpoint)), await engine.attach(options(checkpoint))];
    const losses: number[] = [];
    for (let i = 0; i < 12; i++) {
      const result = await one.update([train], 2e-2);
      expect(await other.update([read], 2e-2)).toEqual(result);
      losses.push(result.loss);
    }
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.2);
    const [first, second] = [await one.predict([score]), await other.predict([score])];
    expect(second).toEqual(first);
    expect(first[0]).toMatchObject({ legalMass: expect.any(Number) as number });
  });

  test('goes on from an exported state with the same bits', async () => {
    const checkpoint = await open();
    await using engine = await openEngine(checkpoint, { runtime });
    const { train } = await example(checkpoint, engine);
    const [one, other] = [await engine.attach(options(checkpoint)), await engine.attach(options(checkpoint))];
    for (let i = 0; i < 3; i++) await one.update([train], 1e-2);
    await other.importState({ what: 'parameters', tensors: copyOf(one, 'parameters') });
    await other.importState({ what: 'optimizer', tensors: copyOf(one, 'optimizer'), step: one.step });
    expect(other.step).toBe(3);
    expect(await other.update([train], 1e-2)).toEqual(await one.update([train], 1e-2));
  });
});
