import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatCsv } from '../../src/dataset/index.ts';
import type { Table } from '../../src/dataset/table.ts';
import { readTable } from '../../src/dataset/table.ts';

function csv(text: string | Uint8Array): Table {
  return readTable('t.csv', Buffer.from(text), { kind: 'csv' });
}

function jsonl(text: string): Table {
  return readTable('t.jsonl', Buffer.from(text), { kind: 'jsonl' });
}

function cells(table: Table): string[][] {
  return table.records.map((record) => [...record.cells.values()]);
}

const hostile = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({
    unit: fc.constantFrom(
      '"',
      ',',
      '\n',
      '\r',
      ' ',
      ';',
      "'",
      '\t',
      '$(rm)',
      '`',
      '\\',
      '\uFEFF',
      'é',
      '😀',
      '\u2028',
      '=1+1',
    ),
  }),
);

describe('CSV', () => {
  it('gives hostile strings back as they were written', () => {
    const rows = fc
      .integer({ min: 1, max: 4 })
      .chain((width) => fc.array(fc.array(hostile, { minLength: width, maxLength: width }), { minLength: 1 }));
    fc.assert(
      fc.property(rows, (rows) => {
        const columns = rows[0]!.map((_, i) => `column ${i}`);
        const clean = rows.map((row) => row.map((text) => text.replaceAll('\0', '')));
        const table = csv(formatCsv(columns, clean));
        expect(table.problems).toEqual([]);
        expect(table.columns).toEqual(columns);
        expect(cells(table)).toEqual(clean);
      }),
      { numRuns: 300 },
    );
  });

  it('reads a byte order mark, CRLF, mixed line ends, quoted newlines and blank lines', () => {
    const table = csv('\uFEFFvideo,prompt\r\na.mp4,"x\r\ny"\r\n\r\nb.mp4,"say ""hi"""\n\n"c\nd.mp4",z');
    expect(table.problems).toEqual([]);
    expect(table.columns).toEqual(['video', 'prompt']);
    expect(cells(table)).toEqual([
      ['a.mp4', 'x\r\ny'],
      ['b.mp4', 'say "hi"'],
      ['c\nd.mp4', 'z'],
    ]);
    expect(table.records.map(({ line }) => line)).toEqual([2, 5, 7]);
  });

  it('names the physical line on which each record starts', () => {
    const end = fc.constantFrom('\n', '\r\n', '\r');
    const value = fc.array(fc.tuple(fc.constantFrom('a', 'é', '""', ','), fc.option(end, { nil: '' })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(value, end, fc.option(end, { nil: '' })), { minLength: 1, maxLength: 8 }),
        (rows) => {
          let text = 'h\n';
          const expected: number[] = [];
          for (const [parts, lineEnd, blank] of rows) {
            // CR and LF that meet make one line end, not two.
            expected.push(text.split(/\r\n|\n|\r/).length);
            text += `"${parts.flat().join('')}"${lineEnd}`;
            if (!(lineEnd === '\r' && blank === '\n')) text += blank;
          }
          const table = csv(text);
          expect(table.problems).toEqual([]);
          expect(table.records.map(({ line }) => line)).toEqual(expected);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('reports ragged rows and reads the others', () => {
    const table = csv('video,mos\na.mp4,3\nb.mp4\nc,d.mp4,4\ne.mp4,5\n');
    expect(table.problems.map(({ kind, scope, line, expected, got }) => [kind, scope, line, expected, got])).toEqual([
      ['ragged', 'row', 3, '2 fields as in the header', '1: "b.mp4"'],
      ['ragged', 'row', 4, '2 fields as in the header', '3: "c,d.mp4,4"'],
    ]);
    expect(table.records.map(({ line }) => line)).toEqual([2, 5]);
    expect(table.numRecords).toBe(4);
  });

  it.each([
    ['video,mos\na.mp4,3\nb.mp4,"4\nc.mp4,5\n', 'a quote that is never closed'],
    ['video,mos\na.mp4,3\nb"c".mp4,4\n"d"e.mp4,5\n', 'a quote in the middle of a field'],
  ])('stops at broken quoting and says on which line: %j', (text, got) => {
    const table = csv(text);
    expect(table.problems).toMatchObject([{ kind: 'syntax', scope: 'file', line: 3, got }]);
    expect(cells(table)).toEqual([['a.mp4', '3']]);
  });

  it('reports columns of one name', () => {
    expect(csv('video,mos,mos\na,1,2\n').problems).toMatchObject([{ kind: 'duplicate-column', got: '"mos" twice' }]);
  });

  it('reports bytes that are not UTF-8 by row, also in a quoted field over several lines', () => {
    const table = csv(Buffer.from('video,prompt\na.mp4,caf\xe9\nb.mp4,"x\ny\xff\nz"\nc.mp4,ok\n', 'latin1'));
    expect(table.problems.map(({ kind, scope, line }) => [kind, scope, line])).toEqual([
      ['encoding', 'row', 2],
      ['encoding', 'row', 3],
    ]);
    expect(table.records.map(({ line }) => line)).toEqual([6]);
    expect(table.numRecords).toBe(3);
  });

  it.each([
    [Buffer.from('video\0'), 'NUL bytes (a binary file)'],
    [Buffer.from(`video,mos${','.repeat(20_000)}`), '20002'],
    [Buffer.from(`\n \r\n${','.repeat(20_000)}\na,b\n`), '20001'],
  ])('refuses what is no text, and columns without end: %#', (bytes, got) => {
    expect(csv(bytes).problems).toMatchObject([{ scope: 'file', got }]);
  });

  it('reads other delimiters, unquoted fields and files without a header', () => {
    const format = { kind: 'csv', delimiter: '|', quoted: false, header: ['name', 'prompt', 'mos'] } as const;
    const table = readTable('info.txt', Buffer.from('1.mp4|a "quoted" cat, running|50.5\n2.mp4|"|3\n'), format);
    expect(table.problems).toEqual([]);
    expect(cells(table)).toEqual([
      ['1.mp4', 'a "quoted" cat, running', '50.5'],
      ['2.mp4', '"', '3'],
    ]);
    expect(table.records.map(({ line }) => line)).toEqual([1, 2]);
  });

  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          hostile.map((text) => new Uint8Array(Buffer.from(text))),
        ),
        (bytes) => {
          const table = csv(bytes);
          expect(table.records.length).toBeLessThanOrEqual(table.numRecords);
          for (const problem of table.problems) expect(problem.file).toBe('t.csv');
        },
      ),
    );
  });
});

