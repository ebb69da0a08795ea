// One table with columns, a scale and a delimiter of its own, through every command that reads tables, by flags and by the file beside it.
// @module-tag long
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import { runCli } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-table-options-'));
const at = (...names: string[]): string => join(folder, ...names);
const run = (command: string): ReturnType<typeof runCli> => runCli(command.split(' '), { cwd: folder });
const flags = '--image filename --target MOS --scale 0-100 --delimiter ; --media-root clips --split-column part';

beforeAll(async () => {
  const stream = randomStream(7);
  const { mkdir } = await import('node:fs/promises');
  await mkdir(at('clips'));
  const rows = ['filename;MOS;part'];
  for (let i = 0; i < 6; i++) {
    const pixels = Buffer.from(Array.from({ length: 56 * 56 * 3 }, () => stream.below(256)));
    await sharp(pixels, { raw: { width: 56, height: 56, channels: 3 } })
      .png()
      .toFile(at('clips', `${i}.png`));
    rows.push(`${i}.png;${10 + 15 * i};${i < 4 ? 'train' : 'test'}`);
  }
  writeFileSync(at('flags.csv'), `${rows.join('\n')}\n`);
  writeFileSync(at('beside.csv'), `${rows.join('\n')}\n`);
  await run('models new model --preset tiny');
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Checked {
  rows: number;
  good: number;
  scale: string;
  splits: object;
}

test('data check writes the file beside a table', async () => {
  const written = await run(`data check beside.csv --no-decode --write-options ${flags}`);
  expect(written.stderr).toContain('beside.csv.yaml holds these options now');
  expect(readFileSync(at('beside.csv.yaml'), 'utf8')).toContain('image: "filename"');
});

describe.each([
  ['flags', flags],
  ['beside', ''],
])('%s.csv', (name, options) => {
  const table = `${name}.csv`;
  const call = async (command: string): ReturnType<typeof runCli> => {
    const result = await run(`${command} ${options}`.trim());
    expect([result.stderr, result.code]).toEqual([expect.any(String), 0]);
    expect(result.stderr.includes('beside.csv.yaml says how beside.csv is read')).toBe(options === '');
    return result;
  };

  test('goes through every command', async () => {
    const checked = JSON.parse((await call(`data check ${table} --no-decode --json`)).stdout) as Checked;
    expect(checked).toMatchObject({ rows: 6, good: 6, scale: '0-100', splits: { train: 4, test: 2 } });

    const { stdout } = await call(`score ${table} --split test --with model --json`);
    expect((JSON.parse(stdout) as { clip: string }[]).map(({ clip }) => clip)).toEqual(['4.png', '5.png']);

    const scores = [0, 1, 2, 3, 4, 5].map((i) => JSON.stringify({ clip: `${i}.png`, score: 12 + 14 * i }));
    writeFileSync(at('scores.jsonl'), `${scores.join('\n')}\n`);
    const evaluated = JSON.parse((await call(`evaluate scores.jsonl --manifest ${table} --json`)).stdout) as {
      overall: { n: number; rmse: { value: number } };
    };
    expect(evaluated.overall.n).toBe(6);
    expect(evaluated.overall.rmse.value).toBeLessThan(3);

    const dry = JSON.parse(
      (await run(`train --dry-run --json --manifest ${table} --model model --out run ${options}`.trim())).stdout,
    ) as { recipe: { data: object }; numTrain: number; provenance: Record<string, string> };
    expect(dry.recipe.data).toMatchObject({ target: 'MOS', scale: '0-100', columns: { image: 'filename' } });
    expect(dry.provenance['data.scale']).toBe(options === '' ? at('beside.csv.yaml') : '--set');
    const mask = await run(`inspect mask --manifest ${table} --model model --clip 1.png ${options}`.trim());
    expect(mask.stdout).toContain('1.png: 25 is answered');
    const frames = await run(
      `inspect frames --manifest ${table} --model model --clip 1.png --to ${name}-frames ${options}`.trim(),
    );
    expect(frames.code).toBe(0);
    expect(existsSync(at(`${name}-frames`))).toBe(true);
    const estimate = await run(`estimate --manifest ${table} --model model ${options}`.trim());
    expect([estimate.stderr, estimate.code]).toEqual(['', 0]);
  });
});

test('flags go before the recipe: another medium and another target, whatever key the recipe has them in', async () => {
  writeFileSync(
    at('recipe.yaml'),
    'model: model\nout: other\ndata: { manifest: flags.csv, columns: { video: v, mos: m }, scale: 1-5, delimiter: ";", mediaRoot: clips }\n',
  );
  const { stdout, stderr } = await run('train recipe.yaml --dry-run --json --image filename --mos MOS --scale 0-100');
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toMatchObject({ recipe: { data: { target: 'MOS', columns: { image: 'filename' } } } });
});

test('--mos and --target are one option', async () => {
  const { code, stderr } = await run('data check flags.csv --mos a --target b');
  expect([code, stderr]).toEqual([2, expect.stringContaining('--mos: expected the same column as --target ("b")')]);
});

test('every command that reads a table has the same flags', async () => {
  const helps = await Promise.all(
    ['train', 'score', 'evaluate', 'estimate', 'data check', 'inspect mask', 'inspect frames'].map(
      async (command) =>
        (await run(`${command} --help`)).stdout.split('How the table is read')[1]!.split('Examples:')[0],
    ),
  );
  for (const help of helps) expect(help).toBe(helps[0]);
});
