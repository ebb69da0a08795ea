// Tables as people have them, each against the same table written plainly: read whole and row by row alike.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClipRow, ManifestOptions } from '../../src/dataset/index.ts';
import { formatProblem, loadManifest, parseDecimal, readManifest, streamRows } from '../../src/dataset/index.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'iovqa-dialect-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
function write(content: string | Uint8Array, name = 't.csv'): string {
  const path = join(folder, String(count++), name);
  mkdirSync(join(path, '..'));
  writeFileSync(path, content);
  return path;
}

/** The rows of a table without problems, whole and streamed. */
async function read(path: string, options: ManifestOptions = {}): Promise<Partial<ClipRow>[]> {
  const { rows, problems } = await loadManifest(path, { checkMedia: false, ...options });
  expect(problems.map(formatProblem)).toEqual([]);
  const streamed = [];
  for await (const { row } of streamRows(path, { ...options, chunkBytes: 7 })) streamed.push(row);
  expect(streamed).toEqual(rows);
  return rows.map(({ id, mos, std, prompt }) => ({
    id,
    mos,
    ...(std === undefined ? {} : { std }),
    ...(prompt === undefined ? {} : { prompt }),
  }));
}

const rows = [
  { id: 'ä.mp4', mos: 3.5, prompt: 'a cat, asleep; or a | dog' },
  { id: 'b.mp4', mos: 4.25, prompt: 'x' },
];
const comma = 'video,mos,prompt\nä.mp4,3.5,"a cat, asleep; or a | dog"\nb.mp4,4.25,x\n';
const semicolon = 'video;mos;prompt\nä.mp4;3,5;"a cat, asleep; or a | dog"\nb.mp4;4,25;x\n';
const tab = 'video\tmos\tprompt\nä.mp4\t3.5\ta cat, asleep; or a | dog\nb.mp4\t4.25\tx\n';
const pipe = 'video|mos|prompt\nä.mp4|3.5|"a cat, asleep; or a | dog"\nb.mp4|4.25|x\n';
const bigEndian = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();

describe('what separates fields', () => {
  it.each([
    ['commas', comma, 't.csv'],
    ['semicolons and decimal commas', semicolon, 't.csv'],
    ['semicolons in a text file', semicolon, 't.txt'],
    ['tabs', tab, 't.tsv'],
    ['tabs in a file named .csv', tab, 't.csv'],
    ['tabs in a text file', tab, 't.txt'],
    ['bars', pipe, 't.txt'],
    ['bars in a file named .csv', pipe, 't.csv'],
    ['UTF-16, little end first', Buffer.from(`\uFEFF${semicolon}`, 'utf16le'), 't.csv'],
    ['UTF-16, big end first', bigEndian(`\uFEFF${tab}`), 't.txt'],
    ['UTF-16 without a mark', Buffer.from(comma, 'utf16le'), 't.csv'],
    ['UTF-16 without a mark, big end first', bigEndian(comma), 't.csv'],
    [
      'JSON lines in UTF-16',
      Buffer.from(rows.map(({ id, ...row }) => JSON.stringify({ video: id, ...row })).join('\n'), 'utf16le'),
      't.jsonl',
    ],
    [
      'JSON lines in a text file',
      rows.map(({ id, ...row }) => JSON.stringify({ video: id, ...row })).join('\n'),
      't.txt',
    ],
    ['names in capitals', comma.replace('video,mos', 'Video,MOS'), 't.csv'],
  ])('%s', async (_, content, name) => {
    expect(await read(write(content, name))).toEqual(rows);
  });

  it('is what is said, where that is another', async () => {
    expect(await read(write('video:mos:prompt\na.mp4:3:x,y\n'), { delimiter: ':' })).toEqual([
      { id: 'a.mp4', mos: 3, prompt: 'x,y' },
    ]);
  });

  it.each([
    ['a name with a semicolon in a table with commas', 'video,mos\n"a;b.mp4",3\nc;d.mp4,4\n', ['a;b.mp4', 'c;d.mp4']],
    ['one column', 'video\na;b.mp4\n', ['a;b.mp4']],
    ['own names', 'file name;my score\na,b.mp4;3\nc.mp4;4\n', ['a,b.mp4', 'c.mp4']],
  ])('%s', async (_, text, ids) => {
    const columns = text.startsWith('file') ? { video: 'file name', mos: 'my score' } : {};
    expect((await read(write(text), { columns, requireMos: false })).map(({ id }) => id)).toEqual(ids);
  });

  it('a decimal comma is one, unless it might separate thousands', () => {
    const large = { min: 0, max: 5000, higherIsBetter: true };
    expect(
      ['3,5', ' 3,125 ', '-1,5', ',5', '3,', '1,2,3', '1.234,5', '3.', '.5', '1e3', '0x1', ''].map((t) =>
        parseDecimal(t),
      ),
    ).toEqual([3.5, 3.125, -1.5, 0.5, undefined, undefined, undefined, 3, 0.5, 1000, undefined, undefined]);
    expect(['1,234', '1,23', '12345,678'].map((text) => parseDecimal(text, large))).toEqual([
      undefined,
      1.23,
      12345.678,
    ]);
  });
});

