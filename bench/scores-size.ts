// Bytes of a row of scores, by field: the photographs of the package with the adapter that ships, which has 41 answers, and an ensemble
// of as many members as are asked for, all of them that adapter. Results: docs/score.md.
//   npx tsx bench/scores-size.ts [MEMBERS]
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ListedClip, ListScorer } from '../src/index.ts';
import { embeddedAdapter, embeddedModel, loadEnsemble, loadScorer, openScoresFile } from '../src/index.ts';

const [members = '5'] = process.argv.slice(2);
const pictures = fileURLToPath(new URL('../pictures', import.meta.url));
const clips = readdirSync(pictures)
  .filter((name) => name.endsWith('.webp'))
  .map((name): ListedClip => ({ id: `pictures/${name}`, path: join(pictures, name), kind: 'image' }));
const options = { model: embeddedModel(), cache: false } as const;
const folder = mkdtempSync(join(tmpdir(), 'iovqa-scores-size-'));

async function measure(name: string, scorer: ListScorer): Promise<void> {
  const path = join(folder, `${name}.jsonl`);
  {
    await using file = await openScoresFile(path);
    await file.score(scorer, async function* () {
      yield* clips;
    });
  }
  const text = readFileSync(path, 'utf8');
  const rows = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const bytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
  const mean = (of: (row: Record<string, unknown>) => number): number =>
    Math.round(rows.reduce((sum, row) => sum + of(row), 0) / rows.length);
  const fields = Object.keys(rows[0]!).map((key) => `${key} ${mean((row) => bytes({ [key]: row[key] }) - 1)}`);
  const own = mean((row) => bytes({ ...row, basis: undefined }) + 1);
  console.log(`${name}: ${mean((row) => bytes(row) + 1)} bytes a row, ${own} without basis (${fields.join(', ')})`);
}

try {
  {
    await using scorer = await loadScorer(embeddedAdapter(), options);
    await measure('one model', scorer);
  }
  const paths = Array.from({ length: Number(members) }, () => ({ path: embeddedAdapter() }));
  await using ensemble = await loadEnsemble(paths, options);
  await measure(`${members} members`, ensemble);
} finally {
  rmSync(folder, { recursive: true });
}
