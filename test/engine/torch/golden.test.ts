// Before workers are trusted with a model, they score the golden pictures: in either precision, once, and wrong ones are refused.
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { OpenEngine } from '../../../src/engine/index.ts';
import { openEngine } from '../../../src/engine/index.ts';
import type { Card, Checkpoint } from '../../../src/model/index.ts';
import { embeddedAdapter, embeddedModel, openCheckpoint } from '../../../src/model/index.ts';
import { exportAdapter, loadScorer } from '../../../src/score/index.ts';
import { loadEnsemble } from '../../../src/study/index.ts';
import { resolveRecipe, train } from '../../../src/train/index.ts';
import { temporaryFolder } from '../../files/temporary.ts';
import { needsPython, python } from '../../reference/python.ts';
import { writePicture } from '../../train/run-fixtures.ts';
import { asFloat32 } from '../../../src/model/features.ts';

describe.skipIf(python === undefined)(`golden scores of torch workers (${needsPython})`, () => {
  const runtime = { engine: 'torch', python, threads: 1, devices: 1 } as const;
  /** Opens engines whose features are changed, and says which. */
  const opener = (change: (features: Float32Array) => Float32Array): { opened: string[]; open: OpenEngine } => {
    const opened: string[] = [];
    const open: OpenEngine = async (checkpoint: Checkpoint, options) => {
      const engine = await openEngine(checkpoint, options);
      opened.push(engine.precision);
      const encode = async (...pictures: Parameters<typeof engine.encode>): Promise<Float32Array> =>
        change(asFloat32(await engine.encode(...pictures)));
      return { ...engine, encode };
    };
    return { opened, open };
  };
  const load = async (open: OpenEngine, precision: 'float32' | 'bfloat16'): Promise<void> => {
    const options = { model: embeddedModel(), cache: false, workers: 1, openEngine: open } as const;
    const scorer = await loadScorer(embeddedAdapter(), { ...options, runtime: { ...runtime, precision } });
    await scorer.close();
  };

  test('right ones are trusted: asked once for the same settings, and in float32, too, where they are to compute in bfloat16', async () => {
    const { opened, open } = opener((features) => features);
    // The workers of one engine that is open serve all.
    await using _ = await openEngine(await openCheckpoint(embeddedModel()), { runtime });
    await load(open, 'float32');
    expect(opened).toEqual(['float32', 'float32']);
    await load(open, 'bfloat16');
    expect(opened.slice(2)).toEqual(['bfloat16', 'float32', 'bfloat16']);
    await load(open, 'bfloat16');
    expect(opened.slice(5)).toEqual(['bfloat16']);
    // 2 % off in the features: bfloat16 hides it, float32 does not.
    for (const precision of ['float32', 'bfloat16'] as const) {
      await expect(load(opener((features) => features.map((value) => 1.02 * value)).open, precision)).rejects.toThrow(
        expect.objectContaining({
          code: 'not-supported',
          message: expect.stringMatching(
            /^torch 2\S* float32: expected the model that ships to score 0\.31\d+ for a golden picture, to 0\.0001, got 0\.31/,
          ) as string,
          hint: expect.stringContaining('doctor says which versions they are') as string,
        }) as Error,
      );
    }
    await expect(load(opener((features) => features.toReversed()).open, 'bfloat16')).rejects.toThrow(
      /bfloat16: expected .* to 0\.03, got/,
    );
  }, 300_000);

  test('cards are asked, too: by an ensemble, by training that begins from an adapter, and by an export, which says its precision', async () => {
    const folder = temporaryFolder();
    const adapter = join(folder, 'adapter');
    await cp(embeddedAdapter(), adapter, { recursive: true });
    const card = JSON.parse(await readFile(join(adapter, 'iovqa.json'), 'utf8')) as Card;
    card.goldenScores[0]!.score += 0.01; // more than float32 may be off, and less than bfloat16
    await writeFile(join(adapter, 'iovqa.json'), JSON.stringify({ ...card, baseModel: embeddedModel() }));
    await using _ = await openEngine(await openCheckpoint(embeddedModel()), { runtime });

    const ensemble = (precision: 'float32' | 'bfloat16'): Promise<AsyncDisposable> =>
      loadEnsemble([{ path: adapter }], { cache: false, workers: 1, runtime: { ...runtime, precision } });
    await expect(ensemble('float32')).rejects.toThrow(/expected its golden picture to score 0\.32/);
    await (await ensemble('bfloat16'))[Symbol.asyncDispose]();

    await writePicture(join(folder, 'a.png'), 1);
    await writeFile(join(folder, 'clips.csv'), 'image,mos\na.png,0.5\n');
    const recipe = resolveRecipe({
      base: {
        model: embeddedModel(),
        adapter,
        out: join(folder, 'run'),
        data: { manifest: join(folder, 'clips.csv'), validation: null, scale: '0-1' },
        runtime: { engine: 'torch', precision: 'float32', threads: 1, workers: 1, cache: false },
      },
    });
    const withPython: OpenEngine = (checkpoint, options) =>
      openEngine(checkpoint, { ...options, runtime: { ...options?.runtime, python } });
    await expect(train(recipe, { openEngine: withPython }).next()).rejects.toThrow(
      `${adapter}: expected its golden picture to score 0.32`,
    );

    const exported = async (precision: 'float32' | 'bfloat16'): Promise<[number | null, Card]> => {
      const to = join(folder, precision);
      const how = { model: embeddedModel(), runtime: { ...runtime, precision } };
      const { goldenDifference } = await exportAdapter(embeddedAdapter(), to, 'merged', how);
      return [goldenDifference, JSON.parse(await readFile(join(to, 'iovqa.json'), 'utf8')) as Card];
    };
    const [[exact, plain], [rough, marked]] = [await exported('float32'), await exported('bfloat16')];
    expect([exact! < 2e-3, plain.goldenPrecision]).toEqual([true, undefined]);
    expect([rough! < 3e-2, marked.goldenPrecision]).toEqual([true, 'bfloat16']);
    // The engine of the project takes a card of bfloat16 at its word.
    await (await loadScorer(join(folder, 'bfloat16'), { cache: false, workers: 1 })).close();
  }, 300_000);
});
