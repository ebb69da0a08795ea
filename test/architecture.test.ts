// The layers of the project import only from those below them, and from each other only through an index, which names what others use.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../src', import.meta.url));

/** From the top down. */
const layers = [
  'cli',
  'checks',
  'report',
  'quickstart',
  'study',
  'synthesis',
  'train',
  'score',
  'example',
  'prompt',
  'video',
  'dataset',
  'model',
  'graph',
  'metrics',
  'media',
  'files',
  'core',
];

/** Parts of layers that load much, with an index of their own. */
const apart = ['files/faults.ts', 'files/output.ts', 'metrics/full-reference/index.ts'];

/** Layers whose index does not name its exports yet. */
const unnamed = ['example', 'graph', 'model', 'score', 'train'];

interface Import {
  from: string;
  to: string;
}

function importsOf(source: string): string[] {
  const pattern =
    /(?:^|[;\n])\s*(?:import|export)\b[^'";]*?\bfrom\s*'([^']+)'|import\(\s*'([^']+)'\s*\)|new URL\(\s*'([^']+)'/g;
  return [...source.matchAll(pattern)].map((match) => (match[1] ?? match[2] ?? match[3])!);
}

function problems(imports: readonly Import[]): string[] {
  return imports.flatMap(({ from, to }) => {
    const [fromLayer, toLayer] = [from.split('/')[0]!, to.split('/')[0]!];
    if (!from.includes('/')) return []; // src/index.ts is the package's face
    const [a, b] = [layers.indexOf(fromLayer), layers.indexOf(toLayer)];
    if (a < 0 || b < 0) return [`${from}: ${a < 0 ? fromLayer : toLayer} is not a layer`];
    if (a === b) return [];
    if (b < a) return [`${from} imports ${to}: ${fromLayer} lies below ${toLayer}`];
    return to === `${toLayer}/index.ts` || apart.includes(to)
      ? []
      : [`${from} imports ${to}: other layers are imported by an index.ts`];
  });
}

const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const imports = files.flatMap((file) => {
  const source = readFileSync(join(root, file), 'utf8');
  return importsOf(source)
    .filter((path) => path.startsWith('.'))
    .map((path): Import => {
      const to = relative(root, resolve(root, dirname(file), path));
      return { from: file.split('\\').join('/'), to: to.split('\\').join(posix.sep) };
    });
});

/** Names between the braces of `import {…} from` and `export {…} from`, with what they come from. */
function namesIn(source: string): { names: string[]; path: string }[] {
  const pattern =
    /(?:\b(?:import|export)\s+(?:type\s+)?\{([^{}]*)\}\s*from|\{([^{}]*)\} = await import\()\s*'([^']+)'/g;
  const one = /import\('([^']+)'\)\)?\.(\w+)/g; // (await import('…')).name, import('…').Type
  const list = (text: string): string[] =>
    text
      .split(',')
      .map((name) =>
        name
          .trim()
          .replace(/^type /, '')
          .split(/ as |:/)[0]!
          .trim(),
      )
      .filter((name) => name !== '');
  return [
    ...[...source.matchAll(pattern)].map(([, a, b, path]) => ({ names: list(a ?? b ?? ''), path: path! })),
    ...[...source.matchAll(one)].map(([, path, name]) => ({ names: [name!], path: path! })),
  ];
}

/** Names that files outside of a layer, which are not tests, import from its index. */
function usedFrom(layer: string): Set<string> {
  const folders = ['src', 'nano', 'bench'].map((folder) => join(root, '..', folder));
  const index = join(root, layer, 'index.ts');
  const found = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((file) => join(folder, file))
      .filter((file) => file.endsWith('.ts') && !file.startsWith(join(root, layer, '/')))
      .flatMap((file) =>
        namesIn(readFileSync(file, 'utf8'))
          .filter(({ path }) => resolve(dirname(file), path) === index)
          .flatMap(({ names }) => names),
      ),
  );
  return new Set(found);
}

describe('the index of a layer', () => {
  it.each(layers.filter((layer) => layer !== 'cli' && !unnamed.includes(layer)))(
    '%s exports by name what others use',
    (layer) => {
      const source = readFileSync(join(root, layer, 'index.ts'), 'utf8');
      expect(source).not.toContain('export *');
      const used = usedFrom(layer);
      const exported = namesIn(source).flatMap(({ names }) => names);
      expect(exported.filter((name) => !used.has(name))).toEqual([]);
    },
  );
});

describe('layers', () => {
  it('import only downwards, through an index', () => {
    expect(imports.length).toBeGreaterThan(100);
    expect(problems(imports)).toEqual([]);
  });

  it('are all named by the folders of src', () => {
    const folders = new Set(files.filter((file) => file.includes('/')).map((file) => file.split('/')[0]!));
    expect([...folders].filter((folder) => !layers.includes(folder))).toEqual([]);
  });

  it('would be refused the other way round', () => {
    expect(problems([{ from: 'graph/ops.ts', to: 'model/index.ts' }])).toHaveLength(1);
    expect(problems([{ from: 'model/lora.ts', to: 'graph/ops.ts' }])).toHaveLength(1);
    expect(
      importsOf("import type { A } from '../x/index.ts';\nexport * from './b.ts';\nawait import('./c.ts')"),
    ).toEqual(['../x/index.ts', './b.ts', './c.ts']);
  });
});

/**
 * What is one family's own: only its folder knows these names. Comments may name a family; code may not.
 */
const familyNames: readonly RegExp[] = [
  /qwen2_5_vl|Qwen2_5/,
  /visual\./,
  /\blayers\.(?:N\b|\d|\$\{|\\)/,
  /embed_tokens|lm_head|language_model|base_model\.model|self_attn|['"`.]mlp\b/,
  /mrope_?section|numKvHeads|numHeads|headDim|intermediateSize/i,
  /<\|(?:im_|image_pad|video_pad|vision_)/,
];

/** Files that still know such names, by their own name wherever they lie, and why. Nothing is to be added; ask `Checkpoint.family`. */
const knowFamily: Readonly<Record<string, string>> = {
  'model/families/index.ts': 'the table',
  'model/old-names.ts': 'old exports for callers that do not name a family yet',
  'clip-limits.ts': 'roughBytes; `family.memory.roughBytes` takes its place',
  'memory-limit.ts': 'the same, moved',
  'batch.ts': 'textFeeds; `family.feeds.text` takes its place',
  'text-feeds.ts': 'the same, moved',
  'settings.ts': 'the end of a turn; `family.endOfTurn` takes its place',
  'prompt-processor.ts': 'the same, moved',
  'setup.ts': 'lowerPart; `prefixPart` takes its place',
  'export.ts': 'the element type of the embedding; `modelDtype` takes its place',
  'estimate.ts': 'parts of the model; `family.weights.placeOf` and `family.memory` take their place',
};

/** Code of a file, without comments. */
const codeOf = (source: string): string => source.replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '');

function namesOf(file: string, source: string): string[] {
  if (file.startsWith('model/families/qwen2-5-vl/')) return [];
  const code = codeOf(source);
  return familyNames.flatMap((name) => {
    const found = name.exec(code);
    return found === null ? [] : [`${file}: ${found[0]}`];
  });
}

describe('what is one model family’s own', () => {
  const posixFiles = files.map((file) => file.split('\\').join('/'));

  it('is named in its folder alone', () => {
    const named = posixFiles
      .filter((file) => !Object.keys(knowFamily).some((known) => file === known || file.endsWith(`/${known}`)))
      .flatMap((file) => namesOf(file, readFileSync(join(root, file), 'utf8')));
    expect(named).toEqual([]);
  });

  it('would be found in code, and not in comments', () => {
    expect(namesOf('train/x.ts', "const a = names.filter((name) => name.startsWith('visual.'));")).toHaveLength(1);
    expect(namesOf('train/x.ts', 'const module = `layers.${i}.self_attn`;')).toHaveLength(2);
    expect(namesOf('train/x.ts', '// as lm_head\n/** `visual.*` */\nconst layers = lora.layers;')).toEqual([]);
    expect(namesOf('model/families/qwen2-5-vl/x.ts', "'lm_head.weight'")).toEqual([]);
  });
});
