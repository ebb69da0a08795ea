import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandomCheckpoint, embeddedModel } from '../../src/model/index.ts';
import type { RecipeInput, ResolvedRecipe } from '../../src/train/index.ts';
import { inheritAdapterSettings, chooseRecipe, formatRecipe, resolveRecipe } from '../../src/train/index.ts';
import { smallLearningRates } from '../../src/train/recipe/presets.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'iovqa-choose-'));
  await createRandomCheckpoint(join(folder, 'tiny'), { preset: 'tiny' });
});
afterAll(() => rm(folder, { recursive: true }));

const choose = (base: RecipeInput): Promise<ResolvedRecipe> =>
  chooseRecipe(resolveRecipe({ base: { recipe: 'auto', out: 'o', data: { manifest: 't.csv' }, ...base }, folder }));

describe('a recipe that goes by the size of the model', () => {
  it('starts from the adapter that ships where that is on the model, and says why', async () => {
    const { recipe, provenance } = await choose({ model: embeddedModel() });
    expect(recipe).toMatchObject({
      recipe: 'small',
      adapter: 'shipped',
      optimizer: { learningRate: smallLearningRates.shipped },
      loss: 'expected-score',
      microBatch: 4,
    });
    expect(provenance.get('recipe')).toBe('auto: the model has 5.42 million parameters');
    expect(provenance.get('adapter')).toBe('recipe small');
  });

  it('begins anew with another small model', async () => {
    const { recipe } = await choose({ model: join(folder, 'tiny') });
    expect(recipe).toMatchObject({
      recipe: 'small',
      adapter: null,
      loss: 'integer-only',
      optimizer: { learningRate: smallLearningRates.fresh },
    });
  });

  it('leaves alone what the user set', async () => {
    const own = { batchSize: 6, optimizer: { learningRate: 1e-5 }, frames: { count: 2 }, lora: { rank: 8 }, seed: 7 };
    const { recipe, provenance } = await choose({ model: embeddedModel(), ...own });
    expect(recipe).toMatchObject({ ...own, adapter: null, microBatch: 2 });
    expect(provenance.get('lora.rank')).toBe('base');
    const others: RecipeInput[] = [
      { method: 'full' },
      { answer: { kind: 'level' } },
      { answer: { sentence: true } },
      { loss: 'sentence' },
      { adapter: null },
    ];
    for (const changes of others) {
      expect((await choose({ model: embeddedModel(), ...changes })).recipe.adapter).toBeNull();
    }
  });

  it('is settled once: written and read again, it is the same', async () => {
    const chosen = await inheritAdapterSettings(await choose({ model: embeddedModel() }));
    const text = formatRecipe(chosen.recipe, chosen.provenance);
    expect(text).toContain('adapter: shipped # recipe small');
    const again = await chooseRecipe(resolveRecipe({ file: { path: 'recipe.yaml', text }, folder }));
    expect(again.recipe).toEqual(chosen.recipe);
    expect((await chooseRecipe(chosen)).recipe).toEqual(chosen.recipe);
  });

  it('is none that names another recipe, or none', async () => {
    for (const recipe of ['paper', null] as const) {
      const resolved = resolveRecipe({
        base: { recipe, model: 'nowhere', out: 'o', data: { manifest: 't.csv' } },
        folder,
      });
      expect(await chooseRecipe(resolved)).toBe(resolved);
    }
  });
});
