// The recipe: layers, messages, cross-checks, round trip, and the files that are written from its schema.
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { format } from 'prettier';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/index.ts';
import type { Recipe, ResolvedRecipe } from '../../src/train/index.ts';
import { formatRecipe, resolveRecipe } from '../../src/train/index.ts';
import { recipeDocs } from '../../src/train/recipe/docs.ts';
import { recipeJsonSchema } from '../../src/train/recipe/keys.ts';
import { recipePresets } from '../../src/train/recipe/presets.ts';
import { recipeSchema } from '../../src/train/recipe/schema.ts';
import type { JsonSchema } from '../../src/train/recipe/keys.ts';
import { recipeKeys } from '../../src/train/recipe/keys.ts';
import { recipeTypes } from './recipe-types.ts';

const folder = resolve('work');
const needed = ['model=m', 'out=o', 'data.manifest=t.csv'];
const withSets = (...sets: string[]): ResolvedRecipe => resolveRecipe({ sets: [...needed, ...sets], folder });
const withFile = (text: string, sets: readonly string[] = needed): ResolvedRecipe =>
  resolveRecipe({ file: { path: 'recipe.yaml', text }, sets, folder });

function refusal(run: () => unknown): UserError {
  try {
    run();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error('expected a UserError');
}

const valueAt = (recipe: object, key: string): unknown =>
  key.split('.').reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], recipe);

describe('layers', () => {
  it('start from defaults', () => {
    const { recipe, provenance } = withSets();
    expect(recipe.lora).toEqual({
      rank: 32,
      alpha: 32,
      dropout: 0.1,
      rslora: false,
      targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
      layers: 'all',
    });
    expect(recipe.data.validation).toEqual({ fraction: 0.1 });
    expect(recipe.frames).toMatchObject({ pick: 'middle', count: 1, maxPixels: 200_704 });
    expect(provenance.get('lora.rank')).toBe('default');
    expect(provenance.get('model')).toBe('--set');
  });

  it('go default < recipe < base < file < --set', () => {
    const file = { path: 'sub/recipe.yaml', text: 'recipe: paper\n\nlora:\n  alpha: 64\n  dropout: 0\n' };
    const base = { epochs: 2, lora: { alpha: 48, rslora: true } };
    const { recipe, provenance } = resolveRecipe({ base, file, sets: [...needed, 'lora.dropout=0.5'], folder });
    expect(recipe.lora).toMatchObject({ rank: 32, alpha: 64, dropout: 0.5, rslora: true });
    expect(recipe.epochs).toBe(2);
    expect(recipe.frames).toMatchObject({ pick: 'uniform', count: 2 });
    const origins = ['lora.rank', 'lora.alpha', 'lora.dropout', 'lora.rslora', 'lora.targets', 'recipe'];
    expect(origins.map((key) => provenance.get(key))).toEqual([
      'recipe paper',
      'sub/recipe.yaml:4',
      '--set',
      'base',
      'default',
      'sub/recipe.yaml:1',
    ]);
  });

  it("resolve paths in a file from the file's folder, in --set from the working directory", () => {
    const text =
      'model: ../m\nadapter: a\nprompt: { template: ./ask.txt }\ndata: { manifest: t.csv, mediaRoot: clips }';
    const { recipe } = resolveRecipe({ file: { path: 'sub/recipe.yaml', text }, sets: ['out=runs/a'], folder });
    expect(recipe.model).toBe(resolve(folder, 'm'));
    expect(recipe.adapter).toBe(resolve(folder, 'sub/a'));
    expect(recipe.prompt.template).toBe(resolve(folder, 'sub/ask.txt'));
    expect(recipe.data.mediaRoot).toBe(resolve(folder, 'sub/clips'));
    expect(recipe.out).toBe(resolve(folder, 'runs/a'));
  });

  it('keep names of models, that of the one that ships even beside a folder of that name', () => {
    const modelOf = (model: string): string => withFile(`model: ${model}`, needed.slice(1)).recipe.model;
    expect(modelOf('Org/Name')).toBe('Org/Name');
    expect(existsSync('models/nano')).toBe(true); // tests run in the checkout's root
    expect(modelOf('models/nano')).toBe('models/nano');
    expect(modelOf('test/train')).toBe(resolve(folder, 'test/train'));
  });

  it('replace a split or share whole, and add up columns', () => {
    const text = 'data:\n  validation: { split: val }\n  columns: { mos: MOS }\n';
    const { recipe } = withFile(text, [...needed, 'data.validation.fraction=0.25', 'data.columns.group=Prompt']);
    expect(recipe.data.validation).toEqual({ fraction: 0.25 });
    expect(recipe.data.columns).toEqual({ mos: 'MOS', group: 'Prompt' });
  });

  it('take numbers for text where text is wanted, as they are written', () => {
    expect(withSets('data.target=010').recipe.data.target).toBe('010');
    expect(withFile('data: { columns: { mos: 1.50 } }').recipe.data.columns.mos).toBe('1.50');
  });

  it('take an empty section for none', () => {
    expect(withFile('lora:\n  # rank: 8\n').recipe.lora.rank).toBe(32);
  });
});

