// What tests leave in the folder for temporary files is gone when they end, and so is what a killed process left there.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const prefix = 'iovqa-tests-';

/** Run once for each tier; all of them have the folder of the first. */
export default function setup(): () => void {
  if (basename(tmpdir()).startsWith(prefix)) return () => {};
  const folder = realpathSync(mkdtempSync(join(tmpdir(), prefix)));
  for (const name of ['TMPDIR', 'TEMP', 'TMP']) process.env[name] = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