describe('JSON lines', () => {
  it('reads text, numbers and booleans; null and a missing key are no cell', () => {
    const table = jsonl(
      '\uFEFF{"video":"a\\nb.mp4","mos":3.25,"hdr":true}\r\n\n{"video":"c.mp4","mos":null,"codec":"h264"}',
    );
    expect(table.problems).toEqual([]);
    expect(table.columns).toEqual(['video', 'mos', 'hdr', 'codec']);
    expect(table.records.map(({ line, cells }) => [line, Object.fromEntries(cells)])).toEqual([
      [1, { video: 'a\nb.mp4', mos: '3.25', hdr: 'true' }],
      [3, { video: 'c.mp4', codec: 'h264' }],
    ]);
  });

  it('gives hostile strings back as they were written', () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(hostile, hostile, { minKeys: 1 }), { minLength: 1, maxLength: 5 }),
        (objects) => {
          const table = jsonl(objects.map((object) => JSON.stringify(object)).join('\n'));
          expect(table.problems).toEqual([]);
          expect(table.records.map(({ cells }) => [...cells])).toEqual(objects.map((object) => Object.entries(object)));
        },
      ),
    );
  });

  it('reports objects nested without end, and does not fall over them', () => {
    const deep = (n: number): string => '{"video":'.repeat(n) + '[]' + '}'.repeat(n);
    const table = jsonl([deep(99), deep(100), deep(60_000), '{"video":['.repeat(5000), '{"video":"a[[{"}'].join('\n'));
    expect(table.problems.map(({ kind, line, got }) => [kind, line, got.slice(0, 12)])).toEqual([
      ['syntax', 2, 'one of more '],
      ['syntax', 3, 'one of more '],
      ['syntax', 4, 'one of more '],
    ]);
    expect(table.records.map(({ line, nested }) => [line, nested?.has('video')])).toEqual([
      [1, true],
      [5, undefined],
    ]);
  });

  it('reports lines that are no object; lists and objects are marked, and a list of texts is one text', () => {
    const table = jsonl('{"video":"a"}\n{"video":"b"\n[1]\n"x"\n{"video":"c","notes":["x","y"],"size":{"w":2}}\n');
    expect(table.problems.map(({ kind, line, column, expected }) => [kind, line, column, expected])).toEqual([
      ['syntax', 2, undefined, 'one JSON object'],
      ['syntax', 3, undefined, 'one JSON object'],
      ['syntax', 4, undefined, 'one JSON object'],
    ]);
    expect(table.records).toEqual([
      { line: 1, cells: new Map([['video', 'a']]) },
      {
        line: 5,
        cells: new Map([
          ['video', 'c'],
          ['notes', 'x; y'],
          ['size', '{"w":2}'],
        ]),
        nested: new Set(['notes', 'size']),
      },
    ]);
    expect(table.numRecords).toBe(5);
  });
});
