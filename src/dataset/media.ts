// Whether the media files that a manifest names are there, and each named once.
import { stat } from 'node:fs/promises';
import { oneLine, show } from '../core/index.ts';
import type { Problem } from './problem.ts';
import type { ClipRow } from './row.ts';

/** How many files are asked for at a time: enough to keep a network disk busy. */
const parallel = 64;

/**
 * Checks that no two rows name one file, and, if asked, that every file is there.
 * @param file - the manifest, as the user wrote its path
 * @param columnOf - the column that a row's media name comes from
 * @param checkFiles - whether to look on the disk
 * @returns the problems, by row
 */
export async function checkMedia(
  file: string,
  rows: readonly ClipRow[],
  columnOf: (row: ClipRow) => string,
  checkFiles: boolean,
): Promise<Map<ClipRow, Problem>> {
  const problems = new Map<ClipRow, Problem>();
  const problem = (row: ClipRow, rest: Pick<Problem, 'kind' | 'expected' | 'got'>): void => {
    problems.set(row, { scope: 'row', file, line: row.line, column: columnOf(row), value: row.id, ...rest });
  };
  const firstLine = new Map<string, number>();
  for (const row of rows) {
    const first = firstLine.get(row.path);
    if (first === undefined) firstLine.set(row.path, row.line);
    else
      problem(row, {
        kind: 'duplicate-media',
        expected: 'each file once',
        got: `${show(row.id)}, which line ${first} has too`,
      });
  }
  if (!checkFiles) return problems;
  for (let i = 0; i < rows.length; i += parallel) {
    await Promise.all(
      rows.slice(i, i + parallel).map(async (row) => {
        if (problems.has(row)) return;
        const wrong = await whyNoFile(row.path);
        if (wrong !== undefined)
          problem(row, { kind: 'missing-media', expected: 'a file', got: `${show(row.id)} (${wrong})` });
      }),
    );
  }
  return problems;
}

async function whyNoFile(path: string): Promise<string | undefined> {
  if (path.includes('\0')) return 'no path can hold a NUL character';
  const name = oneLine(path);
  try {
    const info = await stat(path);
    return info.isFile() ? undefined : `${name} is ${info.isDirectory() ? 'a folder' : 'no plain file'}`;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code === 'ENOENT' || code === 'ENOTDIR'
      ? `nothing at ${name}`
      : `${name}: ${code ?? oneLine(String(error))}`;
  }
}