describe('a table without a header', () => {
  it.each([
    ['names and scores', 'a.mp4;3,5\nb.mp4;4,2\n'],
    ['names and scores with commas', 'a.mp4,3.5\nb.mp4,4.2\n'],
    ['with bars', 'a.mp4|3.5\nb.mp4|4.2\n'],
    ['scores first', '3.5 a.mp4\n4.2 b.mp4\n'],
  ])('%s', async (_, text) => {
    const options = text.startsWith('3') ? { delimiter: ' ' } : {};
    const path = write(text, 't.txt');
    expect(await read(path, options)).toEqual([
      { id: 'a.mp4', mos: 3.5 },
      { id: 'b.mp4', mos: 4.2 },
    ]);
    expect((await loadManifest(path, { ...options, checkMedia: false })).notes[0]).toContain('has no header line');
  });

  it('one column of names', async () => {
    expect(await read(write('a.mp4\nb.mp4\n', 't.txt'), { requireMos: false })).toEqual([
      { id: 'a.mp4', mos: null },
      { id: 'b.mp4', mos: null },
    ]);
  });

  it('columns are called by their numbers; what is not certain is asked for once', async () => {
    const path = write('a.mp4,3.5,0.2\nb.mp4,4.2,0.3\n');
    const { problems } = await loadManifest(path, { checkMedia: false });
    expect(problems).toMatchObject([{ kind: 'missing-column', expected: 'a column "mos"', got: '"1", "2", "3"' }]);
    expect(problems[0]!.hint).toContain('--target 2');
    expect(await read(path, { columns: { mos: '2', std: '3' } })).toEqual([
      { id: 'a.mp4', mos: 3.5, std: 0.2 },
      { id: 'b.mp4', mos: 4.2, std: 0.3 },
    ]);
  });

  it('is not supposed where the first line may name columns', async () => {
    for (const text of ['clip.name,rater.a\na.mp4,3\n', 'clip,1,2\na.mp4,3,4\n', 'name.mp4x,b\n1,2\n']) {
      const { problems, notes } = await loadManifest(write(text), { checkMedia: false });
      expect([problems[0]!.kind, notes]).toEqual(['missing-column', []]);
    }
    expect(
      await read(write('clip.name,rater.a\nb.name,3\n'), {
        header: false,
        columns: { video: '1', mos: '2' },
        scale: '0-9',
      }).catch(() => 'refused'),
    ).toBe('refused');
    expect(await read(write('x,1\ny,2\n'), { header: false, columns: { video: '1', mos: '2' } })).toHaveLength(2);
  });
});

