// The file `ensemble.json`: which models are combined, and how much each counts.
import { access } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { z } from 'zod';
import { UserError, packageVersion } from '../core/index.ts';
import { acquireLock, lockBeside, makeFolder, readJson, writeFileAtomic } from '../files/index.ts';
import { isHubName, listProblems, placeSchema, shortList } from '../model/index.ts';
import { MOST_REFERENCE } from './ensemble-reference.ts';

/** Name of the file in the ensemble's folder. */
const ENSEMBLE_FILE = 'ensemble.json';

/** A member as the file has it. */
export interface StoredMember {
  /** A run, adapter or model: its folder, relative to the ensemble's in the file, and absolute once read; or a name on the hub. */
  path: string;
  /** How much it counts; all weights together are 1. */
  weight: number;
  /** Hash of the adapter's tensors or of the model when the ensemble was made. */
  sha256: string;
  /** Scores, rising, which its scores are ranked among; left out where scores are averaged. All members have them, or none. */
  reference?: number[] | undefined;
}

interface EnsembleFile {
  /** 2 where members have a reference, so that versions that do not know of it do not average scores; 1 elsewhere. */
  format: 1 | 2;
  members: StoredMember[];
  writtenBy: string;
}

const schema: z.ZodType<EnsembleFile> = z.strictObject({
  format: z.union([z.literal(1), z.literal(2)]),
  members: shortList(1000).pipe(
    z
      .array(
        z.strictObject({
          path: placeSchema,
          weight: z.number().positive().max(1),
          sha256: z.string().regex(/^[0-9a-f]{64}$/),
          reference: z.array(z.number()).min(2).max(MOST_REFERENCE).optional(),
        }),
      )
      .min(1)
      .refine((members) => new Set(members.map(({ reference }) => reference === undefined)).size === 1, {
        message: 'expected a reference of each member, or of none',
      }),
  ),
  writtenBy: z.string().max(200),
});

/**
 * Whether a folder holds an ensemble.
 * @param folder - any path
 */
export function isEnsemble(folder: string): Promise<boolean> {
  return access(join(folder, ENSEMBLE_FILE)).then(
    () => true,
    () => false,
  );
}

/**
 * Reads the members of an ensemble.
 * @throws UserError `bad-checkpoint` when the file is not there or is none; `not-supported` for one of a later format
 */
export async function readEnsembleFile(folder: string): Promise<StoredMember[]> {
  const path = join(folder, ENSEMBLE_FILE);
  const json = await readJson(path, 'bad-checkpoint');
  if (json === undefined) throw new UserError('bad-checkpoint', `${path}: expected an ensemble, got no such file`);
  const format = typeof json === 'object' && json !== null && 'format' in json ? json.format : undefined;
  if (typeof format === 'number' && format > 2) {
    throw new UserError('not-supported', `${path}: expected format 1 or 2, got ${format}`, {
      hint: 'A later version of iovqa wrote it: update iovqa.',
    });
  }
  const result = schema.safeParse(json);
  if (result.success) {
    return result.data.members.map((member) => ({
      ...member,
      path: isHubName(member.path, folder) ? member.path : resolve(folder, member.path),
    }));
  }
  const problems = result.error.issues.map(({ path: at, message }) => `${at.join('.')}: ${message}`);
  throw new UserError('bad-checkpoint', `${path}: expected an ensemble, got: ${listProblems(problems)}`);
}

/**
 * Refuses a folder that holds an ensemble.
 * @param folder - any path
 * @throws UserError `bad-input`
 */
export async function requireNoEnsemble(folder: string): Promise<void> {
  if (!(await isEnsemble(folder))) return;
  throw new UserError('bad-input', `${folder}: expected no ensemble yet, got one`, {
    hint: 'Remove its ensemble.json, or choose another folder.',
  });
}

/**
 * Writes the members of an ensemble.
 * @param folder - its folder; made when missing
 * @param members - at least one, with weights that add up to 1
 * @throws UserError `bad-input` when there is an ensemble already, or another process writes one
 */
export async function writeEnsembleFile(folder: string, members: readonly StoredMember[]): Promise<void> {
  await makeFolder(folder);
  await using _ = await acquireLock(lockBeside(join(folder, ENSEMBLE_FILE)), folder);
  await requireNoEnsemble(folder); // another process may have been faster
  const stored = members.map((member) => ({
    ...member,
    path: isHubName(member.path) ? member.path : place(member.path),
  }));
  const format = members.some(({ reference }) => reference !== undefined) ? 2 : 1;
  const file: EnsembleFile = { format, members: stored, writtenBy: packageVersion };
  // The numbers of a reference on one line.
  const text = JSON.stringify(file, null, 2).replaceAll(/\[\s+(?=[-\d])[^\]]*\]/g, (list) =>
    list.replaceAll(/\s+/g, ''),
  );
  await writeFileAtomic(join(folder, ENSEMBLE_FILE), `${text}\n`);

  /** Relative, so that ensemble and members can be moved together. */
  function place(path: string): string {
    const from = relative(resolve(folder), resolve(path));
    if (isAbsolute(from)) return from; // on another drive
    const text = from.split(sep).join('/');
    return text.startsWith('.') ? text : `./${text}`;
  }
}
