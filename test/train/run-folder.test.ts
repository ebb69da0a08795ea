// The folder of a run: nothing in it before the checks have passed, one writer, and an end with an error when it is gone.
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readJsonLines } from '../../src/files/index.ts';
import type { RecipeInput, TrainEvent } from '../../src/train/index.ts';
import { train } from '../../src/train/index.ts';
import type { Workshop } from './run-fixtures.ts';
import { bytesOf, only, openWorkshop, runAll, stepsOf } from './run-fixtures.ts';

let shop: Workshop;
beforeAll(async () => {
  shop = await openWorkshop();
});
afterAll(() => shop.remove());

const data = (manifest: string): RecipeInput => ({
  data: { manifest: shop.at(manifest), validation: { fraction: 0.25 } },
});

describe('after a mistake', () => {
  test.each([
    ['a table that is not there', () => data('clip.csv')],
    ['a model that is not there', () => ({ model: shop.at('modell') })],
    ['an adapter that is not there', () => ({ adapter: shop.at('adapter') })],
    ['a preset that the table is not of', () => ({ data: { manifest: shop.at('clips.csv'), preset: 'fetv' } })],
    ['a template without its file', () => ({ prompt: { template: shop.at('none.txt') } })],
  ] as [string, () => RecipeInput][])('in a recipe (%s) nothing was written', async (_, changes) => {
    await expect(runAll(shop.recipe('deep/er', changes()))).rejects.toThrow(/expected/);
    expect(existsSync(shop.at('deep'))).toBe(false);
  });

  test('in the clips the same command, mended, works; so does one with --resume', { tags: ['long'] }, async () => {
    writeFileSync(shop.at('text.png'), 'text');
    writeFileSync(shop.at('some.csv'), 'image,mos\n0.png,1\ntext.png,2\n1.png,3\n2.png,4\n');
    const some = { manifest: shop.at('some.csv'), validation: null };
    const shared = { epochs: 1 };
    for (const [name, resume] of [
      ['again', false],
      ['again-resumed', true],
    ] as const) {
      await expect(runAll(shop.recipe(name, { ...shared, data: some }))).rejects.toMatchObject({
        code: 'unreadable-media',
      });
      // A worker that failed has left what it printed.
      writeFileSync(shop.at(name, 'worker-0.log'), 'ImportError');
      const mended = shop.recipe(name, { ...shared, data: { ...some, maxBadFraction: 0.3 } });
      const events = await runAll(mended, { resume });
      expect(only(events, 'note').map(({ text }) => text)).toContain(
        `${shop.at(name)} held a run without a checkpoint: it is begun anew`,
      );
      expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'finished' });
      const written = (await readJsonLines(shop.at(name, 'events.jsonl'))) as TrainEvent[];
      expect(only(written, 'bad-clip')).toHaveLength(1);
      await expect(runAll(mended)).rejects.toThrow('expected a new folder, got one that holds a run');
      const left = readdirSync(shop.at(name)).filter((file) => file !== 'worker-0.log');
      expect(left.sort()).toEqual(['checkpoints', 'events.jsonl', 'plan.jsonl', 'recipe.yaml']);
    }
  });

  test(
    'of an earlier version, which left a recipe alone, too; but not over a recipe that somebody wrote',
    { tags: ['long'] },
    async () => {
      await runAll(shop.recipe('saved', { epochs: 1 }));
      const saved = readFileSync(shop.at('saved', 'recipe.yaml'), 'utf8');
      for (const [name, text] of [
        ['left', saved],
        ['theirs', 'epochs: 1\nbatchSize: 3\n'],
      ] as const) {
        mkdirSync(shop.at(name));
        writeFileSync(shop.at(name, 'recipe.yaml'), text);
      }
      expect((await runAll(shop.recipe('left', { epochs: 1, seed: 5 }))).at(-1)!.type).toBe('end');
      await expect(runAll(shop.recipe('theirs', { epochs: 1 }))).rejects.toThrow('expected a new folder');
    },
  );

  test('in the place of the folder it is told before the model is opened', async () => {
    writeFileSync(shop.at('file'), '');
    const recipe = shop.recipe('file', { model: shop.at('modell') });
    await expect(runAll(recipe)).rejects.toThrow(
      `expected a folder, or a place for one, got a file at ${shop.at('file')}`,
    );
    const below = shop.recipe('file/run', { model: shop.at('modell') });
    await expect(runAll(below)).rejects.toThrow('expected a folder, or a place for one, got a file');
  });
});

