// Manifests row by row: what comes is what reading the file whole gives, wherever the pieces end.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClipRow, Problem } from '../../src/dataset/index.ts';
import type { StreamOptions } from '../../src/dataset/row-stream.ts';
import { formatCsv, loadManifest, streamRows } from '../../src/dataset/index.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'iovqa-rows-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
function write(content: string | Uint8Array, ending = 'csv'): string {
  const path = join(folder, `${count++}.${ending}`);
  writeFileSync(path, content);
  return path;
}

interface Outcome {
  rows: ClipRow[];
  problems: Problem[];
  fails: boolean;
}

async function streamed(path: string, options: StreamOptions): Promise<Outcome> {
  const outcome: Outcome = { rows: [], problems: [], fails: false };
  try {
    for await (const { row, problems } of streamRows(path, options)) {
      outcome.problems.push(...problems);
      if (problems.length === 0) outcome.rows.push(row!);
    }
  } catch {
    outcome.fails = true;
  }
  return outcome;
}

async function whole(path: string): Promise<Outcome> {
  const { rows, problems } = await loadManifest(path, { checkMedia: false, requireMos: false });
  const fails = problems.some(({ scope }) => scope === 'file');
  // Of a scale that looks wrong, the whole file tells more; files named twice are not looked for in a stream.
  const same = problems.filter(({ scope, kind }) => scope === 'row' && kind !== 'duplicate-media');
  return { rows, problems: same.map(({ hint: _hint, ...problem }) => problem), fails };
}

/** What came before a file turned out to be broken is the same in both, but whole files put it with the rest. */
function comparable({ rows, problems, fails }: Outcome): Outcome {
  if (fails) return { rows: [], problems: [], fails };
  return { rows, problems: problems.map(({ hint: _hint, ...problem }) => problem), fails };
}

const cell = fc.oneof(
  fc.constantFrom(
    '3',
    '4.5',
    'x',
    '',
    '9',
    'a,b',
    '"q"',
    ' s ',
    'two\nlines',
    'cr\rhere',
    'crlf\r\nhere',
    'é',
    '\uFEFF',
    'a"b',
  ),
  fc.string({ maxLength: 6, unit: 'grapheme' }),
);
const table = fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 12 });
const damage = fc.array(
  fc.tuple(fc.nat(400), fc.constantFrom([0xff], [0x22], [0x2c], [0x0d], [0x0a], [0x0d, 0x0a], [0xc3])),
  { maxLength: 2 },
);

describe('streamRows', () => {
  it.each([
    ['LF', '\n'],
    ['CRLF', '\r\n'],
    ['CR', '\r'],
  ])(
    'gives what the whole file gives, damaged or not, in pieces of any size; line ends %s',
    { tags: ['long'] },
    async (_, end) => {
      let numRows = 0;
      let numFails = 0;
      await fc.assert(
        fc.asyncProperty(table, damage, fc.integer({ min: 1, max: 60 }), async (cells, places, chunkBytes) => {
          const rows = cells.map(([name, mos, more], i) => [`${i} ${name}.mp4`, mos, more]);
          const text = formatCsv(['video', 'mos', 'prompt'], rows).split('\n').join(end);
          let bytes = Buffer.from(text);
          for (const [at, what] of places) {
            const place = at % bytes.length;
            bytes = Buffer.concat([bytes.subarray(0, place), Buffer.from(what), bytes.subarray(place)]);
          }
          const path = write(bytes);
          const expected = await whole(path);
          const got = await streamed(path, { requireMos: false, chunkBytes });
          numRows += got.rows.length;
          if (got.fails) numFails++;
          expect(comparable(got)).toEqual(comparable(expected));
        }),
        { numRuns: 150 },
      );
      expect(numRows).toBeGreaterThan(100);
      expect(numFails).toBeGreaterThan(2);
    },
  );

  it('reads JSON lines whose keys come and go', async () => {
    const lines = Array.from({ length: 50 }, (_, i) =>
      JSON.stringify({
        video: `${i}.mp4`,
        ...(i % 7 === 3 ? { prompt: 'a\ncorgi' } : {}),
        ...(i > 30 ? { mos: i === 40 ? 'x' : 3 } : {}),
      }),
    );
    const path = write(`${lines.join('\n')}\nno json\n${JSON.stringify({ image: 'a.png' })}`, 'jsonl');
    const expected = await whole(path);
    for (const chunkBytes of [1, 7, 100, 1 << 20]) {
      expect(await streamed(path, { requireMos: false, chunkBytes })).toEqual(expected);
    }
  });

  it('holds no more than a piece', async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => `clip-${i}.mp4`);
    const path = write(`video\n${lines.join('\n')}\n`);
    let numRows = 0;
    for await (const { row, line } of streamRows(path, { requireMos: false, chunkBytes: 4096 })) {
      expect([row?.id, line]).toEqual([lines[numRows], numRows + 2]);
      numRows++;
    }
    expect(numRows).toBe(20_000);
  });

  it('makes few rows at a time, however short they are', async () => {
    const path = write(`video\n${'a.mp4\n'.repeat(150_000)}`); // 0.9 MB, and 190 MB as rows
    const before = process.memoryUsage().heapUsed;
    const rows = streamRows(path, { requireMos: false });
    await rows.next();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(60e6);
    await rows.return();
  });

  it.each<[string, string | Uint8Array, string]>([
    ['an empty file', '', 'got an empty file'],
    ['a header only', 'video,mos\n', 'got a header only'],
    ['no column of media', 'clip,mos\na.mp4,3\n', 'expected'],
    ['a binary file', Uint8Array.of(1, 0, 2), 'NUL bytes'],
    ['a quote that is never closed', `video\na.mp4\n"b.mp4\n${'c.mp4\n'.repeat(50)}`, 'a quote that is never closed'],
    ['a record without end', `video\n"${'c.mp4\n'.repeat(3_000_000)}`, ':2: expected a record of at most 1 MiB'],
  ])('says what is wrong with %s', async (_, content, message) => {
    const path = write(content);
    const read = async (): Promise<void> => {
      for await (const row of streamRows(path, { requireMos: false, chunkBytes: 65536 })) void row;
    };
    await expect(read()).rejects.toThrow(message);
    await expect(read()).rejects.toMatchObject({ code: 'bad-input' });
  });

  it('says so where there is no file', async () => {
    await expect(streamRows(join(folder, 'none.csv')).next()).rejects.toThrow('got no such file');
  });
});
