// The command line as people use it: from a random model to a table of results, and what it says to mistakes.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import { evaluate } from '../../src/metrics/index.ts';
import { makeClip } from '../video/make-clip.ts';
import type { CliResult, ProcessOptions } from './run-cli.ts';
import { runCli, spawnCli } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-cli-'));
const at = (...names: string[]): string => join(folder, ...names);
const run = (command: string): Promise<CliResult> => runCli(command.split(' '), { cwd: folder });
const spawned = (command: string, options: ProcessOptions = {}): Promise<CliResult> =>
  spawnCli(command.split(' '), { cwd: folder, ...options });
const json = async <T>(command: string): Promise<T> => {
  const { code, stdout, stderr } = await run(command);
  if (code !== 0) throw new Error(`${command}: exit status ${code}\n${stderr}`);
  return JSON.parse(stdout) as T;
};

const recipe = `model: model
out: run
data: { manifest: clips.csv, validation: { fraction: 0.25 } }
lora: { rank: 2 }
epochs: 2
batchSize: 3
`;

beforeAll(async () => {
  const stream = randomStream(5);
  const rows = ['image,mos,kind'];
  for (let i = 0; i < 8; i++) {
    const pixels = Buffer.from(Array.from({ length: 56 * 84 * 3 }, () => stream.below(256)));
    await sharp(pixels, { raw: { width: 84, height: 56, channels: 3 } })
      .png()
      .toFile(at(`${i}.png`));
    rows.push(`${i}.png,${1 + i / 2},${i % 2 === 0 ? 'even' : 'odd'}`);
  }
  await writeFile(at('clips.csv'), `${rows.join('\n')}\n`);
  await writeFile(at('recipe.yaml'), recipe);
  await run('models new model --preset tiny');
  await run('train recipe.yaml');
});
afterAll(() => rmSync(folder, { recursive: true }));

interface ScoreLine {
  clip: string;
  score: number | null;
  error?: string;
  row: number;
  std: number;
  legalMass: number;
}

describe('mistakes', () => {
  test.each([
    ['frobnicate', "unknown command 'frobnicate'"],
    ['train --frobnicate', "unknown option '--frobnicate'"],
    ['score 0.png --model model', '--model: expected --with ADAPTER beside it, got none'],
    ['score 0.png --with model --threads two', 'expected a whole number'],
    ['score 0.png --with nowhere', 'nowhere: expected the folder of a run, an adapter or a model, got none'],
    ['score absent.png --with model', 'absent.png: expected a clip or a folder, got none'],
    ['score 0.png --with model --provider abacus', '--provider: expected one of cpu'],
    ['score 0.png --with model --provider gpu', 'did you mean webgpu?'],
    ['train --manifest clips.csv --model model --out x --set runtime.provider=gpu', 'did you mean webgpu?'],
    ['train no-recipe.yaml --out x', 'no-recipe.yaml: expected a recipe file, got no such file'],
    ['evaluate no-scores.jsonl --manifest clips.csv', 'got no such file'],
    ['evaluate . --manifest clips.csv', 'got a folder'],
    ['train --set nope=1', 'nope'],
    ['train absent.yaml', 'absent.yaml: expected a recipe file'],
    ['train recipe.yaml', 'run: expected a new folder, got one that holds a run'],
    ['models new model', 'model: expected a new or empty folder'],
    ['evaluate absent.jsonl', 'absent.jsonl: expected a table'],
    ['inspect mask recipe.yaml --clip 9.png', '--clip: expected a clip of the manifest, got "9.png"'],
    ['models new clips.csv/model', 'clips.csv: expected to make it, got something that is there already (EEXIST)'],
    ['export run --to clips.csv/model', 'clips.csv: expected to make it, got something that is there already (EEXIST)'],
    ['export model --to x', 'model: expected a run of LoRA or an adapter, got a model of its own'],
    ['export run --to model', 'model: expected a new or empty folder'],
    ['export run --to x --format zip', 'Allowed choices are merged, adapter'],
    ['data check clips.csv --scale 0-1', 'expected a number from 0 to 1'],
  ])('%s', async (command, message) => {
    const { code, stderr, stdout } = await run(command);
    expect(stderr + stdout).toContain(message);
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(code).toBe(command.startsWith('data check') ? 1 : 2);
  });

  test('a reader that stops early is told in one line', { tags: ['long'] }, async () => {
    const { code, stderr } = await spawned('doctor', {
      onStart: (child) => child.stdout?.destroy(),
    });
    expect(code).toBe(2);
    expect(stderr.split('\n').filter((line) => line.startsWith('iovqa: '))).toHaveLength(1);
    expect(stderr).not.toContain('this is a bug');
  });
});