describe('the paper', () => {
  it('is what the paper says', () => {
    const { recipe } = withSets('recipe=paper');
    expect(recipe).toMatchObject({
      method: 'lora',
      loss: 'integer-only',
      answer: { kind: 'integer', step: null },
      lora: { rank: 32, alpha: 32, dropout: 0.1 },
      optimizer: { learningRate: 3e-4 },
      schedule: { kind: 'cosine' },
      epochs: 6,
    });
    expect(recipe.frames.count).toBeLessThanOrEqual(2);
    expect(Object.keys(recipePresets)).toEqual(['paper', 'small']);
  });
});

describe('mistakes', () => {
  it('name a program: no file may say what is run', () => {
    expect(() => withSets('runtime.engine=torch', 'runtime.python="./evil"')).toThrow(
      'expected a key of runtime, got "python"',
    );
    expect([...recipeKeys.keys()].filter((key) => /python|command|program/i.test(key))).toEqual([]);
  });

  it('name file, line and the key that was meant', () => {
    const error = refusal(() => withFile('# mine\noptimizer:\n  lerning_rate: 1e-4\n'));
    expect(error.code).toBe('bad-recipe');
    expect(error.message).toBe('recipe.yaml:3: optimizer: expected a key of optimizer, got "lerning_rate"');
    expect(error.hint).toBe('did you mean learningRate?');
  });

  it('point to the section of a key', () => {
    expect(refusal(() => withFile('learningRate: 1')).hint).toBe('did you mean learningRate in the section optimizer?');
    expect(refusal(() => withFile('lora.rank: 1')).hint).toBe('did you mean rank in the section lora?');
    expect(refusal(() => withFile('runtime: { rank: 1 }')).hint).toBe('did you mean rank in the section lora?');
  });

  it('of a key that was renamed name the new one', () => {
    const { message } = refusal(() => withFile('run: { threads: 2 }'));
    expect(message).toBe('recipe.yaml:1: expected runtime, got run');
    const nested = refusal(() => withFile('train:\n  recompute: true\n'));
    expect(nested.message).toBe('recipe.yaml:2: expected train.gradientCheckpointing, got train.recompute');
    expect(nested.hint).toBe('the key was renamed');
    expect(refusal(() => withSets('run.workers=3')).message).toContain('expected runtime, got run');
  });

  it('are told all at once, in the order of the file', () => {
    const error = refusal(() =>
      withFile('loss: softlabel\nmicroBatch: 3\nlora: 7\nseed: 0.5\nxyz: 1', ['out=o', 'lora.dropout=1', 'epochs']),
    );
    expect(error.message.split('\n  ').map((line) => line.replace(/, got.*/, ''))).toEqual([
      'recipe.yaml: 9 problems',
      'recipe.yaml:1: loss: expected one of integer-only, response, sentence, sequence, softmax-regression, soft-label, expected-score, regression-aware, fidelity',
      'recipe.yaml:2: microBatch: expected a divisor of batchSize (8)',
      'recipe.yaml:3: lora: expected keys with values',
      'recipe.yaml:4: seed: expected an integer ≥ 0 and ≤ 4294967295',
      'recipe.yaml:5: expected a key of a recipe',
      '--set: expected KEY=VALUE',
      'recipe.yaml: model: expected a path or ORG/NAME',
      'recipe.yaml: data.manifest: expected a path',
      '--set lora.dropout: expected a number ≥ 0 and < 1',
    ]);
    expect(error.message).toContain('(did you mean soft-label?)');
  });

  it.each([
    ['a: 1\na: 2', 'recipe.yaml:2: expected valid YAML, got an error: Map keys must be unique'],
    ['lora:\n\trank: 3', 'recipe.yaml:2: expected valid YAML'],
    ['lora: &x { rank: 1 }', 'recipe.yaml:1: expected plain values, got the anchor &x'],
    ['model: !path m', 'recipe.yaml:1: expected valid YAML, got an error: Unresolved tag'],
    ['epochs: 1\n---\nepochs: 2', 'expected valid YAML'],
    ['? [a, b]\n: 1', 'recipe.yaml:1: expected a key that is text, got a list or map'],
    ['epochs: 1\n3: 1', 'recipe.yaml:2: expected a key that is text, got 3'],
    ['lora:\n  __proto__: { rank: 1 }', 'recipe.yaml:2: expected a key that is text, got "__proto__"'],
    ['[1, 2]', 'recipe.yaml:1: expected keys with values, got [1,2]'],
    ['epochs: .inf', 'recipe.yaml:1: epochs: expected an integer ≥ 1, got Infinity'],
    ['toString: 1', 'recipe.yaml:1: expected a key of a recipe, got "toString"'],
    ['['.repeat(30_000) + ']'.repeat(30_000), 'recipe.yaml:1: expected at most 1000 keys, lists and maps, got 30000'],
    ['['.repeat(900), 'recipe.yaml:1: expected valid YAML'],
    [`${'[['.repeat(200)}${']]'.repeat(200)}`, 'recipe.yaml:1: expected keys with values, got [['],
    ['#'.repeat(70_000), 'recipe.yaml:1: expected at most 65536 characters, got 70000'],
    ['data: { validation: { split: a, fraction: 0.1 } }', 'data.validation: expected {split: text} or {fraction: a'],
    ['model: ""', 'recipe.yaml:1: model: expected a path or ORG/NAME, got ""'],
  ])('of YAML are refused: %#', (text, message) => {
    const sets = text.includes('model') ? ['out=o', 'data.manifest=t.csv'] : needed;
    expect(refusal(() => withFile(text, sets)).message).toContain(message);
  });

  it('of a nest of aliases are refused at once', () => {
    const lines = Array.from({ length: 30 }, (_, i) => `a${i}: &a${i} [${`*a${i - 1},`.repeat(9)}]`);
    expect(refusal(() => withFile(['a: &a-1 [1]', ...lines].join('\n'))).code).toBe('bad-recipe');
  });

  it.each([
    ['lora.rnk=3', '--set lora: expected a key of lora, got "rnk"'],
    ['lora.rank.x=3', '--set lora.rank: expected an integer ≥ 1, got {"x":3}'],
    ['lora.rank=[', '--set lora.rank: expected valid YAML'],
    ['out=runs/a #3', '--set out: expected no comment, got "runs/a #3"'],
    ['=3', '--set: expected KEY=VALUE, got "=3"'],
    ['__proto__.x=3', '--set: expected a key of a recipe, got "__proto__"'],
    ['lora=3', '--set lora: expected keys with values, got 3'],
  ])('in --set %s', (flag, message) => {
    expect(refusal(() => withSets(flag)).message).toContain(message);
  });

  it('in values of a program', () => {
    const base = { epochs: 0, nonsense: 1 } as object;
    expect(refusal(() => resolveRecipe({ base, sets: needed })).message).toMatch(
      /base: expected a key of a recipe, got "nonsense"[^]*base: epochs: expected an integer ≥ 1, got 0/,
    );
    expect(resolveRecipe({ base: { epochs: undefined }, sets: needed }).recipe.epochs).toBe(6);
  });
});

