// What tests leave in the folder for temporary files is gone when they end, and so is what a killed process left there. It lies in memory
// where there is room, since tests write whole runs through to the disk.
import { mkdtempSync, realpathSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const prefix = 'iovqa-tests-';
const memory = '/dev/shm';

/** Linux's folder in memory, if it has 4 GB and nobody has asked for another place. */
function place(): string {
  if (process.env['TMPDIR'] !== undefined) return tmpdir();
  try {
    const { bavail, bsize } = statfsSync(memory);
    return bavail * bsize > 4e9 ? memory : tmpdir();
  } catch {
    return tmpdir();
  }
}

/** Run once for each tier; all of them have the folder of the first. */
export default function setup(): () => void {
  if (basename(tmpdir()).startsWith(prefix)) return () => {};
  const folder = realpathSync(mkdtempSync(join(place(), prefix)));
  for (const name of ['TMPDIR', 'TEMP', 'TMP']) process.env[name] = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