describe('train', () => {
  test('--dry-run shows what would be done and writes nothing', async () => {
    const facts = await json<Record<string, unknown>>('train recipe.yaml --out dry --dry-run --json');
    expect(facts).toMatchObject({ numTrain: 6, numValidation: 2, totalSteps: 4 });
    expect(existsSync(at('dry'))).toBe(false);
  });

  test('--json is one value on stdout; --resume of a run that ended says so again', { tags: ['long'] }, async () => {
    const first = await json<{ step: number; best: string; reason: string }>('train recipe.yaml --out other --json');
    expect(first).toMatchObject({ step: 4, reason: 'finished' });
    expect(existsSync(join(folder, first.best, 'adapter_model.safetensors')) || existsSync(first.best)).toBe(true);
    expect(await json('train --out other --resume --json')).toMatchObject({
      step: 4,
      reason: 'finished',
      best: first.best,
    });
  });

  test('flags alone are a recipe', { tags: ['long'] }, async () => {
    const { code } = await run('train --manifest clips.csv --model model --out flags --set epochs=1 --set lora.rank=1');
    expect(code).toBe(0);
    expect(await readFile(at('flags', 'recipe.yaml'), 'utf8')).toContain('--set');
  });
});

describe('score', () => {
  test('a run, its checkpoint, a folder and a file agree', { tags: ['long'] }, async () => {
    const all = await json<ScoreLine[]>('score clips.csv --with run --json');
    expect(all.map(({ clip }) => clip)).toEqual(Array.from({ length: 8 }, (_, i) => `${i}.png`));
    const best = (await readdir(at('run', 'checkpoints'))).find((name) => name.startsWith('step-'))!;
    const [one] = await json<ScoreLine[]>(`score 3.png --with run/checkpoints/${best} --json`);
    expect(one).toEqual({
      ...all[3],
      row: 1,
      score: expect.closeTo(all[3]!.score!, 4) as number,
      std: expect.closeTo(all[3]!.std, 4) as number,
      legalMass: expect.closeTo(all[3]!.legalMass, 4) as number,
    });
    const csv = (await run('score 3.png --with run --csv')).stdout.trim().split('\n');
    expect(csv[0]).toBe('row,clip,score,integer,std,legalMass,notes,error,key');
    expect(Number(csv[1]!.split(',')[2])).toBe(one!.score);
  });

  test(
    '--out is gone on with; what failed is tried again when asked for, and stands there once',
    { tags: ['long'] },
    async () => {
      await writeFile(at('late.csv'), 'image\n0.png\nlate.png\n1.png\n');
      const first = await run('score late.csv --with model --out late.jsonl');
      expect(first.code).toBe(1);
      expect((await run('score late.csv --with model --out late.jsonl')).stderr).toContain('Add --resume');
      await writeFile(at('late.png'), await readFile(at('2.png')));
      expect((await run('score late.csv --with model --out late.jsonl --resume')).code).toBe(1);
      expect((await run('score late.csv --with model --out late.jsonl --resume --retry-failed')).code).toBe(0);
      const lines = (await readFile(at('late.jsonl'), 'utf8')).trim().split('\n');
      const got = lines.map((line) => JSON.parse(line) as ScoreLine);
      expect(got.map(({ clip }) => clip).sort()).toEqual(['0.png', '1.png', 'late.png']);
      expect(got.map(({ row }) => row)).toEqual([1, 2, 3]);
      expect(got.every(({ score, error }) => score !== null && error === undefined)).toBe(true);
      expect((await run('score 0.png --with model --out late.csv')).stderr).toContain('expected a new file');
    },
  );
});