describe('cross-checks', () => {
  it.each([
    ['microBatch: expected a divisor of batchSize (6), got 4', 'batchSize=6', 'microBatch=4'],
    ['frames.count: expected 1 with frames.pick middle, got 2', 'frames.count=2'],
    [
      'frames.minPixels: expected at most frames.maxPixels (1000), got 2000',
      'frames={minPixels: 2000, maxPixels: 1000}',
    ],
    ['answer.step: expected null with level answers, got 0.5', 'answer={kind: level, step: 0.5}'],
    [
      'answer.kind: expected integer, decimal or level with loss soft-label, got "raw"',
      'answer.kind=raw',
      'loss=soft-label',
    ],
    ['with loss softmax-regression, got "raw"', 'answer.kind=raw', 'loss=softmax-regression'],
    ['answer.sentence: expected true with loss sentence, got false', 'answer.sentence=false', 'loss=sentence'],
    ['lora.targets: expected each layer once, got "q_proj, q_proj"', 'lora.targets=[q_proj, q_proj]'],
    ['adapter: expected null with method full', 'method=full', 'adapter=a'],
    ['lora.rank: expected no value with method full, got 8', 'method=full', 'lora.rank=8'],
    ['softLabelStd: expected no value with loss integer-only', 'softLabelStd=0.2'],
    ['microBatch: expected a multiple of 4, whose clips fidelity compares with each other, got 1', 'loss=fidelity'],
    [
      'batchSize: expected a multiple of 4, the neighbours of train.order by-group, got 6',
      'batchSize=6',
      'train.order=by-group',
    ],
    ['auxiliaryWeight: expected no value with loss expected-score', 'auxiliaryWeight=2', 'loss=expected-score'],
    ['frames.as: expected no value with one frame', 'frames.as=images'],
    [
      'frames.positions: expected no value with frames as images',
      'frames={pick: uniform, count: 2, as: images, positions: transformers}',
    ],
    ['evaluation.metric: expected no value without validation rows', 'data.validation=null', 'evaluation.metric=srcc'],
    ['evaluation.earlyStop: expected null without validation rows', 'data.validation=null', 'evaluation.earlyStop=2'],
    ['data.target: expected the column of data.columns.mos ("a"), got "b"', 'data.columns.mos=a', 'data.target=b'],
    ['data.validation: expected another split than data.train', 'data.train={split: a}', 'data.validation={split: a}'],
    ['data.scale: expected MIN-MAX or dmos-MIN-MAX with MIN below MAX, got "5-1"', 'data.scale=5-1'],
    ['prompt.template: expected one of four-dimensions', 'prompt.template=four-dimension'],
  ])('%s', (message, ...sets) => {
    expect(refusal(() => withSets(...sets)).message).toContain(`--set ${message}`.replace('--set with', 'with'));
  });

  it('let pass what fits together', () => {
    const fits = [
      ['method=full'],
      ['answer.kind=level', 'loss=softmax-regression'],
      ['answer.kind=raw', 'loss=response'],
      ['answer={kind: raw, sentence: true}', 'loss=sequence'],
      ['answer.sentence=true', 'loss=sentence'],
      ['data.validation=null'],
      ['loss=soft-label', 'softLabelStd=0.2'],
      ['loss=regression-aware', 'auxiliaryWeight=0'],
      ['loss=fidelity', 'microBatch=4', 'auxiliaryWeight=2'],
      ['recipe=paper', 'frames.count=1'],
      ['data.train={split: train}', 'data.validation={split: val}'],
      ['data.scale=dmos-0-100', 'data.preset=lsvq'],
      ['prompt.template=single-dimension:alignment'],
    ];
    for (const sets of fits) expect(() => withSets(...sets)).not.toThrow();
  });
});

