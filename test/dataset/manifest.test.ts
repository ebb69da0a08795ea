import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/index.ts';
import type { Manifest, ManifestOptions, Problem } from '../../src/dataset/index.ts';
import { columnValue, formatCsv, formatProblem, loadManifest, readManifest } from '../../src/dataset/index.ts';
import { listProblems } from '../../src/dataset/problem.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'iovqa-dataset-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

let numFiles = 0;
/** Writes a manifest and, beside it, the media files that it is to find. */
function write(
  text: string | Uint8Array,
  { media = [], name = 'm.csv' }: { media?: string[]; name?: string } = {},
): string {
  const path = join(folder, `case ${numFiles++}`, name);
  mkdirSync(dirname(path));
  writeFileSync(path, text);
  for (const file of media) {
    mkdirSync(dirname(join(dirname(path), file)), { recursive: true });
    writeFileSync(join(dirname(path), file), 'x');
  }
  return path;
}

/** Problems as lines, with the manifest's path cut to its name. */
async function problems(
  text: string | Uint8Array,
  options: ManifestOptions = { checkMedia: false },
): Promise<string[]> {
  const path = write(text);
  return lines(await loadManifest(path, options));
}

function lines(manifest: Manifest): string[] {
  return manifest.problems.map((problem) => formatProblem(problem).replaceAll(dirname(manifest.file) + '/', ''));
}

