// The pictures that pretraining distorts: photographs of folders and manifests (their scores are not looked at), and generated scenes.
import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { readManifest, rowsOfSplit } from '../src/dataset/index.ts';
import type { RgbFrame } from '../src/video/index.ts';
import { openPhoto } from '../src/synthesis/index.ts';

/** Where pictures come from. */
export interface ContentOptions {
  /** Folders; every JPEG, PNG and WebP in them and below. */
  pictures: readonly string[];
  /** A table of pictures; null for none. */
  manifest: { path: string; preset: string | null; split: string | null } | null;
}

/** Public-domain photographs (Getty Open Content, CC0) in packages of the development dependencies. */
const packages = [
  'acanthus-mollis',
  'airplane-from-above',
  'allium-oreophilum',
  'black-canyon',
  'dust-bowl-home',
  'french-alpine-landscape',
  'march-pastoral',
  'nagasaki-boats',
];

/** Paths of the photographs that the development dependencies bring. */
function packagePhotographs(): string[] {
  const { resolve } = createRequire(import.meta.url);
  return packages.map((name) => join(dirname(resolve(`@stdlib/datasets-img-${name}/package.json`)), 'data/image.jpg'));
}

/**
 * Lists pictures, in an order that does not depend on the file system: those of the development dependencies, and more.
 * @param options - where more come from
 * @returns paths, each once
 */
export async function listPictures({ pictures, manifest }: ContentOptions): Promise<string[]> {
  const paths = packagePhotographs();
  for (const folder of pictures) {
    const names = await readdir(folder, { recursive: true });
    paths.push(...names.filter((name) => /\.(jpe?g|png|webp)$/i.test(name)).map((name) => join(folder, name)));
  }
  if (manifest !== null) {
    const { rows } = await readManifest(manifest.path, manifest.preset === null ? {} : { preset: manifest.preset });
    const used = manifest.split === null ? rows : rowsOfSplit(rows, manifest.split);
    paths.push(...used.map(({ path }) => path));
  }
  return [...new Set(paths)].sort();
}

/** Longest side of a photograph that is kept; larger ones lose what their camera added. */
const MAX_SIDE = 1024;

/**
 * Decodes photographs, and keeps them.
 * @param maxBytes - of pixels that are kept; those decoded later are decoded again each time
 */
export function createPhotos(maxBytes: number): (path: string) => Promise<RgbFrame> {
  const kept = new Map<string, RgbFrame>();
  let bytes = 0;
  return async (path) => {
    const known = kept.get(path);
    if (known !== undefined) return known;
    const frame = await openPhoto(path, MAX_SIDE);
    if (bytes + frame.data.length <= maxBytes) {
      bytes += frame.data.length;
      kept.set(path, frame);
    }
    return frame;
  };
}