/** A value for each kind of key, other than null. */
function valuesOf(key: string, schema: JsonSchema): fc.Arbitrary<unknown> {
  if (schema.anyOf) {
    return fc.oneof(...schema.anyOf.map((alternative) => valuesOf(key, alternative)));
  }
  const { type = '' } = schema;
  if (Array.isArray(type)) return fc.oneof(...type.map((one) => valuesOf(key, { ...schema, type: one })));
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const low = schema.minimum ?? schema.exclusiveMinimum ?? -1e9;
  const high = Math.min(schema.maximum ?? schema.exclusiveMaximum ?? 1e9, 1e9);
  switch (type) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.integer({ min: low, max: high });
    case 'number':
      return fc.double({ min: low, max: high, minExcluded: true, maxExcluded: true, noNaN: true });
    case 'array':
      return fc.uniqueArray(valuesOf(key, schema.items!), { minLength: 1 });
    case 'object':
      if (key === 'data.fold') return fc.constant({ index: 2, of: 5 });
      return fc.record(
        Object.fromEntries(
          Object.entries(schema.properties!).map(([name, child]) => [
            name,
            valuesOf(name === 'template' ? 'prompt.template' : key, child),
          ]),
        ),
      );
    default:
      if (schema.format === 'layers') return fc.integer({ min: 1, max: 99 }).map((n) => `last ${n}`);
      if (key === 'runtime.maxMemory') return fc.constantFrom('8GB', '1.5 TB', '800000000');
      if (key === 'data.scale') return fc.constantFrom('1-5', '0-1', 'dmos-0-100');
      if (key === 'data.delimiter') return fc.constantFrom(',', ';', 'tab', 'pipe', ' ');
      if (key === 'prompt.template') return fc.constantFrom('single-dimension:aesthetics', './own "template": #1.txt');
      return fc.oneof(
        fc.string({ minLength: 1, unit: 'binary' }),
        fc.string({ minLength: 1 }),
        fc.constantFrom(
          'null',
          '~',
          '1e3',
          'yes',
          '- a',
          '# b',
          'a: b',
          ' x ',
          'a\nb',
          '*a',
          '"',
          "'",
          '---',
          '\u0000',
          '{',
        ),
      );
  }
}

