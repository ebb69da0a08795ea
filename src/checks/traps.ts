// What in a table is legal and yet probably not meant: pure functions of its rows.
import type { Manifest } from '../dataset/index.ts';
import { columnRoles, commonScales, groupingOf, parseScale, presetOfColumns, scaleName } from '../dataset/index.ts';

/** Fewer scores say nothing of a scale. */
const FEWEST_SCORES = 10;

/** Scores that take up less of their scale are probably on another one. */
const LEAST_USED = 0.15;

/**
 * Traps of a table, a sentence each.
 * @param manifest - the table
 */
export function tableTraps(manifest: Manifest): string[] {
  return [unusedScale(manifest), upsideDown(manifest), unusedPreset(manifest), sharedPrompts(manifest)].filter(
    (trap) => trap !== null,
  );
}

/** Scores in a corner of their scale that fill another one; or that are all equal. */
function unusedScale({ rows, scale }: Manifest): string | null {
  const scores = rows.flatMap(({ mos }) => mos ?? []);
  if (scores.length < FEWEST_SCORES) return null;
  const low = scores.reduce((a, b) => Math.min(a, b));
  const high = scores.reduce((a, b) => Math.max(a, b));
  if (low === high) return `all ${scores.length} scores are ${low}: there is nothing to learn from them`;
  if ((high - low) / (scale.max - scale.min) >= LEAST_USED) return null;
  const fits = commonScales.filter((name) => {
    const { min, max, higherIsBetter } = parseScale(name);
    if (higherIsBetter !== scale.higherIsBetter || max - min >= scale.max - scale.min) return false;
    return low >= min && high <= max && (high - low) / (max - min) >= 2 * LEAST_USED;
  });
  const other = fits.length === 0 ? 'is the scale right?' : `did you mean --scale ${fits.join(' or --scale ')}?`;
  return `the scores run from ${low} to ${high}, a small part of the scale ${scaleName(scale)}: ${other}`;
}

/** A column that is called DMOS, on a scale where up is better. */
function upsideDown({ scale, options: { columns, preset } }: Manifest): string | null {
  const column = columns?.mos;
  if (preset !== undefined || column === undefined || !/dmos/i.test(column) || !scale.higherIsBetter) return null;
  return `the scores are in the column ${JSON.stringify(column)}, but up is better on the scale ${scaleName(scale)}: where up is worse, it is --scale dmos-${scaleName(scale)}`;
}

/** Columns of a known data set, read without its preset. */
function unusedPreset({ rows, options: { preset } }: Manifest): string | null {
  const [row] = rows;
  if (preset !== undefined || row === undefined) return null;
  // A column named as its role is not among the others.
  const roles = columnRoles.filter(
    (role) => role === row.kind || (role in row && row[role as keyof typeof row] !== undefined),
  );
  const found = presetOfColumns([...Object.keys(row.extra), ...roles]);
  return found === undefined
    ? null
    : `the columns are those of a known data set: --preset ${found} gives columns, scale and groups`;
}

/** Prompts that several clips share, without groups. */
function sharedPrompts({ rows }: Manifest): string | null {
  if (groupingOf(rows) !== 'prompt') return null;
  const prompts = new Set(rows.flatMap(({ prompt }) => prompt?.trim() ?? []));
  return `${rows.length} clips share ${prompts.size} prompts and have no group: train splits by prompt (data.groupBy: prompt)`;
}
