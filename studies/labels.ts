// The opinion scores of a table, whatever else it holds: no column of clips is needed.
import { UserError, nearest, show } from '../src/core/index.ts';
import type { TableOptions } from '../src/dataset/index.ts';
import { parseDecimal, parseScale, problemsError, readTableFile, scaleName, toMos5 } from '../src/dataset/index.ts';

/**
 * Reads the scores.
 * @param path - a table
 * @param given - its column of scores (default: the preset's, else `mos` in any case), scale (default `1-5`), preset
 * @returns the scores on 1–5, in the order of the rows
 * @throws UserError `bad-input` for a row without a score on the scale
 */
export async function readLabels(path: string, given: TableOptions = {}): Promise<number[]> {
  const { options, preset, columns, records, problems } = await readTableFile(path, given);
  if (problems.length > 0) throw problemsError(path, problems);
  const wanted = options.columns?.mos ?? preset?.columns.mos ?? 'mos';
  const like = columns.filter((name) => name.toLowerCase() === wanted.toLowerCase());
  const column = columns.includes(wanted) ? wanted : like.length === 1 ? like[0] : undefined;
  if (column === undefined) {
    const near = nearest(wanted, columns) ?? columns.find((name) => /mos/i.test(name));
    const got = columns.map((name) => show(name)).join(', ');
    throw new UserError('bad-input', `${path}: expected a column ${show(wanted)} of scores, got ${got}`, {
      hint: near === undefined ? 'Name it with --mos COLUMN.' : `Did you mean --mos ${near}?`,
    });
  }
  if (records.length === 0) throw new UserError('bad-input', `${path}: expected rows, got none`);
  const scale = parseScale(options.scale ?? preset?.scale ?? '1-5');
  return records.map(({ line, cells }) => {
    const text = cells.get(column) ?? '';
    const score = parseDecimal(text, scale);
    if (score !== undefined && score >= scale.min && score <= scale.max) return toMos5(scale, score);
    throw new UserError(
      'bad-input',
      `${path}:${line}: ${column}: expected a score of ${scaleName(scale)}, got ${text === '' ? 'nothing' : show(text)}`,
      { hint: 'Name the column with --mos COLUMN, and its scale with --scale MIN-MAX.' },
    );
  });
}
