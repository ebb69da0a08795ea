// What `score` is given: clips, folders of clips, or one manifest of any length.
import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { UserError, oneLine } from '../core/index.ts';
import type { StreamedRow } from '../dataset/index.ts';
import { formatProblem, rowsOfSplit, sidecarNote, streamRows, withSidecar } from '../dataset/index.ts';
import type { Clip } from '../score/index.ts';
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
  /** Clips and bad rows, in order. Those of a manifest are read as they are asked for. */
  items: () => AsyncIterable<NamedClip | BadRow>;
}

const images = new Set(['.jpg', '.jpeg', '.png', '.webp', '.bmp', '.tif', '.tiff', '.avif', '.heic']);
const videos = new Set(
  '.mp4 .m4v .mov .mkv .webm .avi .gif .mpg .mpeg .ts .m2ts .flv .wmv .ogv .3gp .y4m .apng'.split(' '),
);
const manifests = new Set(['.csv', '.jsonl', '.ndjson']);

/**
 * Finds the clips.
 * @param inputs - paths
 * @param flags - how a manifest is read
 * @throws UserError `bad-input` for paths that are not there, for several manifests, and for a manifest that cannot be read to its end
 */
export async function findClips(inputs: readonly string[], flags: InputFlags): Promise<Inputs> {
  const isManifest = (path: string): boolean => manifests.has(extname(path).toLowerCase());
  if (inputs.some(isManifest)) {
    if (inputs.length === 1) return fromManifest(inputs[0]!, flags);
    throw new UserError('bad-input', `inputs: expected clips and folders, or one manifest, got both or several`);
  }
  const paths: string[] = [];
  for (const path of inputs) {
    const info = await stat(path).catch((cause: unknown) => {
      throw new UserError('bad-input', `${oneLine(path)}: expected a clip or a folder, got none`, { cause });
    });
    if (!info.isDirectory()) {
      paths.push(path);
      continue;
    }
    const entries = await readdir(path, { recursive: true, withFileTypes: true });
    const media = entries
      .filter((entry) => !entry.isDirectory() && (images.has(ending(entry.name)) || videos.has(ending(entry.name))))
      .map(({ parentPath, name }) => join(parentPath, name))
      .sort();
    if (media.length === 0)
      throw new UserError('bad-input', `${oneLine(path)}: expected clips in the folder, got none`);
    for (const file of media) paths.push(file);
  }
  return {
    count: paths.length,
    items: async function* () {
      for (const path of paths) yield clipAt(path, flags.prompt);
    },
  };
}

const ending = (name: string): string => extname(name).toLowerCase();

function clipAt(path: string, prompt: string | undefined): NamedClip {
  const kind = images.has(ending(path)) ? 'image' : 'video';
  return { id: path, path, kind, ...(prompt === undefined ? {} : { prompt }) };
}

/** Read twice: to count, and to find out before a model is opened whether it can be read to its end; and then to score. */
async function fromManifest(path: string, flags: InputFlags): Promise<Inputs> {
  const { split } = flags;
  const { options, sidecar } = await withSidecar(path, tableOptionsOf(flags));
  if (sidecar !== undefined) process.stderr.write(`note: ${sidecarNote(path, sidecar)}\n`);
  const rows = (): AsyncIterable<StreamedRow> => streamRows(path, { ...options, requireMos: false });
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
  return {
    count,
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