/** What each key needs beside it to have an effect. */
function companions(key: string, value: unknown): string[] {
  switch (key) {
    case 'loss':
      return value === 'fidelity' ? ['microBatch=4'] : [];
    case 'microBatch':
      return [`batchSize=${String(value)}`];
    case 'frames.count':
    case 'frames.as':
      return ['frames.pick=uniform', ...(key === 'frames.as' ? ['frames.count=2'] : [])];
    case 'frames.positions':
      return ['frames.pick=uniform', 'frames.count=2'];
    case 'frames.minPixels':
      return ['frames.maxPixels=9000000000'];
    case 'frames.maxPixels':
      return ['frames.minPixels=784'];
    case 'optimizer.gentleLearningRate':
      return ['adapter=a'];
    case 'softLabelStd':
      return ['loss=soft-label'];
    case 'auxiliaryWeight':
      return ['loss=regression-aware'];
    case 'seeds.frames':
      return ['frames.pick=random'];
    case 'runtime.devices':
    case 'runtime.shard':
    case 'runtime.precision':
    case 'runtime.restarts':
      return ['runtime.engine=torch'];
    default:
      return [];
  }
}

const isPath = (key: string): boolean => ['model', 'out', 'adapter', 'data.manifest', 'data.mediaRoot'].includes(key);

describe('every key', () => {
  it('can be set with --set', () => {
    for (const { key, schema } of recipeKeys.values()) {
      fc.assert(
        fc.property(valuesOf(key, schema), (value) => {
          const { recipe, provenance } = withSets(...companions(key, value), `${key}=${JSON.stringify(value)}`);
          const template = (name: string): string => (name.includes('./') ? resolve(folder, name) : name);
          const wanted =
            key === 'questions'
              ? (value as Recipe['questions']).map((one) => ({ ...one, template: template(one.template) }))
              : typeof value === 'string' && isPath(key)
                ? resolve(folder, value)
                : key === 'prompt.template'
                  ? template(value as string)
                  : value;
          expect(valueAt(recipe, key)).toEqual(wanted);
          expect(provenance.get(key)).toBe('--set');
        }),
        { numRuns: 20 },
      );
    }
  });

  it('has a meaning, and a default or is required', () => {
    const without = [...recipeKeys.values()].filter(({ schema }) => !('default' in schema)).map(({ key }) => key);
    expect(without.filter((key) => !key.startsWith('data.columns.'))).toEqual(['model', 'out', 'data.manifest']);
    for (const { description } of recipeKeys.values()) expect(description).toMatch(/^\S.*\.$/);
  });
});

const anyRecipe: fc.Arbitrary<Recipe> = fc
  .record(Object.fromEntries([...recipeKeys.values()].map(({ key, schema }) => [key, valuesOf(key, schema)])), {
    requiredKeys: [],
  })
  .map((values) => ({ model: 'm', out: 'o', 'data.manifest': 't.csv', ...values }))
  .map((values: Record<string, unknown>) => {
    // Keys that do not go together with the others are dropped one by one.
    for (;;) {
      const sets = Object.entries(values).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
      try {
        return resolveRecipe({ sets, folder }).recipe;
      } catch (error) {
        const named = [...(error as UserError).message.matchAll(/--set ([\w.]+): expected/g)].map((match) => match[1]!);
        const section = named[0]?.split('.')[0] ?? '';
        const others = Object.keys(values).filter((key) => key.startsWith(section));
        // A default may be what does not go together with a loss.
        const [bad] = [...named.filter((key) => key in values), ...others, ...('loss' in values ? ['loss'] : [])];
        if (!(error instanceof UserError) || bad === undefined) throw error;
        delete values[bad];
      }
    }
  });

