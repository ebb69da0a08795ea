// What the hub says about the files of a repo: names, sizes and hashes, none of them trusted.
import { z } from 'zod';
import { UserError, show } from '../../core/index.ts';
import { isSafeFileName } from './cache.ts';

/** A file of a repo. */
export interface HubFile {
  /** Path in the repo, with slashes. */
  name: string;
  /** In bytes, as the server announces it. */
  size: number;
  /** Name of its blob in the cache: the hash of its content. */
  etag: string;
  /** What the etag is: SHA-256 of the content (LFS), or git's SHA-1 of a blob. */
  hash: 'sha256' | 'git';
}

/** The files of a repo at one commit. */
export interface HubListing {
  /** 40 hexadecimal digits. */
  commit: string;
  /** Looks up a file; undefined where the repo has none of this name; throws for one without size and hash. */
  file: (name: string) => HubFile | undefined;
  /** Names of all files. */
  names: readonly string[];
}

/** Bytes that the hub may take to list the files of a repo. */
export const MAX_LISTING_BYTES: number = 64 * 2 ** 20;

const listingSchema = z.looseObject({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z.array(z.looseObject({ rfilename: z.string() })),
});
const fileSchema = z.looseObject({
  size: z.int().nonnegative(),
  blobId: z
    .string()
    .regex(/^[0-9a-f]{40}$/)
    .nullish(),
  lfs: z
    .looseObject({ sha256: z.string().nullish(), oid: z.string().nullish(), size: z.int().nonnegative().nullish() })
    .nullish(),
});

/**
 * The error for a listing that is none.
 * @param repo - `ORG/NAME`
 * @param got - what is wrong with it
 */
export const badListing = (repo: string, got: string): UserError =>
  new UserError('bad-checkpoint', `${repo}: expected a list of its files from the hub, got ${got}`);

/**
 * Reads the hub's answer about a repo at a revision, with `?blobs=true`. The server's word is checked before anything is made of it.
 * @param repo - `ORG/NAME`
 * @param text - JSON
 * @throws UserError `bad-checkpoint` when it is something else, or has names of files that lead out of the repo
 */
export function parseListing(repo: string, text: string): HubListing {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new UserError('bad-checkpoint', `${repo}: expected JSON from the hub, got ${show(text)}`, { cause });
  }
  const { data, error } = listingSchema.safeParse(json);
  if (error !== undefined) throw badListing(repo, `${error.issues[0]!.path.join('.')}: ${error.issues[0]!.message}`);
  const unsafe = data.siblings.find(({ rfilename }) => !isSafeFileName(rfilename));
  if (unsafe !== undefined) throw badListing(repo, `a file named ${show(unsafe.rfilename)}`);
  const byName = new Map(data.siblings.map((sibling) => [sibling.rfilename, sibling]));
  return {
    commit: data.sha,
    names: [...byName.keys()],
    file(name) {
      const sibling = byName.get(name);
      if (sibling === undefined) return undefined;
      const file = fileSchema.safeParse(sibling).data;
      const sha256 = file?.lfs?.sha256 ?? file?.lfs?.oid;
      const etag = file?.lfs ? (/^[0-9a-f]{64}$/.test(sha256 ?? '') ? sha256 : null) : file?.blobId;
      if (file === undefined || typeof etag !== 'string') throw badListing(repo, `${name} without size or hash`);
      return { name, size: file.lfs?.size ?? file.size, etag, hash: file.lfs ? 'sha256' : 'git' };
    },
  };
}
