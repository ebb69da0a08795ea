// The table of BIQ2021 that the studies share: its train part, cut once into parts to fit, to select and to report on.
//   npx tsx studies/biq2021/make.ts --data FOLDER [--out FOLDER]
// Photographs that are nearly the same are one group, which no cut tears apart. They stay where they are, behind a link. The data set's test part is left out: it is opened once, when all studies are done.
import { lstat, rm, symlink } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import pMap from 'p-map';
import { NEARLY_EQUAL, smallFrame } from '../../src/checks/index.ts';
import { UserError, shuffledIndices } from '../../src/core/index.ts';
import type { ClipRow } from '../../src/dataset/index.ts';
import { formatCsv, loadManifest } from '../../src/dataset/index.ts';
import { makeFolder, writeFileAtomic } from '../../src/files/index.ts';
import { nearDuplicates, openFrameReader, pictureHash } from '../../src/video/index.ts';
import { sayMistakes } from '../../nano/mistakes.ts';

sayMistakes();

/** How many photographs each part has; the few that are left over are in none. */
const parts = [
  ['fit', 1500],
  ['select', 500],
  ['report', 1400],
] as const;
/** Numbers of photographs to fit in further tables, `fit-100.csv` and so on, whose other parts are the same. */
const smaller = [100, 400];

/** How many of the photographs to fit generated sets are made of. */
const PICTURES = 150;

const { values: flags } = parseArgs({
  options: { data: { type: 'string' }, out: { type: 'string', default: 'studies/data/biq2021' } },
});
const { data, out } = flags;
if (data === undefined) {
  throw new UserError(
    'bad-input',
    'expected --data with the folder of BIQ2021, which has manifest.csv and images, got none',
  );
}

const { rows } = await loadManifest(join(data, 'manifest.csv'), { preset: 'biq2021' });
const train = rows.filter(({ split }) => split === 'train');
const wanted = parts.reduce((sum, [, count]) => sum + count, 0);
if (train.length < wanted) {
  throw new UserError('bad-input', `${data}: expected at least ${wanted} photographs to train on, got ${train.length}`);
}
const groups = await groupsOf(train);
const cells: string[][] = [];
const room = new Map<string, number>(parts);
for (const index of shuffledIndices(groups.length, 0)) {
  const rows = groups[index]!;
  const part = parts.find(([name]) => room.get(name)! >= rows.length)?.[0];
  if (part === undefined) continue;
  room.set(part, room.get(part)! - rows.length);
  const group = rows.length > 1 ? rows[0]!.id : '';
  for (const { id, mos } of rows) cells.push([id, String(mos), part, group]);
}
await makeFolder(out);
const link = join(out, 'images');
const before = await lstat(link).catch(() => null);
if (before !== null && !before.isSymbolicLink()) {
  throw new UserError('bad-input', `${link}: expected a link to the photographs, or no such file, got something else`);
}
await rm(link, { force: true });
await symlink(resolve(data, 'images'), link, 'dir');
const header = ['image', 'mos01', 'split', 'group'];
await writeFileAtomic(join(out, 'manifest.csv'), formatCsv(header, cells));
for (const count of smaller) {
  const left = new Set(cells.filter(([, , part]) => part === 'fit').slice(count));
  await writeFileAtomic(
    join(out, `fit-${count}.csv`),
    formatCsv(
      header,
      cells.filter((row) => !left.has(row)),
    ),
  );
}
await linkPictures();
for (const [part, count] of parts) console.log(`${part}: ${count - room.get(part)!} photographs`);
console.log(join(out, 'manifest.csv'));

/** Links to some photographs of the part to fit, each unlike all others: generated sets are made of them. */
async function linkPictures(): Promise<void> {
  const folder = join(out, 'pictures');
  await rm(folder, { recursive: true, force: true });
  await makeFolder(folder);
  const names = cells.filter(([, , part, group]) => part === 'fit' && group === '').map(([id]) => id!);
  for (const name of names.slice(0, PICTURES)) await symlink(resolve(data!, name), join(folder, basename(name)));
}

/** Photographs that are nearly the same, as `data check` finds them, together; each other one alone. */
async function groupsOf(rows: readonly ClipRow[]): Promise<ClipRow[][]> {
  await using reader = openFrameReader({ workers: 2 });
  const hashes = await pMap(rows, async (row) => pictureHash((await reader.read(row, smallFrame)).rgb[0]!), {
    concurrency: 4,
  });
  const first = rows.map((_, i) => i);
  const rootOf = (i: number): number => (first[i] === i ? i : rootOf(first[i]!));
  for (const { a, b } of nearDuplicates(hashes, NEARLY_EQUAL)) {
    const [one, other] = [rootOf(a), rootOf(b)];
    first[Math.max(one, other)] = Math.min(one, other);
  }
  const groups = new Map<number, ClipRow[]>();
  for (const [i, row] of rows.entries()) {
    const group = groups.get(rootOf(i));
    if (group === undefined) groups.set(rootOf(i), [row]);
    else group.push(row);
  }
  return [...groups.values()];
}
