// What `score` is given: clips, folders of clips, or one manifest.
import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { UserError, oneLine } from '../core/index.ts';
import { formatProblem, loadManifest, rowsOfSplit } from '../dataset/index.ts';
import type { Clip } from '../score/index.ts';

/** A clip with the name that results are told by. */
export interface NamedClip extends Clip {
  /** The manifest's name of it, or the path as it was given. */
  id: string;
}

/** How inputs are read. */
export interface InputFlags {
  /** The manifest's data set. */
  preset?: string;
  /** Folder that the manifest's names are relative to. */
  mediaRoot?: string;
  /** Only these rows of the manifest. */
  split?: string;
  /** Text that the clips were generated from. */
  prompt?: string;
}

/** What was found. */
export interface Inputs {
  /** The clips, in order. */
  clips: NamedClip[];
  /** Rows that cannot be scored, each with its reason. */
  failed: { id: string; reason: string }[];
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
 * @throws UserError `bad-input` for paths that are not there, and for several manifests
 */
export async function findClips(inputs: readonly string[], flags: InputFlags): Promise<Inputs> {
  const isManifest = (path: string): boolean => manifests.has(extname(path).toLowerCase());
  if (inputs.some(isManifest)) {
    if (inputs.length === 1) return fromManifest(inputs[0]!, flags);
    throw new UserError('bad-input', `inputs: expected clips and folders, or one manifest, got both or several`);
  }
  const clips: NamedClip[] = [];
  for (const path of inputs) {
    const info = await stat(path).catch((cause: unknown) => {
      throw new UserError('bad-input', `${oneLine(path)}: expected a clip or a folder, got none`, { cause });
    });
    if (!info.isDirectory()) {
      clips.push(clipAt(path, flags.prompt));
      continue;
    }
    const entries = await readdir(path, { recursive: true, withFileTypes: true });
    const media = entries
      .filter((entry) => !entry.isDirectory() && (images.has(ending(entry.name)) || videos.has(ending(entry.name))))
      .map(({ parentPath, name }) => join(parentPath, name))
      .sort();
    if (media.length === 0)
      throw new UserError('bad-input', `${oneLine(path)}: expected clips in the folder, got none`);
    clips.push(...media.map((file) => clipAt(file, flags.prompt)));
  }
  return { clips, failed: [] };
}

const ending = (name: string): string => extname(name).toLowerCase();

function clipAt(path: string, prompt: string | undefined): NamedClip {
  const kind = images.has(ending(path)) ? 'image' : 'video';
  return { id: path, path, kind, ...(prompt === undefined ? {} : { prompt }) };
}

async function fromManifest(path: string, flags: InputFlags): Promise<Inputs> {
  const { preset, mediaRoot, split } = flags;
  const manifest = await loadManifest(path, {
    requireMos: false,
    ...(preset === undefined ? {} : { preset }),
    ...(mediaRoot === undefined ? {} : { mediaRoot }),
  });
  const fatal = manifest.problems.filter(({ scope }) => scope === 'file');
  if (fatal.length > 0) throw new UserError('bad-input', formatProblem(fatal[0]!));
  const rows = split === undefined ? manifest.rows : rowsOfSplit(manifest.rows, split);
  const failed = manifest.problems.map((problem) => ({
    id: `${problem.file}:${problem.line ?? 0}`,
    reason: formatProblem(problem),
  }));
  const clips = rows.map((row): NamedClip => {
    const prompt = row.prompt ?? flags.prompt;
    return { id: row.id, path: row.path, kind: row.kind, ...(prompt === undefined ? {} : { prompt }) };
  });
  return { clips, failed };
}
