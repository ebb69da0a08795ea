// A clip as a user gives it.

/** A clip's content: bytes, or a stream of them (a Node.js or web stream). */
export type ClipData = Uint8Array | AsyncIterable<Uint8Array>;

/** A clip to look at. */
export interface Clip {
  /** Its file; with `data`, the name that messages tell it by. */
  path: string;
  /** Its content, where it is not in a file. A stream is read once, in its turn. */
  data?: ClipData | undefined;
  /** Video or still picture. */
  kind: 'video' | 'image';
  /** The text that it was generated from. */
  prompt?: string | undefined;
  /** Its row in the list that is scored, from 1; rows rise. Default: one more than the clip's before it. */
  row?: number | undefined;
}
