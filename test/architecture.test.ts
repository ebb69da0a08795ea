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
  'engine',
  'objectives',
  'inputs',
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

/** The engine on ONNX Runtime: pretraining, benches and tests reach into it; in src, only what opens engines does. */
const ONNX = 'engine/onnx';

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

/** Names that an index exports: of other files, and its own. */
function exportsOf(source: string): string[] {
  const own = [...source.matchAll(/^export (?:async )?(?:const|function|class) (\w+)/gm)];
  const others = namesIn(source.replaceAll(/^import\b[^;]*;|import\([^)]*\)/gm, ''));
  return [...others.flatMap(({ names }) => names), ...own.map((match) => match[1]!)];
}

/** Names that files outside of a layer, which are not tests, import from its index. */
function usedFrom(layer: string): Set<string> {
  const folders = ['src', 'nano', 'bench', 'studies'].map((folder) => join(root, '..', folder));
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
  it.each([...layers.filter((layer) => layer !== 'cli'), ONNX])('%s exports by name what others use', (layer) => {
    const source = readFileSync(join(root, layer, 'index.ts'), 'utf8');
    const used = usedFrom(layer);
    const exported = exportsOf(source);
    expect(exported.length).toBeGreaterThan(0);
    expect(exported.filter((name) => !used.has(name))).toEqual([]);
  });

  it('never exports all of another file', () => {
    const indices = files.filter((file) => /(?:^|[/\\])index\.ts$/.test(file));
    expect(indices.length).toBeGreaterThan(layers.length);
    expect(indices.filter((file) => codeOf(readFileSync(join(root, file), 'utf8')).includes('export *'))).toEqual([]);
  });
});

/** Layers that know of an engine its interface alone. */
const engineless = ['train', 'score', 'inputs', 'objectives'];

/** Imports that would tie these layers to one engine, and those that reach past what opens it. */
function ties(all: readonly Import[]): string[] {
  return all.flatMap(({ from, to }) => {
    const computes = to.startsWith('graph/') || to.startsWith(`${ONNX}/`);
    if (computes && engineless.includes(from.split('/')[0]!)) return [`${from} imports ${to}`];
    const isInside = from.startsWith(`${ONNX}/`) || !to.startsWith(`${ONNX}/`);
    return isInside || (from === 'engine/index.ts' && to === `${ONNX}/index.ts`) ? [] : [`${from} imports ${to}`];
  });
}

/** Files that import each other in a circle, as groups of all that are in it; imports of types count. */
function circles(all: readonly Import[]): string[][] {
  const next = new Map<string, string[]>();
  for (const { from, to } of all) next.set(from, [...(next.get(from) ?? []), to]);
  const reach = new Map<string, Set<string>>();
  for (const file of next.keys()) {
    const found = new Set<string>();
    const open = [file];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      for (const to of next.get(at) ?? []) {
        if (found.has(to)) continue;
        found.add(to);
        open.push(to);
      }
    }
    reach.set(file, found);
  }
  const groups = new Map<string, string[]>();
  for (const [file, found] of reach) {
    if (!found.has(file)) continue;
    const group = [...found].filter((other) => reach.get(other)?.has(file) === true).sort();
    groups.set(group[0]!, group);
  }
  return [...groups.values()];
}

/** Files that are loaded with a file: its imports and theirs, without types and what is imported later. */
function loadedBy(file: string): string[] {
  const found = new Set([file]);
  for (const from of found) {
    const source = readFileSync(join(root, from), 'utf8');
    for (const [, path] of source.matchAll(/^(?:import|export) (?!type\b)[^'";]*?\bfrom '(\.[^']+)'/gm)) {
      found.add(
        relative(root, resolve(root, dirname(from), path!))
          .split('\\')
          .join(posix.sep),
      );
    }
  }
  return [...found];
}

describe('the import graph', () => {
  it('has no circle', () => {
    expect(circles(imports)).toEqual([]);
  });

  it('leads from training, scoring, inputs and objectives to no engine', () => {
    expect(ties(imports)).toEqual([]);
  });

  it('leads from the index of the engine to no runtime before an engine is opened', () => {
    const reached = loadedBy('engine/index.ts');
    expect(reached).toContain('core/providers.ts');
    expect(reached.filter((file) => file.startsWith('graph/') || file.startsWith(`${ONNX}/`))).toEqual([]);
    expect(loadedBy(`${ONNX}/index.ts`)).toContain('graph/session.ts');
  });

  it('leads from models to sessions only where an adapter is merged', () => {
    const compiling = files.filter(
      (file) =>
        file.startsWith('model/') &&
        namesIn(readFileSync(join(root, file), 'utf8')).some(
          ({ names, path }) => path.endsWith('graph/index.ts') && names.includes('compile'),
        ),
    );
    expect(compiling).toEqual(['model/merge.ts']);
  });

  it('would be refused with a circle, or with a tie', () => {
    const [a, b, c] = ['model/a.ts', 'model/b.ts', 'model/c.ts'] as const;
    const line = [
      { from: a, to: b },
      { from: b, to: c },
    ];
    expect(circles(line)).toEqual([]);
    expect(circles([...line, { from: c, to: b }])).toEqual([[b, c]]);
    expect(circles([{ from: a, to: a }])).toEqual([[a]]);
    expect(ties([{ from: 'inputs/x.ts', to: 'graph/index.ts' }])).toHaveLength(1);
    expect(ties([{ from: 'train/x.ts', to: 'engine/onnx/index.ts' }])).toHaveLength(1);
    expect(ties([{ from: 'engine/x.ts', to: 'engine/onnx/index.ts' }])).toHaveLength(1);
    expect(ties([{ from: 'engine/index.ts', to: 'engine/onnx/step.ts' }])).toHaveLength(1);
    expect(ties([{ from: 'train/x.ts', to: 'engine/index.ts' }])).toEqual([]);
  });
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

/** Files outside of its folder that know such names, and why. */
const knowFamily: Readonly<Record<string, string>> = { 'model/families/index.ts': 'the table' };

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
      .filter((file) => !Object.hasOwn(knowFamily, file))
      .flatMap((file) => namesOf(file, readFileSync(join(root, file), 'utf8')));
    expect(named).toEqual([]);
  });

  it('is imported by the table alone', () => {
    const own = 'model/families/qwen2-5-vl/';
    const found = imports.filter(({ from, to }) => to.startsWith(own) && !from.startsWith(own));
    expect(found).toEqual([{ from: 'model/families/index.ts', to: `${own}index.ts` }]);
  });

  it('would be found in code, and not in comments', () => {
    expect(namesOf('train/x.ts', "const a = names.filter((name) => name.startsWith('visual.'));")).toHaveLength(1);
    expect(namesOf('train/x.ts', 'const module = `layers.${i}.self_attn`;')).toHaveLength(2);
    expect(namesOf('train/x.ts', '// as lm_head\n/** `visual.*` */\nconst layers = lora.layers;')).toEqual([]);
    expect(namesOf('model/families/qwen2-5-vl/x.ts', "'lm_head.weight'")).toEqual([]);
  });
});
