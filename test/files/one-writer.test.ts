// No file is opened for writing but by the helper of src/files, which writes all or throws.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What of node:fs and node:fs/promises writes bytes, besides `open`. */
const writers = /^(writeFile|appendFile|write|writev|createWriteStream|openSync|WriteStream)(Sync)?$/;

/** What a source does that only the helper may, one line each. */
function directWrites(source: string): string[] {
  const imports = [...source.matchAll(/import\s+(?!type\b)([^;]*?)\s+from\s+'(?:node:)?fs(?:\/promises)?'/g)];
  const opens = imports.some(([, what]) => /\bopen\b/.test(what!));
  return imports
    .flatMap(([, what]) => {
      if (!what!.startsWith('{')) return [`imports ${what}: names are to be imported one by one`];
      const names = what!.slice(1, -1).split(',');
      return names.map((name) => name.trim().replace(/^type .*|\s+as\s.*$/g, '')).filter((name) => writers.test(name));
    })
    .concat(
      // Handles come from `open`: without one for writing there is none to write to.
      opens
        ? [...source.matchAll(/\bopen\((\w[^(),]*(?:\([^()]*\))?[^(),]*),\s*([^)]+)\)/g)]
            .map(([call]) => call)
            .filter((call) => !/,\s*'r'\)$/.test(call))
        : [],
      [
        ...source.matchAll(/\bfs(?:\/promises)?'\)(?!\.read)|\.(?:appendFile|writev|createWriteStream|writeFile)\(/g),
      ].map(([call]) => call),
    );
}

const folders = ['src', 'nano'];
const files = folders.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.[cm]?[jt]s$/.test(file))
    .map((file) => join(folder, file).split('\\').join('/')),
);

describe('files are written', () => {
  it('by the helper alone', () => {
    expect(files.length).toBeGreaterThan(150);
    const found = files
      // The others: a file without a name, for a decoding process, copied by the kernel; a clip that is opened to be read.
      .filter((file) => !['files/output', 'video/confinement/slot', 'video/ffmpeg/run'].includes(file.slice(4, -3)))
      .flatMap((file) => directWrites(readFileSync(join(root, file), 'utf8')).map((what) => `${file}: ${what}`));
    expect(found).toEqual([]);
  });

  it('and everything else would be found', () => {
    for (const source of [
      "import { mkdir, writeFile } from 'node:fs/promises';",
      "import { appendFileSync as add } from 'fs';",
      "import * as fs from 'node:fs';",
      "import fs from 'node:fs';",
      "import { createWriteStream } from 'node:fs';",
      "const fs = await import('node:fs/promises');\nawait fs.writeFile(x, y)",
      "const fs = require('fs')",
      "import { open } from 'node:fs/promises';\nconst f = await open(path, 'a+');",
      "import { open } from 'node:fs/promises';\nconst f = await open(join(a, b), 'wx');",
      'await file.appendFile(text)',
    ]) {
      expect(directWrites(source)).not.toEqual([]);
    }
    expect(
      directWrites("import { open, readFile } from 'node:fs/promises';\nawait open(path, 'r'); await open(path)"),
    ).toEqual([]);
    expect(directWrites("import type { FileHandle } from 'node:fs/promises';")).toEqual([]);
  });
});
