// The Python that is named is the one that is asked, by every command that takes one.
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { embeddedAdapter, embeddedModel, embeddedPictures } from '../../src/model/index.ts';
import { temporaryFolder } from '../files/temporary.ts';
import { runCli } from './run-cli.ts';

const pictures = readdirSync(embeddedPictures()).filter((name) => name.endsWith('.webp'));
const picture = join(embeddedPictures(), pictures[0]!);

test.each([
  ['train', ['--manifest', 'clips.csv', '--model', embeddedModel(), '--out', 'run']],
  ['train --dry-run', ['--manifest', 'clips.csv', '--model', embeddedModel(), '--out', 'run']],
  ['cross-validate', ['--manifest', 'clips.csv', '--model', embeddedModel(), '--folds', '2', '--out', 'folds']],
  ['score', [picture, '--with', embeddedAdapter()]],
])('%s', async (command, args) => {
  const cwd = temporaryFolder();
  const rows = pictures.slice(0, 8).map((name, i) => `${join(embeddedPictures(), name)},${1 + i / 2}`);
  writeFileSync(join(cwd, 'clips.csv'), `image,mos\n${rows.join('\n')}\n`);
  const missing = join(cwd, 'no-such-python');
  const words = [...command.split(' '), ...args, '--engine', 'torch', '--python', missing];
  const { code, stderr } = await runCli(words, { cwd });
  expect(code).toBe(2);
  expect(stderr).toContain(`${missing}: expected a Python that runs`);
});
