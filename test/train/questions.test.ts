// Further questions of a recipe: trained together with the first, each with its own scores; the first alone is validated.
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RecipeInput } from '../../src/train/index.ts';
import { resolveRecipe, train } from '../../src/train/index.ts';
import { openTraining } from '../../src/train/setup.ts';
import type { Workshop } from './run-fixtures.ts';
import { only, openWorkshop, runAll } from './run-fixtures.ts';

let workshop: Workshop;
/** A table whose clips have a further score, and a question about it. */
let data: RecipeInput['data'];
beforeAll(async () => {
  workshop = await openWorkshop();
  const [header, ...rows] = (await readFile(workshop.at('clips.csv'), 'utf8')).trim().split('\n');
  const wider = [`${header},sharpness`, ...rows.map((row, i) => `${row},${(1 + i / 3).toFixed(3)}`)];
  await writeFile(workshop.at('wide.csv'), `${wider.join('\n')}\n`);
  await writeFile(workshop.at('sharp.txt'), 'How sharp is it?\n{answer_format}\n');
  await writeFile(workshop.at('after.txt'), 'How sharp is it?\n{answer_format}\n{frames}');
  data = { manifest: workshop.at('wide.csv'), validation: { fraction: 0.25 } };
});
afterAll(() => workshop.remove());

const still: RecipeInput = { lora: { rank: 4, dropout: 0 }, epochs: 1 };
const sharp = (): RecipeInput['questions'] => [{ target: 'sharpness', template: workshop.at('sharp.txt') }];

it('an example holds the answers to all questions, each with half the weight', async () => {
  await using setup = await openTraining(workshop.recipe('example', { ...still, data, questions: sharp() }).recipe);
  const [row] = setup.data.train;
  const { wanted } = await setup.examples.get(0, 0);
  const targets = wanted.kind === 'tokens' ? wanted.targets : [];
  const { tokenizer } = setup.context.processor;
  const said = tokenizer.decode(targets.map(({ token }) => token));
  const integer = (score: number): string => String(Math.round(10 * score));
  expect(said).toBe(`${integer(row!.mos5)}${integer(row!.further![0]!)}`);
  expect(targets.map(({ weight }) => weight)).toEqual(targets.map(() => 1 / targets.length));
  expect(setup.data.validation.every(({ further }) => further === undefined)).toBe(true);
});

it.each(['all', 'last 1'])('%s layers: the loss is the mean of those of the questions asked alone', async (layers) => {
  const still: RecipeInput = { lora: { rank: 4, dropout: 0, layers }, epochs: 1 };
  const both = await runAll(workshop.recipe(`both ${layers}`, { ...still, data, questions: sharp() }));
  const first = await runAll(workshop.recipe(`first ${layers}`, { ...still, data }));
  const second = await runAll(
    workshop.recipe(`second ${layers}`, {
      ...still,
      data: { ...data!, target: 'sharpness' },
      prompt: { template: workshop.at('sharp.txt') },
    }),
  );
  const lossOf = (events: typeof both): number => only(events, 'step')[0]!.loss;
  const mean = (lossOf(first) + lossOf(second)) / 2;
  expect(Math.abs(lossOf(both) / mean - 1)).toBeLessThan(1e-5);
  const scored = (events: typeof both): number => only(events, 'evaluation').length;
  expect([scored(both), only(both, 'end')[0]!.reason]).toEqual([scored(first), 'finished']);
});

it('a run with several questions goes on as if it had not stopped', async () => {
  const name = 'stopped';
  const recipe = workshop.recipe(name, { data, questions: sharp(), lora: { rank: 4 } });
  const stop = new AbortController();
  const events = [];
  for await (const event of train(recipe, { signal: stop.signal })) {
    events.push(event);
    if (event.type === 'step' && event.step === 2) stop.abort();
  }
  const rest = await runAll(recipe, { resume: true });
  const whole = await runAll(workshop.recipe('whole', { data, questions: sharp(), lora: { rank: 4 } }));
  const losses = (some: typeof rest): number[] => only(some, 'step').map(({ loss }) => loss);
  expect([...losses(events), ...losses(rest)]).toEqual(losses(whole));
});

it('refuses what cannot be asked at once', async () => {
  const set = (...sets: string[]) => resolveRecipe({ sets: [`data.manifest=a.csv`, 'model=m', 'out=o', ...sets] });
  expect(() => set('questions=[{target: a, template: four-dimensions}]', 'loss=soft-label')).toThrow(
    'questions: expected none with loss soft-label',
  );
  expect(() => set('questions=[{target: a, template: for-dimensions}]')).toThrow('questions: expected');
  expect(() => set('questions=[{target: a}]')).toThrow('questions');
  expect(set('questions=[{target: a, template: ./q.txt}]').recipe.questions[0]!.template).toMatch(
    /^([A-Z]:)?[\\/].*q\.txt$/,
  );
  const asked = (template: string, target = 'sharpness') =>
    openTraining(workshop.recipe('bad', { data, questions: [{ target, template }] }).recipe);
  await expect(asked(workshop.at('after.txt'))).rejects.toThrow('which ends with them');
  await expect(asked(workshop.at('sharp.txt'), 'sharpnes')).rejects.toThrow('sharpnes');
});
