// The file beside a table: what it says reaches every reader, below what a caller says, and a mistake in it has a line.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TableOptions } from '../../src/dataset/index.ts';
import {
  loadManifest,
  mergeTableOptions,
  parseDelimiter,
  readSidecar,
  streamRows,
  writeSidecar,
} from '../../src/dataset/index.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'iovqa-sidecar-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
function write(table: string, sidecar: string): string {
  const path = join(folder, `${count++}.csv`);
  writeFileSync(path, table);
  writeFileSync(`${path}.yaml`, sidecar);
  return path;
}

const table = 'filename;MOS;SOS\na.mp4;80;2\nb.mp4;20;3\n';
const sidecar =
  'columns:\n  video: filename\n  std: SOS\ntarget: MOS\nscale: 0-100\ndelimiter: semicolon\nmediaRoot: clips\n';

describe('the file beside a table', () => {
  it('says how it is read, whole or row by row', async () => {
    const path = write(table, sidecar);
    const manifest = await loadManifest(path, { checkMedia: false });
    expect(manifest.problems).toEqual([]);
    expect(manifest.notes).toEqual([expect.stringContaining(`${path}.yaml says how`)]);
    expect(manifest.scale).toEqual({ min: 0, max: 100, higherIsBetter: true });
    expect(manifest.rows.map((row) => [row.id, row.path, row.mos, row.std])).toEqual([
      ['a.mp4', join(folder, 'clips/a.mp4'), 80, 2],
      ['b.mp4', join(folder, 'clips/b.mp4'), 20, 3],
    ]);
    const streamed = [];
    for await (const { row } of streamRows(path)) streamed.push(row);
    expect(streamed).toEqual(manifest.rows);
  });

  it('goes below what the caller says', async () => {
    const path = write('a,b,x,y\nc.mp4,p.png,80,4\n', 'columns: { video: a, mos: x }\nscale: 0-100\n');
    const { rows, scale } = await loadManifest(path, {
      columns: { image: 'b', mos: 'y' },
      scale: '1-5',
      checkMedia: false,
    });
    expect(scale.max).toBe(5);
    expect(rows).toMatchObject([{ id: 'p.png', kind: 'image', mos: 4 }]);
  });

  it('takes columns that YAML reads as numbers or truth values', async () => {
    const { options } = (await readSidecar(write('', 'columns:\n  video: 1\n  split: true\ntarget: 2.50\n')))!;
    expect(options.columns).toEqual({ video: '1', split: 'true', mos: '2.50' });
  });

  it.each([
    ['columns:\n  vdieo: a\n', ':2: columns: expected a role of a column, got "vdieo"', 'did you mean video?'],
    ['video: a\n', ':1: expected a key of a table, got "video"', 'did you mean video in the section columns?'],
    ['mos: a\n', ':1: expected a key of a table, got "mos"', 'did you mean target?'],
    ['media-root: a\n', ':1: expected a key of a table, got "media-root"', 'did you mean mediaRoot?'],
    ['\nscale: 5\n', ':2: scale: expected MIN-MAX or dmos-MIN-MAX with MIN below MAX, got 5', 'common scales'],
    ['preset: konvid1k\n', 'preset: expected', 'did you mean konvid-1k?'],
    ['delimiter: ab\n', 'delimiter: expected comma, semicolon, tab, pipe or one character', ''],
    ['header: maybe\n', 'header: expected true or false, got "maybe"', ''],
    ['target: a\ncolumns: { mos: b }\n', 'columns.mos: expected the column of target ("a"), got "b"', ''],
    ['columns: a\n', 'columns: expected names of columns by role', ''],
    ['- a\n', 'expected keys with values', ''],
    ['target: [a]\n', 'target: expected the name of a column', ''],
    ['target: *x\n', ':1: expected', ''],
  ])('refuses %j with its line', async (text, message, hint) => {
    const path = write(table, text);
    const error = await loadManifest(path, { checkMedia: false }).then(
      () => null,
      (error: unknown) => error as Error & { hint?: string; code: string },
    );
    expect(error).toMatchObject({ name: 'UserError', code: 'bad-input' });
    expect(error!.message).toContain(`${path}.yaml`);
    expect(error!.message).toContain(message);
    expect(error!.hint ?? '').toContain(hint);
  });

  it('tells all mistakes at once', async () => {
    const error = await readSidecar(write(table, 'vidoe: a\nscale: x\n')).catch((error: unknown) => error as Error);
    expect((error as Error).message.split('\n')).toHaveLength(3);
  });

  it('reads back what was written', async () => {
    const path = write(table, '');
    const options: TableOptions = {
      columns: { video: 'file: "x" #1', mos: 'true', prompt: 'prompt' },
      scale: 'dmos-0-100',
      preset: 'lsvq',
      mediaRoot: join(folder, 'clips'),
      delimiter: '\t',
      header: false,
    };
    await writeSidecar(path, options);
    expect((await readSidecar(path))!.options).toEqual(options);
    expect(readFileSync(`${path}.yaml`, 'utf8')).toContain('mediaRoot: "clips"');
  });
});

describe('options', () => {
  it('name one medium: a later place that names one leaves the other out', () => {
    expect(mergeTableOptions({ columns: { image: 'i' } }, { columns: { video: 'v', group: 'g' } })).toEqual({
      columns: { image: 'i', group: 'g' },
    });
    expect(mergeTableOptions({ columns: { group: 'h' } }, { columns: { video: 'v', group: 'g' } })).toEqual({
      columns: { video: 'v', group: 'h' },
    });
  });

  it('name delimiters', () => {
    expect(['comma', 'semicolon', 'tab', '\\t', 'pipe', ';', '|', ' '].map(parseDelimiter)).toEqual([
      ',',
      ';',
      '\t',
      '\t',
      '|',
      ';',
      '|',
      ' ',
    ]);
    for (const bad of ['', 'ab', '"', '\n', 'a', '1', '.', '-', 'ä']) {
      expect(() => parseDelimiter(bad)).toThrow('delimiter: expected');
    }
  });
});
