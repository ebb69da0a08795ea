// Writes all rows of a file of scores at once: under another name until they are whole.
import type { OutputFile } from '../../files/index.ts';
import { writeFileAtomic } from '../../files/index.ts';
import type { ScoreLineShape } from './line.ts';
import { scoreColumns } from './line.ts';
import { scoresForm } from './read.ts';

/** Bytes of rows that are gathered for a write. */
const CHUNK = 1 << 20;

/**
 * Writes a file anew.
 * @param path - the file of scores, whose ending says its form
 * @param place - the file itself, where `path` is a link
 * @param shape - its columns
 * @param fill - puts its rows, each with its end; when it throws, the file stays as it was
 * @returns bytes of the file
 */
export async function replaceRows(
  path: string,
  place: string,
  shape: ScoreLineShape,
  fill: (put: (row: Buffer) => Promise<void>) => Promise<void>,
): Promise<number> {
  let length = 0;
  await writeFileAtomic(place, async (file: Pick<OutputFile, 'write'>) => {
    let batch: Buffer[] = [];
    let batchSize = 0;
    const flush = async (): Promise<void> => {
      await file.write(Buffer.concat(batch));
      [batch, batchSize] = [[], 0];
    };
    const put = async (bytes: Buffer): Promise<void> => {
      batch.push(bytes);
      length += bytes.length;
      if ((batchSize += bytes.length) >= CHUNK) await flush();
    };
    if (scoresForm(path) === 'csv') await put(Buffer.from(`${scoreColumns(shape).join()}\n`));
    await fill(put);
    await flush();
  });
  return length;
}