describe('names of media', () => {
  const put = (table: string, file: string): string => {
    const path = join(table, '..', file);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, 'x');
    return path;
  };

  it('are found with backslashes, and whichever way accents are written', async () => {
    const names = ['clips\\a.mp4', 'caf\u00e9/\u00fc.mp4', 'cafe\u0301/o\u0308.mp4'];
    const path = write(`video\n${names.join('\n')}\n`);
    const files = ['clips/a.mp4', 'cafe\u0301/u\u0308.mp4', 'caf\u00e9/\u00f6.mp4'].map((file) => put(path, file));
    const { rows, problems } = await loadManifest(path, { requireMos: false });
    expect(problems).toEqual([]);
    expect(rows.map((row) => row.path)).toEqual(files);
    expect(rows.map(({ id }) => id)).toEqual(names);
  });

  it('stand as they are where there is such a file', async () => {
    const path = write('video\nclips\\a.mp4\n');
    put(path, 'clips/a.mp4');
    const own = put(path, 'clips\\a.mp4');
    expect((await loadManifest(path, { requireMos: false })).rows[0]!.path).toBe(own);
  });

  it('may be absolute', async () => {
    const path = write('');
    const file = put(path, 'a.mp4');
    writeFileSync(path, `video\n${file}\n`);
    expect((await loadManifest(path, { requireMos: false, mediaRoot: '/elsewhere' })).rows[0]!.path).toBe(file);
  });
});

describe('labels that nobody needs', () => {
  it('are not looked at', async () => {
    const path = write('video,mos,std,is_test\na.mp4,x,?,maybe\nb.mp4,,,\nc.mp4,999,-1,1\n');
    const { rows, problems } = await loadManifest(path, {
      checkMedia: false,
      ignoreLabels: true,
      columns: { mos: 'absent', group: 'absent too' },
    });
    expect(problems).toEqual([]);
    expect(rows.map(({ mos, std }) => [mos, std])).toEqual([1, 2, 3].map(() => [null, undefined]));
  });
});

describe('what is no table', () => {
  const failure = async (path: string): Promise<{ message: string; code: string }> => {
    const errors = await Promise.all([
      readManifest(path, { checkMedia: false }).then(
        () => new Error('read'),
        (error: unknown) => error as Error,
      ),
      streamRows(path)
        .next()
        .then(
          () => new Error('read'),
          (error: unknown) => error as Error,
        ),
    ]);
    expect(errors[1].message).toBe(errors[0].message);
    return errors[1] as Error & { code: string };
  };

  it('is refused before it is opened: devices, pipes, folders', async () => {
    const path = join(folder, 'device.csv');
    symlinkSync('/dev/zero', path);
    expect((await failure(path)).message).toBe(
      `${path}: expected a table (CSV, TSV, text or JSON lines), got a device`,
    );
    const fifo = join(folder, 'pipe.csv');
    execFileSync('mkfifo', [fifo]);
    expect((await failure(fifo)).message).toContain('got a named pipe');
    mkdirSync(join(folder, 'folder.csv'));
    expect((await failure(join(folder, 'folder.csv'))).message).toContain('got a folder');
  });

  it('has one short message, and reading ends with the limit: a line without end, columns without end', async () => {
    const line = await failure(write(`video,mos\n${'x'.repeat(40 << 20)}\n`));
    expect(line.message).toContain(':2: expected a record of at most 1 MiB, got a longer one');
    const header = await failure(write('x'.repeat(40 << 20)));
    expect(header.message).toContain(':1: expected a record of at most 1 MiB');
    const columns = await failure(write(`video,mos${',c'.repeat(400_000)}\n`));
    expect(columns.message).toContain(':1: expected at most 10000 columns, got 400002');
    const named = await failure(write(`${Array.from({ length: 9000 }, (_, i) => `column ${i}`).join(',')}\n1\n`));
    expect(named.message.length).toBeLessThan(2000);
    expect(named.message).toContain('and 8988 more');
    const keys = Array.from({ length: 12_000 }, (_, i) => JSON.stringify({ [`key ${i}`]: 1 })).join('\n');
    const objects = await loadManifest(write(keys, 't.jsonl'), { checkMedia: false });
    expect(objects.problems.map(({ got }) => got)).toContain('more');
  });
});