describe('a second run in the folder', () => {
  test('is refused while the first goes on, and leaves it alone', { tags: ['long'] }, async () => {
    await runAll(shop.recipe('alone'));
    const recipe = shop.recipe('two');
    let refusals = 0;
    for await (const event of train(recipe)) {
      if (event.type !== 'step' || event.step % 2 !== 0) continue;
      for (const resume of [true, false]) {
        await expect(runAll(recipe, { resume })).rejects.toThrow(
          `${shop.at('two')}: expected no other process to write there, got process ${process.pid} of`,
        );
        refusals++;
      }
    }
    expect(refusals).toBe(6);
    expect(await bytesOf(shop.at('two'), 6)).toBe(await bytesOf(shop.at('alone'), 6));
    expect(existsSync(shop.at('two', 'run.lock'))).toBe(false);
    expect((await runAll(recipe, { resume: true })).at(-1)!.type).toBe('end');
  });
});

describe('a folder that is gone while its run goes on', () => {
  const ways: [string, (folder: string) => void][] = [
    ['moved', (folder) => renameSync(folder, `${folder}-away`)],
    ['deleted', (folder) => rmSync(folder, { recursive: true })],
    [
      'moved, with another in its place',
      (folder) => {
        renameSync(folder, `${folder}-away`);
        mkdirSync(folder);
      },
    ],
    ['without its events', (folder) => rmSync(`${folder}/events.jsonl`)],
  ];
  test.each(ways)(
    '%s: the run ends with an error, and nothing is made in its place',
    { tags: ['long'] },
    async (how, work) => {
      const name = `gone-${how.replaceAll(/\W/g, '-')}`;
      const recipe = shop.recipe(name, { checkpoint: { every: 1, keep: 2 }, evaluation: { every: 100 } });
      let last = 0;
      const run = async (): Promise<void> => {
        for await (const event of train(recipe)) {
          if (event.type !== 'checkpoint' || event.step !== 2) continue;
          last = event.step;
          work(shop.at(name));
        }
      };
      await expect(run()).rejects.toMatchObject({ code: 'bad-input', message: expect.stringContaining(shop.at(name)) });
      expect(last).toBe(2);
      if (how === 'without its events') return;
      expect(existsSync(shop.at(name, 'checkpoints'))).toBe(false);
      if (how === 'deleted') return;
      // Where it is now it goes on, and ends with the same bits.
      const away = shop.recipe(`${name}-away`, { checkpoint: { every: 1, keep: 2 }, evaluation: { every: 100 } });
      await runAll(away, { resume: true });
      const whole = shop.recipe(`${name}-whole`, { checkpoint: { every: 1, keep: 2 }, evaluation: { every: 100 } });
      await runAll(whole);
      expect(await stepsOf(shop.at(`${name}-away`))).toEqual(await stepsOf(shop.at(`${name}-whole`)));
      expect(await bytesOf(shop.at(`${name}-away`), 6)).toBe(await bytesOf(shop.at(`${name}-whole`), 6));
    },
  );
});

test('a run that has ended says how it is trained further, and that way works', { tags: ['long'] }, async () => {
  const first = shop.recipe('ended', { epochs: 1 });
  await runAll(first);
  const again = await runAll(first, { resume: true });
  const best = shop.at('ended', 'checkpoints', 'best');
  const way = `To train further, begin a new run from its best checkpoint, with a schedule of its own: --set adapter=${best}`;
  expect(only(again, 'note').map(({ text }) => text)).toEqual([expect.stringContaining(way) as string]);
  expect(only(again, 'step')).toEqual([]);
  await expect(runAll(shop.recipe('ended', { epochs: 2 }), { resume: true })).rejects.toMatchObject({
    message: expect.stringContaining('got another epochs') as string,
    hint: expect.stringContaining(`falls to its end over 1 epochs. ${way}`) as string,
  });
  const further = await runAll(shop.recipe('further', { epochs: 1, adapter: best }));
  expect(further.at(-1)).toMatchObject({ type: 'end', reason: 'finished' });
});
