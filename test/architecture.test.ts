// The layers of the project import only from those below them, and from each other only through an index.
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
  'study',
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
const apart = [
  'files/faults.ts',
  'files/output.ts',
  'video/synthesis/index.ts',
  'metrics/full-reference/index.ts',
  'study/quickstart/index.ts',
];

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