async function failure(promise: Promise<unknown>): Promise<UserError> {
  const error: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

describe('a good manifest', () => {
  it('gives rows with every role and the further columns', async () => {
    const text =
      'video,mos,prompt,group,split,std,codec,fluency\nclips/a.mp4,3.5,"a cat, asleep",cat,train,0.5,h264,4\nb.mp4,1,,,,,,\n';
    const path = write(text, { media: ['clips/a.mp4', 'b.mp4'] });
    const dataset = await readManifest(path);
    const row = {
      id: 'clips/a.mp4',
      path: join(dirname(path), 'clips/a.mp4'),
      kind: 'video',
      mos: 3.5,
      prompt: 'a cat, asleep',
      line: 2,
    };
    expect(dataset.rows).toEqual([
      { ...row, group: 'cat', split: 'train', std: 0.5, extra: { codec: 'h264', fluency: '4' } },
      {
        id: 'b.mp4',
        path: join(dirname(path), 'b.mp4'),
        kind: 'video',
        mos: 1,
        extra: { codec: '', fluency: '' },
        line: 3,
      },
    ]);
    expect(dataset.scale).toEqual({ min: 1, max: 5, higherIsBetter: true });
    expect(dataset.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(dataset).not.toHaveProperty('problems');
    expect(columnValue(dataset.rows[0]!, 'codec')).toBe('h264');
    expect(columnValue(dataset.rows[0]!, 'split')).toBe('train');
    expect(columnValue(dataset.rows[1]!, 'split')).toBeUndefined();
    expect(columnValue(dataset.rows[1]!, 'toString')).toBeUndefined();
  });

  it('finds media with hostile names', async () => {
    const names = [
      'a b.mp4',
      'say "hi".mp4',
      "it's $(touch x) `y`.mp4",
      'new\nline.mp4',
      ' lead.mp4',
      '-rf.mp4',
      'ü😀.mp4',
      'a,b;c.mp4',
    ];
    const path = write(
      formatCsv(
        ['video', 'mos'],
        names.map((name) => [name, '3']),
      ),
      { media: names },
    );
    const dataset = await readManifest(path);
    expect(dataset.rows.map(({ id }) => id)).toEqual(names);
    expect(dataset.rows.map(({ path }) => path)).toEqual(names.map((name) => join(dirname(path), name)));
  });

  it('gives the same rows from JSONL', async () => {
    const csv = write('video,mos,std,codec\na b.mp4,3.25,0.5,h264\n');
    const jsonl = write('{"video":"a b.mp4","mos":3.25,"std":0.5,"codec":"h264"}\n', { name: 'm.jsonl' });
    const [a, b] = await Promise.all(
      [csv, jsonl].map((path) => readManifest(path, { checkMedia: false, mediaRoot: '/media' })),
    );
    expect(b!.rows).toEqual(a!.rows.map((row) => ({ ...row, line: 1 })));
    expect(a!.rows[0]!.path).toBe('/media/a b.mp4');
  });

  it('refuses lists and objects where a role is, and only there', async () => {
    const text =
      '{"video":"a.mp4","mos":3,"tags":["x","y"],"size":{"w":1}}\n{"video":["b.mp4"],"mos":3}\n{"video":"c.mp4","mos":[3]}\n';
    const path = write(text, { name: 'm.jsonl' });
    const { rows, problems } = await loadManifest(path, { checkMedia: false });
    expect(rows.map(({ id, extra }) => [id, extra])).toEqual([['a.mp4', { tags: 'x; y', size: '{"w":1}' }]]);
    expect(problems.map(({ kind, line, column, expected }) => [kind, line, column, expected])).toEqual([
      ['bad-value', 2, 'video', 'text or a number'],
      ['bad-value', 3, 'mos', 'text or a number'],
    ]);
    const scored = await loadManifest(path, { checkMedia: false, ignoreLabels: true });
    expect(scored.rows.map(({ id }) => id)).toEqual(['a.mp4', 'c.mp4']);
  });

  it('finds every column in any case, where one is called so', async () => {
    const text = 'Video,MOS,Prompt,Group,Split,STD\na.mp4,3,a cat,g,train,0.5\n';
    const { rows } = await readManifest(write(text), { checkMedia: false });
    expect(rows).toMatchObject([{ id: 'a.mp4', mos: 3, prompt: 'a cat', group: 'g', split: 'train', std: 0.5 }]);
    const lines = '{"Video":"a.mp4","MOS":3}\n{"Video":"b.mp4","MOS":4,"prompt":"a dog"}\n';
    const objects = await readManifest(write(lines, { name: 'm.jsonl' }), { checkMedia: false });
    expect(objects.rows.map(({ id, mos, prompt }) => [id, mos, prompt])).toEqual([
      ['a.mp4', 3, undefined],
      ['b.mp4', 4, 'a dog'],
    ]);
    const two = await readManifest(write('video,mos,Prompt,PROMPT\na.mp4,3,a cat,a dog\n'), { checkMedia: false });
    expect(two.rows[0]!.prompt).toBeUndefined();
  });

  it('says of a column that stands twice what is wrong, once', async () => {
    const rows = Array.from({ length: 4000 }, (_, i) => `${i}.mp4,3,3\n`).join('');
    const { problems } = await loadManifest(write(`video,mos,mos\n${rows}`), { checkMedia: false });
    expect(problems.map(({ kind }) => kind)).toEqual(['duplicate-column']);
  });

  it('reads stills, and both kinds side by side', async () => {
    const { rows } = await readManifest(write('video,image,mos\na.mp4,,3\n,b.png,4\n'), { checkMedia: false });
    expect(rows.map(({ id, kind }) => [id, kind])).toEqual([
      ['a.mp4', 'video'],
      ['b.png', 'image'],
    ]);
  });

  it('reads a list without scores where that is allowed, and keeps the scores that are there', async () => {
    const options = { checkMedia: false, requireMos: false };
    expect((await readManifest(write('video\na.mp4\n'), options)).rows).toMatchObject([{ id: 'a.mp4', mos: null }]);
    expect((await readManifest(write('video,mos\na.mp4,2\nb.mp4,\n'), options)).rows.map(({ mos }) => mos)).toEqual([
      2,
      null,
    ]);
    expect(await problems('video,mos\na.mp4,x\n', options)).toEqual([
      'm.csv:2: column "mos": expected a number from 1 to 5, got "x"',
    ]);
  });

  it('maps columns, keeps mapped ones for breakdowns, and may use one column twice', async () => {
    const columns = { video: 'file', mos: 'Score', prompt: 'text', group: 'text' };
    const { rows } = await readManifest(write('file,Score,text,mos\na.mp4,80,cats,-1\n'), {
      columns,
      scale: '0-100',
      checkMedia: false,
    });
    expect(rows).toMatchObject([
      { id: 'a.mp4', mos: 80, prompt: 'cats', group: 'cats', extra: { Score: '80', text: 'cats', mos: '-1' } },
    ]);
  });

  it('keeps columns whose names are special to JavaScript', async () => {
    const { rows } = await readManifest(write('video,mos,__proto__,constructor\na.mp4,1,x,y\n'), { checkMedia: false });
    expect(Object.entries(rows[0]!.extra)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });
});

describe('problems', () => {
  it('names file, line, column, value and what was expected, for all rows at once', async () => {
    const text = [
      'video,mos,std',
      'a.mp4,abc,',
      '"b\n.mp4",,',
      'c.mp4,NaN,',
      'd.mp4,inf,',
      'e.mp4,1e999,',
      'f.mp4,5.01,',
      'g.mp4,"3,5",',
      'h.mp4,0x3,',
      ',3,',
      'i.mp4,3,-1',
      'j.mp4,3,?',
      'k.mp4,3,0.2',
      './k.mp4,4,',
      'l.mp4,3',
    ].join('\n');
    const range = 'expected a number from 1 to 5';
    expect(await problems(text)).toEqual([
      `m.csv:2: column "mos": ${range}, got "abc"`,
      `m.csv:3: column "mos": ${range}, got nothing`,
      `m.csv:5: column "mos": ${range}, got "NaN"`,
      `m.csv:6: column "mos": ${range}, got "inf"`,
      `m.csv:7: column "mos": ${range}, got "1e999"`,
      `m.csv:8: column "mos": ${range} (scale 1-5), got "5.01"`,
      `m.csv:10: column "mos": ${range}, got "0x3"`,
      'm.csv:11: column "video": expected the name of a media file, got nothing',
      'm.csv:12: column "std": expected a number of at least 0, got "-1"',
      'm.csv:13: column "std": expected a number of at least 0, got "?"',
      'm.csv:15: column "video": expected each file once, got "./k.mp4", which line 14 has too',
      'm.csv:16: expected 3 fields as in the header, got 2: "l.mp4,3"',
    ]);
  });

  it('leaves the good rows in, and counts the others', async () => {
    const manifest = await loadManifest(write('video,mos\na.mp4,3\nb.mp4,x\nc.mp4,4\nd\n'), { checkMedia: false });
    expect(manifest.rows.map(({ id }) => id)).toEqual(['a.mp4', 'c.mp4']);
    expect(manifest.numRows).toBe(4);
    expect(manifest.problems.map(({ kind, scope, line, column, value }) => [kind, scope, line, column, value])).toEqual(
      [
        ['not-a-number', 'row', 3, 'mos', 'x'],
        ['ragged', 'row', 5, undefined, undefined],
      ],
    );
  });

  it('throws them in one error: all of a few, the first of many with one cause, and no more than 20', async () => {
    const rows = (n: number): string => Array.from({ length: n }, (_, i) => `${i}.mp4,x\n`).join('');
    const one = await failure(readManifest(write(`video,mos\n${rows(1)}`), { checkMedia: false }));
    expect(one.code).toBe('bad-input');
    expect(one.message).toMatch(/m\.csv:2: column "mos": expected a number from 1 to 5, got "x"$/);
    const many = await failure(readManifest(write(`video,mos\n${rows(50)}`), { checkMedia: false }));
    expect(many.message.split('\n')).toHaveLength(5);
    expect(many.message).toContain('m.csv: 50 problems\n');
    expect(many.message).toMatch(/m\.csv:4: .*\n {2}… and 47 more like it$/);
    const causes = Array.from({ length: 30 }, (_, i): Problem => {
      return { kind: 'bad-value', scope: 'row', file: 'm.csv', line: i + 2, column: `${i}`, expected: 'x', got: 'y' };
    });
    expect(listProblems(causes)).toHaveLength(21);
    expect(listProblems(causes).at(-1)).toBe('… and 10 others');
  });

  it('reports media that are missing, folders, or cannot exist', async () => {
    const path = write('video,mos\na.mp4,3\nb.mp4,3\nsub,3\na.mp4/x.mp4,3\n', { media: ['a.mp4', 'sub/x'] });
    const manifest = await loadManifest(path);
    expect(lines(manifest)).toEqual([
      'm.csv:3: column "video": expected a file, got "b.mp4" (nothing at b.mp4)',
      'm.csv:4: column "video": expected a file, got "sub" (sub is a folder)',
      'm.csv:5: column "video": expected a file, got "a.mp4/x.mp4" (nothing at a.mp4/x.mp4)',
    ]);
    expect(manifest.rows.map(({ id }) => id)).toEqual(['a.mp4']);
    const nul = await loadManifest(write('{"video":"a\\u0000.mp4","mos":3}', { name: 'm.jsonl' }));
    expect(nul.problems).toMatchObject([{ kind: 'missing-media' }]);
  });

  it('reports rows with two media', async () => {
    expect(await problems('video,image,mos\na.mp4,b.png,3\n,,3\n')).toEqual([
      'm.csv:2: column "image": expected nothing, since the row has a video ("a.mp4"), got "b.png"',
      'm.csv:3: column "video": expected the name of a media file in "video" or "image", got nothing',
    ]);
  });

  it.each([
    ['', 'm.csv: expected a row for each clip, got an empty file'],
    ['\n \n', 'm.csv: expected a row for each clip, got an empty file'],
    ['video,mos\r\n', 'm.csv: expected a row for each clip, got a header only'],
  ])('reports an empty file: %j', async (text, expected) => {
    expect(await problems(text)).toEqual([expected]);
  });

  it('reports bytes that are not UTF-8', async () => {
    const text = Buffer.from('video,mos\ncaf\xe9.mp4,3\nb.mp4,3\n', 'latin1');
    expect(await problems(text)).toEqual(['m.csv:2: expected UTF-8 text, got "caf\uFFFD.mp4,3"']);
  });

  it('suggests the scale when most scores are off it, and not for a single slip', async () => {
    const hint = async (text: string): Promise<string | undefined> =>
      (await failure(readManifest(write(text), { checkMedia: false }))).hint;
    expect(await hint('video,mos\na,0.2\nb,0.9\nc,1\n')).toBe(
      'the scores run from 0.2 to 1; the scale is set to 1-5, they would fit 0-1 or 0-100 or dmos-0-100',
    );
    expect(await hint('video,mos\na,2\nb,3\nc,44\n')).toBeUndefined();
  });
});

describe('columns', () => {
  async function hints(header: string, options: ManifestOptions = {}): Promise<(string | undefined)[][]> {
    const manifest = await loadManifest(write(`${header}\n${header.replaceAll(/[^,]+/g, '1')}\n`), {
      checkMedia: false,
      ...options,
    });
    expect(manifest.rows).toEqual([]);
    return manifest.problems.map(({ kind, expected, hint }) => {
      expect(kind).toBe('missing-column');
      return [expected, hint];
    });
  }

  it('suggests the nearest name for a missing one', async () => {
    expect(await hints('vdieo,mos')).toEqual([
      ['a column "video" or "image"', 'did you mean "vdieo"? Then say --video vdieo (in a recipe, data.columns.video)'],
    ]);
    expect(await hints('video,my mos')).toEqual([
      ['a column "mos"', 'did you mean "my mos"? Then say --target "my mos" (in a recipe, data.target)'],
    ]);
    expect(await hints('path,score')).toEqual([
      ['a column "video" or "image"', undefined],
      ['a column "mos"', undefined],
    ]);
    expect(await hints('file,quality', { columns: { video: 'fiel', mos: 'quality' } })).toEqual([
      ['a column "fiel"', 'did you mean "file"? Then say --video file (in a recipe, data.columns.video)'],
    ]);
  });

  it('requires what a mapping names, also optional roles', async () => {
    expect(await hints('video,mos', { columns: { group: 'source' } })).toEqual([['a column "source"', undefined]]);
    expect(await hints('video', { columns: { mos: 'score' }, requireMos: false })).toEqual([
      ['a column "score"', undefined],
    ]);
  });

  it('knows the columns of a preset, and fields that commas do not separate', async () => {
    expect((await hints('video_name,Prompt,Overall_MOS'))[0]).toEqual([
      'a column "video" or "image"',
      'the columns are those of the preset taobaovd-gc',
    ]);
    const separated = await loadManifest(write('video;mos\n1;1\n'), { checkMedia: false, delimiter: 'comma' });
    expect(separated.problems[0]!.hint).toBe('the fields seem to be separated by ";"; say it with --delimiter ";"');
  });

  it('names a missing column in one line', async () => {
    expect(await problems('a,b\n1,2\n', { columns: { video: 'a' } })).toEqual([
      'm.csv:1: expected a column "mos", got "a", "b"',
    ]);
  });

  it('refuses unknown roles, presets, scales, endings and files', async () => {
    const path = write('video,mos\na,1\n');
    const columns = { moss: 'x' } as unknown as NonNullable<ManifestOptions['columns']>;
    expect(await failure(loadManifest(path, { columns }))).toMatchObject({
      code: 'bad-recipe',
      hint: 'did you mean mos?',
    });
    expect(await failure(loadManifest(path, { preset: 'konvid1k' }))).toMatchObject({
      code: 'bad-recipe',
      hint: 'did you mean konvid-1k?',
    });
    expect(await failure(loadManifest(path, { preset: 'toString' }))).toMatchObject({ code: 'bad-recipe' });
    expect(await failure(loadManifest(path, { scale: '5' }))).toMatchObject({ code: 'bad-recipe' });
    expect((await failure(loadManifest(write('x', { name: 'm.xlsx' })))).message).toContain('got ".xlsx"');
    expect((await failure(loadManifest(join(folder, 'none.csv')))).message).toContain('got no such file');
    expect((await failure(loadManifest(folder))).message).toContain('got a folder');
  });
});