describe('evaluate', () => {
  const predictions = [1.1, 1.9, 2.2, 2.4, 2.9, 3.6, 3.4, 4.6];
  const mos = predictions.map((_, i) => 1 + i / 2);
  beforeAll(async () => {
    const lines = predictions.map((score, i) => `${JSON.stringify({ clip: `${i}.png`, score })}\n`);
    await writeFile(at('scores.jsonl'), lines.join(''));
    await writeFile(at('table.csv'), `prediction,mos\n${predictions.map((p, i) => `${p},${mos[i]}\n`).join('')}`);
    await writeFile(at('flat.csv'), 'prediction,mos\n3,1\n3,2\n3,3\n3,4\n');
    await writeFile(at('twice.csv'), 'clip,score\n0.png,3\n0.png,3\n');
  });
  interface Evaluated {
    overall: { n: number; srcc: { defined: boolean; value: number }; plcc: { value: number } };
    by: { value: string; evaluation: { n: number } }[];
    notes: string[];
  }

  test('a scores file with a manifest, and one table, give the library’s numbers', async () => {
    const expected = JSON.parse(JSON.stringify(evaluate({ predictions, mos }))) as object;
    expect((await json<Evaluated>('evaluate scores.jsonl --manifest clips.csv --json')).overall).toEqual(expected);
    expect((await json<Evaluated>('evaluate table.csv --json')).overall).toEqual(expected);
    const { stdout } = await run('evaluate table.csv');
    expect(stdout).toMatch(/SRCC +0\.9\d+ +[\d.]+ … [\d.]+/);
    expect(stdout).toContain('n = 8');
  });

  test('--by breaks it down', async () => {
    const { by } = await json<Evaluated>('evaluate scores.jsonl --manifest clips.csv --by kind --json');
    expect(by.map(({ value, evaluation }) => [value, evaluation.n])).toEqual([
      ['even', 4],
      ['odd', 4],
    ]);
    expect((await run('evaluate scores.jsonl --manifest clips.csv --by sort')).stderr).toContain('--by: expected');
  });

  test('what is undefined has a reason, never NaN', async () => {
    const { stdout, code } = await run('evaluate flat.csv');
    expect(stdout).toContain('SRCC is undefined: ');
    expect(stdout).not.toContain('NaN');
    expect(code).toBe(0);
    expect(JSON.stringify(await json('evaluate flat.csv --json'))).not.toContain('NaN');
  });

  test('clips that only one side has are counted; two scores of a clip are a mistake', async () => {
    await writeFile(at('some.csv'), 'clip,score\n0.png,3\n1.png,2\n2.png,4\nstrange.png,1\n');
    const { notes, overall } = await json<Evaluated>('evaluate some.csv --manifest clips.csv --json');
    expect(overall.n).toBe(3);
    expect(notes.join('\n')).toContain('"strange.png"');
    expect(notes.join('\n')).toContain('5 clips of the manifest are not in');
    expect((await run('evaluate twice.csv --manifest clips.csv')).stderr).toContain(
      'twice.csv:3: expected one score a clip',
    );
  });
});

