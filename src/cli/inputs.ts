// What `score` is given: clips, folders of clips, or one manifest of any length.
import { stat } from 'node:fs/promises';
import { UserError, oneLine } from '../core/index.ts';
import type { StreamedRow } from '../dataset/index.ts';
import {
  formatProblem,
  isTableName,
  openTable,
  parseScale,
  rowsOfSplit,
  scaleName,
  streamRows,
} from '../dataset/index.ts';
import type { FolderListing, FoundFile } from '../media/index.ts';
import { describeSkipped, kindOfFile, listFolder } from '../media/index.ts';
import type { Clip } from '../inputs/index.ts';
import type { TableFlags } from './table-options.ts';
import { tableOptionsOf } from './table-options.ts';

/** A clip with the name that results are told by. */
export interface NamedClip extends Clip {
  /** The manifest's name of it, or the path as it was given. */
  id: string;
}

/** A row that cannot be scored. */
export interface BadRow {
  /** The manifest and the row's line. */
  id: string;
  /** What is wrong with it. */
  reason: string;
}

/** How inputs are read. */
export interface InputFlags extends TableFlags {
  /** Only these rows of the manifest. */
  split?: string;
  /** Text that the clips were generated from. */
  prompt?: string;
}

/** What was found. */
export interface Inputs {
  /** How many clips and bad rows there are. */
  count: number;
  /** What a user should know, such as files of a folder that are no clips. */
  notes: string[];
  /** Clips and bad rows, in order. Those of a manifest are read as they are asked for. */
  items: () => AsyncIterable<NamedClip | BadRow>;
  /** The scale of a table's scores, where it is said. */
  scale?: string;
}

/**
 * Finds the clips.
 * @param inputs - paths
 * @param flags - how a manifest is read
 * @throws UserError `bad-input` for paths that are not there, for several manifests, and for a manifest that cannot be read to its end
 */
export async function findClips(inputs: readonly string[], flags: InputFlags): Promise<Inputs> {
  if (inputs.some(isTableName)) {
    if (inputs.length === 1) return fromManifest(inputs[0]!, flags);
    throw new UserError('bad-input', `inputs: expected clips and folders, or one manifest, got both or several`);
  }
  const clips: FoundFile[] = [];
  const passed: Pick<FolderListing, 'others' | 'ignored'> = { others: [], ignored: [] };
  for (const path of inputs) {
    const info = await stat(path).catch((cause: unknown) => {
      throw new UserError('bad-input', `${oneLine(path)}: expected a clip or a folder, got none`, { cause });
    });
    if (!info.isDirectory()) {
      clips.push({ path, kind: (await kindOfFile(path)) ?? 'video' });
      continue;
    }
    const listing = await listFolder(path);
    if (listing.clips.length === 0) {
      const [others = 'no file'] = describeSkipped({ ...listing, ignored: [] });
      throw new UserError('bad-input', `${oneLine(path)}: expected clips in the folder, got ${others}`);
    }
    for (const clip of listing.clips) clips.push(clip);
    for (const other of listing.others) passed.others.push(other);
    for (const file of listing.ignored) passed.ignored.push(file);
  }
  return {
    count: clips.length,
    notes: describeSkipped(passed),
    items: async function* () {
      const { prompt } = flags;
      for (const { path, kind } of clips) yield { id: path, path, kind, ...(prompt === undefined ? {} : { prompt }) };
    },
  };
}

/** Read twice: to count, and to find out before a model is opened whether it can be read to its end; and then to score. */
async function fromManifest(path: string, flags: InputFlags): Promise<Inputs> {
  const { split } = flags;
  const table = await openTable(path, tableOptionsOf(flags));
  const rows = (): AsyncIterable<StreamedRow> => streamRows(table, { ignoreLabels: true });
  /** A row that cannot be told to be of another split may be of this one. */
  const isMeant = ({ row, problems }: StreamedRow): boolean =>
    split === undefined || row?.split === split || (problems.length > 0 && row?.split === undefined);
  let count = 0;
  let numGood = 0;
  const splits = new Set<string | undefined>();
  for await (const one of rows()) {
    splits.add(one.row?.split);
    if (!isMeant(one)) continue;
    count++;
    if (one.problems.length === 0) numGood++;
  }
  if (split !== undefined && numGood === 0) {
    rowsOfSplit(
      [...splits].map((name) => (name === undefined ? {} : { split: name })),
      split,
    );
  }
  const scale = table.options.scale ?? table.preset?.scale;
  return {
    count,
    notes: table.notes,
    ...(scale === undefined ? {} : { scale: scaleName(parseScale(scale)) }),
    items: async function* () {
      for await (const one of rows()) {
        if (!isMeant(one)) continue;
        const { row, problems } = one;
        if (row === null || problems.length > 0) {
          yield { id: `${path}:${one.line}`, reason: problems.map(formatProblem).join('; ') };
          continue;
        }
        const prompt = row.prompt ?? flags.prompt;
        yield { id: row.id, path: row.path, kind: row.kind, ...(prompt === undefined ? {} : { prompt }) };
      }
    },
  };
}