describe('a recipe that is written', () => {
  it('gives the same recipe when it is read', { tags: ['long'] }, () => {
    fc.assert(
      fc.property(anyRecipe, fc.string(), (recipe, origin) => {
        const text = formatRecipe(recipe, new Map([...recipeKeys.keys()].map((key) => [key, `${origin}:3`])));
        const again = resolveRecipe({ file: { path: 'run/recipe.yaml', text }, folder });
        expect(again.recipe).toEqual(recipe);
        expect(formatRecipe(again.recipe, new Map())).toBe(formatRecipe(recipe, new Map()));
      }),
      { numRuns: 200 },
    );
  });

  it('says where each value came from, and leaves out what has no effect', () => {
    const { recipe, provenance } = withFile('recipe: paper\nmethod: full\ndata:\n  target: "#1"\n');
    const text = formatRecipe(recipe, provenance);
    expect(text).toContain('\nmethod: full # recipe.yaml:2\n');
    expect(text).toContain('\n  target: "#1" # recipe.yaml:4\n');
    expect(text).toContain('\n  validation: { fraction: 0.1 } # default\n');
    expect(text).toContain('\n  learningRate: 0.0003 # recipe paper\n');
    expect(text).toContain('\n  # rank: 32 (not used with method full)\n');
    expect(withFile(text, []).recipe).toEqual(recipe);
  });

  it('keeps its comments on one line', () => {
    const { recipe } = withSets();
    const text = formatRecipe(recipe, new Map([['epochs', 'a\nseed: 3\u2028\u0085:1']]));
    expect(text).toContain('epochs: 6 # a?seed: 3??:1\n');
  });
});

describe('any text', () => {
  const isRecipeOrMistake = (sources: Parameters<typeof resolveRecipe>[0]): boolean => {
    try {
      return recipeSchema.safeParse(resolveRecipe({ folder, ...sources }).recipe).success;
    } catch (error) {
      if (error instanceof UserError) return true;
      throw error;
    }
  };
  const word = fc.oneof(
    fc.constantFrom(...recipeKeys.keys(), ...[...recipeKeys.keys()].flatMap((key) => key.split('.'))),
    fc.constantFrom(
      ...`: ,{,},[,],- ,\n,\n  ,\t,#,&a,*a,!!str,!x,? ,| ,>\n,"x",'y',1,.nan,null,~,<<,---,%YAML 1.1`.split(','),
    ),
    fc.constantFrom(
      '\n',
      '  ',
      ': ',
      '...',
      '__proto__',
      'constructor',
      '2020-01-01',
      '!!set',
      '!!omap',
      '!!binary',
      '\uFEFF',
    ),
    fc.string({ unit: 'binary', maxLength: 4 }),
  );

  it('is a recipe or a mistake, never a bug', { tags: ['long'] }, () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(word, { maxLength: 40 }).map((words) => words.join('')),
      fc.json(),
      fc.array(fc.tuple(word, word)).map((pairs) => pairs.map((pair) => pair.join(': ')).join('\n')),
    );
    fc.assert(
      fc.property(text, fc.array(fc.tuple(word, text).map((pair) => pair.join('='))), (file, sets) => {
        expect(isRecipeOrMistake({ file: { path: 'recipe.yaml', text: file }, sets: [...needed, ...sets] })).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  it('is a recipe or a mistake, in any value', { tags: ['long'] }, () => {
    fc.assert(
      fc.property(fc.constantFrom(...recipeKeys.keys()), fc.json(), fc.anything(), (key, json, value) => {
        expect(isRecipeOrMistake({ sets: [...needed, `${key}=${json}`] })).toBe(true);
        expect(isRecipeOrMistake({ base: { [key.split('.')[0]!]: value }, sets: needed })).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('what is written from the schema', () => {
  const prettier = { printWidth: 120, singleQuote: true, proseWrap: 'preserve' } as const;

  it('src/train/recipe/types.ts', async () => {
    const source = await format(recipeTypes(recipeJsonSchema()), { ...prettier, parser: 'typescript' });
    await expect(source).toMatchFileSnapshot('../../src/train/recipe/types.ts');
  });

  it('docs/recipe.md', async () => {
    const page = new URL('../../docs/recipe.md', import.meta.url);
    const [head, tail] = readFileSync(page, 'utf8').split(/(?<=<!-- keys: .* -->\n)[^]*(?=<!-- \/keys -->)/);
    const text = await format(`${head}\n${recipeDocs()}\n${tail}`, { ...prettier, parser: 'markdown' });
    await expect(text).toMatchFileSnapshot('../../docs/recipe.md');
  });

  it('a JSON Schema that needs what a recipe needs and allows nothing else', () => {
    const schema = recipeJsonSchema();
    expect(schema.required).toEqual(['model', 'out', 'data']);
    expect(JSON.stringify(schema).match(/"additionalProperties":false/g)).toHaveLength(19);
  });
});