describe('export', () => {
  test(
    'a merged model scores as its run does; the adapter alone goes along with its card',
    { tags: ['long'] },
    async () => {
      const merged = await run('export run --to merged');
      expect(merged.stdout).toMatch(/^merged: .+ merged into .+\ngolden pictures score within \S+ of the adapter's\n$/);
      const scores = async (source: string): Promise<number[]> =>
        (await json<ScoreLine[]>(`score 0.png 1.png --with ${source} --json`)).map(({ score }) => score!);
      const [apart, together] = [await scores('run'), await scores('merged')];
      together.forEach((score, i) => expect(score).toBeCloseTo(apart[i]!, 4));
      const alone = await json<{ format: string }>('export run --to alone --format adapter --json');
      expect(alone.format).toBe('adapter');
      expect((await readdir(at('alone'))).sort()).toEqual([
        'adapter_config.json',
        'adapter_model.safetensors',
        'iovqa.json',
      ]);
    },
  );
});

describe('a new model', () => {
  test.skipIf(process.platform === 'win32')(
    'that finds no room says so in a line and leaves nothing',
    { tags: ['long'] },
    async () => {
      // A limit on the size of files stands for a full disk.
      const { code, stderr } = await spawned('models new large --preset small', { maxFileKib: 400 });
      expect(stderr).toMatch(
        /^iovqa: large.model\.safetensors: expected to write it, got a file larger than it may be \(EFBIG\)\nhint: .*\n$/,
      );
      expect(code).toBe(2);
      expect((await readdir(folder)).filter((name) => name.includes('large'))).toEqual([]);
    },
  );

  test('stops with Ctrl-C and leaves nothing', async () => {
    let begun = false;
    const { code, stderr, stdout } = await spawned('models new stopped --preset bench-304m', {
      onStart: (child) => {
        const timer = setInterval(() => {
          if (begun || !readdirSync(folder).some((name) => name.startsWith('.stopped.tmp-'))) return;
          begun = true;
          child.kill('SIGINT');
        }, 20);
        child.on('close', () => clearInterval(timer));
      },
    });
    expect(begun).toBe(true);
    expect(stderr).toContain('stopping; nothing is left behind\n');
    expect(stdout).toBe('');
    expect(code).toBe(130);
    expect((await readdir(folder)).filter((name) => name.includes('stopped'))).toEqual([]);
  });
});

describe('looking at things', () => {
  test('estimate says what a run will take, and writes nothing', { tags: ['long'] }, async () => {
    const before = await readdir(folder);
    const { stdout, code } = await run('estimate recipe.yaml');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+ tokens a clip/);
    expect(stdout).toMatch(/training step +\d+ /);
    expect(stdout).toMatch(/memory: about [\d.]+ GB resident/);
    const { parts } = await json<{ parts: { name: string; runs: number }[] }>('estimate recipe.yaml --json');
    expect(parts.find(({ name }) => name === 'training step')!.runs).toBe(12); // six clips, twice, one at a time
    expect(await readdir(folder)).toEqual(before);
  });

  test('inspect mask trains exactly the answer', async () => {
    interface Mask {
      answer: string;
      tokens: { text: string; trained: boolean }[];
    }
    const { answer, tokens } = await json<Mask>('inspect mask recipe.yaml --clip 3.png --json');
    expect(answer).toBe('25');
    expect(
      tokens
        .filter(({ trained }) => trained)
        .map(({ text }) => text)
        .join(''),
    ).toBe('25');
    expect((await run('inspect mask recipe.yaml')).stdout).toContain('trained');
  });

  test('inspect frames writes what the model sees, and tells of clips that it cannot read', async () => {
    await makeClip({ path: at('v.mp4'), codec: 'libx264', format: 'mp4', numFrames: 6, width: 112, height: 56 });
    await writeFile(at('a b.mp4'), await readFile(at('v.mp4')));
    await writeFile(at('a_b.mp4'), await readFile(at('v.mp4')));
    await writeFile(at('text.mp4'), 'text');
    await writeFile(at('videos.csv'), 'video,mos\nv.mp4,1\ntext.mp4,2\na b.mp4,3\na_b.mp4,4\n');
    const command =
      'inspect frames --manifest videos.csv --model model --to frames --set frames.pick=uniform --set frames.count=2 --set data.validation=null';
    const { code, stderr, stdout } = await run(command);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.replace(/^frames./, '')),
    ).toEqual(
      ['v.mp4-', 'a_b.mp4-', 'a_b.mp4-2-'].flatMap((stem) => [
        expect.stringContaining(stem),
        expect.stringContaining(stem),
      ]),
    );
    expect(stderr).toContain('text.mp4: expected a picture');
    expect(code).toBe(1);
    const files = await readdir(at('frames'));
    expect(files).toHaveLength(6);
    const { width, height } = await sharp(at('frames', files[0]!)).metadata();
    expect([width, height]).toEqual([112, 56]);
  });

  test('inspect model, data check, doctor', { tags: ['long'] }, async () => {
    expect(await json('inspect model model --json')).toMatchObject({ dtypes: ['float32'], text: { numLayers: 2 } });
    const check = await json<Record<string, unknown>>('data check clips.csv --json');
    expect(check).toMatchObject({ rows: 8, good: 8, problems: [], scores: { min: 1, max: 4.5 } });
    const { stdout, stderr } = await spawned('doctor --json');
    expect(JSON.stringify(JSON.parse(stdout))).toContain('onnxruntime');
    expect(stderr).toBe(''); // drivers that are tried write to it
  });

  test('data check points at near-duplicates across splits', async () => {
    await writeFile(at('copy.png'), await readFile(at('0.png')));
    await writeFile(at('split.csv'), 'image,mos,split\n0.png,1,train\n1.png,2,train\ncopy.png,1,test\n');
    const { stdout } = await run('data check split.csv');
    expect(stdout).toContain('near-duplicate pictures across splits: 1\n  0.png and copy.png (0 of 64 bits differ)');
  });

  test('--help of every command lists its flags', async () => {
    for (const command of ['train', 'score', 'evaluate', 'data check', 'inspect mask', 'models new', 'doctor']) {
      const { code, stdout } = await run(`${command} --help`);
      expect([command, code, stdout.includes('--json')]).toEqual([command, 0, true]);
    }
  });
});
