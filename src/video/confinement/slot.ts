// A file without a name through which a confined process, which sees no folder of the user's, gets one clip after another.
import { chmodSync, closeSync, fchmodSync, mkdtempSync, openSync, rmdirSync, unlinkSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where clips are put for one process. */
export interface Slot {
  /** The file descriptor to hand to the process: it can be read, not written. */
  readFd: number;
  /** Puts a clip in, in the place of the one before. */
  fill: (path: string) => Promise<void>;
  /** Closes this process's end of what the child has been given. */
  handedOver: () => void;
  /** Frees the room; what runs with it is spoiled. */
  close: () => void;
}

/**
 * Makes a slot in the folder for temporary files. It has no name as soon as it is made, so that nothing stays behind.
 * @returns the slot
 */
export function openSlot(): Slot {
  const folder = mkdtempSync(join(tmpdir(), 'iovqa-clip-'));
  const path = join(folder, 'clip');
  let [writeFd, readFd]: [number | undefined, number | undefined] = [undefined, undefined];
  try {
    writeFd = openSync(path, 'wx', 0o600);
    readFd = openSync(path, 'r');
    chmodSync(path, readOnly);
    unlinkSync(path);
  } finally {
    rmdirSync(folder);
  }
  const [into, from] = [writeFd, readFd];
  return {
    readFd: from,
    // The kernel copies, or shares the blocks where the file system can. It gives the copy the rights of the clip.
    fill: async (clip) => {
      await copyFile(clip, `/proc/self/fd/${into}`);
      fchmodSync(into, readOnly);
    },
    handedOver: () => closeSync(from),
    close: () => closeSync(into),
  };
}

const readOnly = 0o400;
