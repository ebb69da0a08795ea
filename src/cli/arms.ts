// Arms of a comparison from the command line: their scores files, and the clips that all of them have.
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { UserError, oneLine, show } from '../core/index.ts';
import type { ScoredRow, ScoreTable, ScoreTableFlags } from './score-table.ts';
import { groupsOf, readScoreTable } from './score-table.ts';

/** An arm with its scores. */
export interface ArmScores {
  /** Its name. */
  name: string;
  /** Its files, one a seed. */
  files: readonly string[];
  /** Scores of the common clips, by seed. */
  seeds: number[][];
}

/** Arms on the same clips. */
export interface Arms {
  /** In the order in which they were given. */
  arms: ArmScores[];
  /** Opinion scores of the common clips. */
  mos: number[];
  /** Their groups; undefined where there are none. */
  groups: string[] | undefined;
  /** What a reader of the result must know, such as clips that are left out. */
  notes: string[];
}

/**
 * Reads arms.
 * @param given - FILE, or NAME=FILE,FILE,… with a file for each seed; a file whose name has `=` is found as it stands
 * @param flags - where the opinion scores are
 * @throws UserError `bad-input` for fewer than two arms, two of one name, another number of files than the first arm has, one file
 *   twice, a clip twice in a file, two opinions of a clip, and files without a common clip
 */
export async function readArms(given: readonly string[], flags: ScoreTableFlags): Promise<Arms> {
  const named = given.map(armOf);
  requireArms(named);
  return readNamedArms('compare', named, flags);
}

/**
 * Reads arms that have names.
 * @param who - what errors begin with
 * @param named - each with its files, none of them twice
 * @param flags - where the opinion scores are
 * @throws UserError `bad-input` for a clip twice in a file, two opinions of a clip, and files without a common clip
 */
export async function readNamedArms(who: string, named: readonly NamedFiles[], flags: ScoreTableFlags): Promise<Arms> {
  const notes: string[] = [];
  const tables = new Map<string, Map<string, ScoredRow>>();
  for (const file of named.flatMap(({ files }) => files)) {
    const table = await readScoreTable(file, flags);
    tables.set(file, byClip(file, table));
    notes.push(...table.notes.map((note) => `${oneLine(file)}: ${note}`));
  }
  const [[firstFile, first], ...rest] = [...tables] as [
    [string, Map<string, ScoredRow>],
    ...[string, Map<string, ScoredRow>][],
  ];
  for (const [file, rows] of rest) requireSameLabels(firstFile, first, file, rows);
  const common = [...first.values()].filter(({ id }) => rest.every(([, rows]) => rows.has(id)));
  const all = new Set([...tables.values()].flatMap((rows) => [...rows.keys()]));
  if (common.length === 0) {
    throw new UserError('bad-input', `${who}: expected clips that all files have, got none of ${all.size}`, {
      hint: `${firstFile} has ${show([...first.keys()][0])}, ${rest[0]![0]} has ${show([...rest[0]![1].keys()][0])}.`,
    });
  }
  if (common.length < all.size) {
    const left = [...all].find((id) => [...tables.values()].some((rows) => !rows.has(id)))!;
    const without = [...tables].find(([, rows]) => !rows.has(left))![0];
    notes.push(
      `${all.size - common.length} of ${all.size} clips are not in every file and are left out, the first ${show(left)}, which ${oneLine(without)} lacks`,
    );
  }
  return {
    arms: named.map(({ name, files }) => ({
      name,
      files,
      seeds: files.map((file) => common.map(({ id }) => tables.get(file)!.get(id)!.prediction)),
    })),
    mos: common.map(({ mos }) => mos),
    groups: groupsOf(common),
    notes,
  };
}

/** An arm, and the files of its scores. */
export interface NamedFiles {
  /** Its name. */
  name: string;
  /** Its files, one a seed. */
  files: string[];
}

function armOf(text: string): NamedFiles {
  const at = text.indexOf('=');
  if (at <= 0 || existsSync(text)) return { name: basename(text), files: [text] };
  const files = text.slice(at + 1).split(',');
  if (files.some((file) => file === '')) {
    throw new UserError('bad-input', `compare: expected FILE or NAME=FILE,FILE,…, got ${show(text)}`);
  }
  return { name: text.slice(0, at), files };
}

function requireArms(arms: readonly NamedFiles[]): void {
  const [first, ...rest] = arms;
  if (first === undefined || rest.length === 0) {
    throw new UserError('bad-input', `compare: expected at least two arms, got ${arms.length}`, {
      hint: 'Files of several seeds are one arm as NAME=FILE,FILE,….',
    });
  }
  const names = new Set<string>();
  const files = new Map<string, string>();
  for (const arm of arms) {
    if (names.has(arm.name)) {
      throw new UserError('bad-input', `compare: expected a name for each arm, got ${show(arm.name)} twice`, {
        hint: 'NAME=FILE gives an arm a name.',
      });
    }
    names.add(arm.name);
    for (const file of arm.files) {
      if (files.has(file))
        throw new UserError('bad-input', `compare: expected each file once, got ${show(file)} twice`);
      files.set(file, arm.name);
    }
    if (arm.files.length !== first.files.length) {
      throw new UserError(
        'bad-input',
        `compare: expected as many files of ${show(arm.name)} as of ${show(first.name)}, ${first.files.length}, got ${arm.files.length}`,
        {
          hint: 'The first file of one arm is paired with the first of the other, the second with the second: one seed each.',
        },
      );
    }
  }
}

function byClip(file: string, { rows }: ScoreTable): Map<string, ScoredRow> {
  const clips = new Map<string, ScoredRow>();
  for (const row of rows) {
    if (clips.has(row.id)) {
      throw new UserError('bad-input', `${oneLine(file)}: expected one score a clip, got two of ${show(row.id)}`);
    }
    clips.set(row.id, row);
  }
  return clips;
}

function requireSameLabels(
  firstFile: string,
  first: ReadonlyMap<string, ScoredRow>,
  file: string,
  rows: ReadonlyMap<string, ScoredRow>,
): void {
  for (const [id, { mos, group }] of rows) {
    const other = first.get(id);
    if (other === undefined) continue;
    for (const [what, got, expected] of [
      ['opinion score', mos, other.mos],
      ['group', group, other.group],
    ] as const) {
      if (got === expected) continue;
      throw new UserError(
        'bad-input',
        `${oneLine(file)}: expected the ${what} of ${show(id)} that ${oneLine(firstFile)} has, ${show(expected)}, got ${show(got)}`,
        { hint: 'Give the opinion scores in one table: --manifest FILE.' },
      );
    }
  }
}
