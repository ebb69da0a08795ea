// The table of FETV that studies are judged by: its clips where they are, behind a link, all of them to report on.
//   npx tsx studies/fetv/make.ts --data FOLDER [--out FOLDER]
import { lstat, rm, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { UserError } from '../../src/core/index.ts';
import { formatCsv, loadManifest } from '../../src/dataset/index.ts';
import { makeFolder, writeFileAtomic } from '../../src/files/index.ts';
import { sayMistakes } from '../../nano/mistakes.ts';

sayMistakes();

const { values: flags } = parseArgs({
  options: { data: { type: 'string' }, out: { type: 'string', default: 'studies/data/fetv' } },
});
const { data, out } = flags;
if (data === undefined) {
  throw new UserError(
    'bad-input',
    'expected --data with the folder of FETV, which has manifest.csv and clips, got none',
  );
}
const { rows } = await loadManifest(join(data, 'manifest.csv'), { columns: { mos: 'static_mos' } });
await makeFolder(out);
const link = join(out, 'clips');
const before = await lstat(link).catch(() => null);
if (before !== null && !before.isSymbolicLink()) {
  throw new UserError('bad-input', `${link}: expected a link to the clips, or no such file, got something else`);
}
await rm(link, { force: true });
await symlink(resolve(data, 'clips'), link, 'dir');
// Clips of one prompt are one group.
const cells = rows.map(({ id, mos, prompt = '' }) => [id, String(mos), 'report', prompt, prompt]);
await writeFileAtomic(join(out, 'manifest.csv'), formatCsv(['video', 'mos', 'split', 'group', 'prompt'], cells));
console.log(
  `${join(out, 'manifest.csv')}: ${rows.length} clips of ${new Set(rows.map(({ prompt }) => prompt)).size} prompts`,
);
