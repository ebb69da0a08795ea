// What arms are judged by: the reported clips, and which arms have the same ones.
import { basename, dirname } from 'node:path';
import { UserError, show } from '../../core/index.ts';
import type { MosScale } from '../../dataset/index.ts';
import { groupedBy, groupingOf, leakingGroups, rowsOfSplit, scaleName } from '../../dataset/index.ts';
import type { RatedRow, Recipe } from '../../train/index.ts';
import { readRunRows } from '../../train/index.ts';
import type { Study, StudyArm } from './study-file.ts';

/** Clips that arms are judged by. */
export interface Judged {
  /** What they are called: the split, and the table where it is not that of the first arm. */
  name: string;
  /** The scale of their opinion scores. */
  scale: MosScale;
  /** Opinion scores, on that scale. */
  mos: readonly number[];
  /** The groups that they are in; undefined where each is one of its own. */
  groups: readonly string[] | undefined;
}

/** The rows that an arm is judged by. */
export interface JudgedRows {
  /** Their split, and their target where the recipe names it. */
  name: string;
  /** The table's file. */
  table: string;
  /** The rows. */
  rows: RatedRow[];
  /** The scale of their opinion scores. */
  scale: MosScale;
  /** What ties them together. */
  groupBy: 'group' | 'prompt';
  /** Groups that it also trains or selects on. */
  leaks: string[];
  /** `trains` or `selects` where the clips are those, as the file says; null elsewhere. */
  trainsOn: 'trains' | 'selects' | null;
}

/**
 * The rows of the reported split, which nothing else of the run may be, unless the arm says so.
 * @param study - the study
 * @param arm - one of its arms
 * @param recipe - that of its runs
 * @param scored - that by which the reported clips are scored
 */
export async function judgedRows(study: Study, arm: StudyArm, recipe: Recipe, scored: Recipe): Promise<JudgedRows> {
  const { train, validation, manifest } = recipe.data;
  const report = arm.scoring.report ?? study.report;
  const { dataset, rows } = await readRunRows(scored);
  const reported = rowsOfSplit(rows, report);
  const groupBy = scored.data.groupBy ?? groupingOf(reported);
  const isOwnTable = scored.data.manifest === manifest;
  const { target } = scored.data;
  const name = `${report}${target === null ? '' : `, ${target}`}`;
  const found = { name, table: scored.data.manifest, rows: reported, scale: dataset.scale, groupBy };
  if (!isOwnTable || !arm.isTrained) return { ...found, leaks: [], trainsOn: null };
  const inUse = validation !== null && 'split' in validation ? validation.split : null;
  const trainsOn = train === null || train.split === report ? 'trains' : inUse === report ? 'selects' : null;
  if (trainsOn !== null && arm.scoring.report !== null) return { ...found, leaks: [], trainsOn };
  if (trainsOn !== null) {
    const got = train === null ? 'all rows to train on' : `the split ${show(report)}`;
    throw new UserError('bad-recipe', `data: expected splits that are not reported, got ${got}`, {
      hint: `Set data.train and data.validation to splits of ${manifest} other than ${show(report)}.`,
    });
  }
  const parts = new Set([train!.split, ...(inUse === null ? [] : [inUse]), report]);
  const seen = groupedBy(rows, recipe.data.groupBy ?? groupingOf(rows)).flatMap((row) =>
    row.split !== undefined && parts.has(row.split)
      ? [{ ...row, split: row.split === report ? 'reported' : 'seen' }]
      : [],
  );
  return { ...found, leaks: leakingGroups(seen).map(({ group }) => group), trainsOn: null };
}

/**
 * What each arm is judged by: those with the same opinion scores in the same order by the same clips.
 * @param study - the study
 * @param tables - by arm
 * @returns by arm, and what a reader must know
 */
export function judgedBy(
  study: Study,
  tables: ReadonlyMap<string, JudgedRows>,
): { judged: Map<string, Judged>; notes: string[] } {
  const notes: string[] = [];
  const own: Record<'trains' | 'selects', string[]> = { trains: [], selects: [] };
  const judged = new Map<string, Judged>();
  const sets: { first: string; table: JudgedRows; judged: Judged }[] = [];
  const main = tables.get(study.arms[0]!.name)!.table;
  for (const arm of study.arms) {
    const table = tables.get(arm.name)!;
    const { rows, scale, groupBy, leaks, trainsOn } = table;
    if (trainsOn !== null) own[trainsOn].push(arm.name);
    if (leaks.length > 0) {
      notes.push(
        `${arm.name}: ${leaks.length} groups have clips that train and clips that are reported, such as ${show(leaks[0])}: its figures come out too good`,
      );
    }
    const same = sets.find((set) => differenceBetween(set.table, table) === null);
    if (same !== undefined) {
      judged.set(arm.name, same.judged);
      if (rows.some(({ id }, i) => id !== same.table.rows[i]!.id)) {
        notes.push(`${arm.name} shows other clips than ${same.first}: they are paired by their order in the table`);
      }
      continue;
    }
    // Other clips are judged where the file says so, and a mistake elsewhere.
    if (sets.length > 0 && !saysClips(arm)) {
      const [{ first, table: of }] = sets as [(typeof sets)[number]];
      const got = differenceBetween(of, table);
      throw new UserError(
        'bad-input',
        `${study.path}: arm ${arm.name}: expected the opinion scores of arm ${first}, got ${got}`,
        {
          hint: 'Arms whose tables differ are paired by clip. To judge an arm by other clips, name them under scoring.',
        },
      );
    }
    if (groupBy === 'prompt')
      notes.push(
        `${shortOf(table.table)}: clips of one prompt are one group: prompts are shared, and no clip has a group`,
      );
    const groups = groupedBy(rows, groupBy).map(({ id, group }) =>
      group === undefined ? `clip ${id}` : `group ${group}`,
    );
    const clips: Judged = {
      name: table.table === main ? table.name : `${shortOf(table.table)}: ${table.name}`,
      scale,
      mos: rows.map(({ mos }) => mos),
      groups: new Set(groups).size === groups.length ? undefined : groups,
    };
    sets.push({ first: arm.name, table, judged: clips });
    judged.set(arm.name, clips);
  }
  for (const [does, arms] of Object.entries(own)) {
    const some = arms.length > 4 ? `${arms.slice(0, 3).join(', ')} and ${arms.length - 3} more` : arms.join(', ');
    if (arms.length > 0) notes.push(`${some}: reported are the clips that it ${does} on`);
  }
  return { judged, notes };
}

/** A table by its folder and name. */
const shortOf = (path: string): string => `${basename(dirname(path))}/${basename(path)}`;

const saysClips = ({ scoring }: StudyArm): boolean =>
  scoring.report !== null || scoring.sets.some((set) => set.startsWith('data.'));

/** How the opinion scores of two tables differ; null where they do not. */
function differenceBetween(first: JudgedRows, other: JudgedRows): string | null {
  if (JSON.stringify(first.scale) !== JSON.stringify(other.scale)) {
    return `the scale ${scaleName(other.scale)}, not ${scaleName(first.scale)}`;
  }
  if (first.rows.length !== other.rows.length) return `${other.rows.length} clips, not ${first.rows.length}`;
  const at = other.rows.findIndex(({ mos }, i) => mos !== first.rows[i]!.mos);
  return at < 0 ? null : `${other.rows[at]!.mos} for clip ${at + 1}, not ${first.rows[at]!.mos}`;
}
