// What the screen holds after a command: run in a pseudo-terminal of 80 columns, drawn by a terminal emulator.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import xterm from '@xterm/headless';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRandomCheckpoint } from '../../src/model/index.ts';
import { compiled } from '../compiled.ts';

/** `script` of util-linux makes the pseudo-terminal. */
const hasScript = spawnSync('script', ['-qfec', 'true', '/dev/null']).status === 0;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'iovqa-terminal-'));
  await createRandomCheckpoint(join(folder, 'model'), { preset: 'tiny' });
  const rows = ['image,mos,split'];
  for (let i = 0; i < 24; i++) {
    const noise = { type: 'gaussian' as const, mean: 128, sigma: 2 + 4 * i };
    const picture = { create: { width: 64, height: 64, channels: 3 as const, background: 'gray', noise } };
    await sharp(picture)
      .png()
      .toFile(join(folder, `${i}.png`));
    rows.push(`${i}.png,${(1 + (i % 5) * 0.9).toFixed(1)},${i % 4 === 0 ? 'validation' : 'train'}`);
  }
  await writeFile(join(folder, 'clips.csv'), `${rows.join('\n')}\n`);
  await writeFile(join(folder, 'bad.csv'), `${rows.slice(0, 9).join('\n')}\nnot-there.png,3,train\n`);
  await writeFile(join(folder, '3.bin'), 'no picture');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Screen {
  /** Lines that were ever written, as the terminal ends up showing them; trailing empty ones left out. */
  lines: string[];
  /** All that came. */
  text: string;
}

/** Runs a command as a shell does, which then prints its prompt. */
async function screenAfter(args: string[], onText?: (text: string, interrupt: () => void) => void): Promise<Screen> {
  const command = [process.execPath, compiled('src/cli/bin.ts'), ...args].map((arg) => `'${arg}'`).join(' ');
  const child = spawn('script', ['-qfec', `stty cols 80 rows 24; ${command}; echo "rc=$?"; printf '$ '`, '/dev/null'], {
    cwd: folder,
    env: { ...process.env, IOVQA_PROGRESS_DELAY: '0', SHELL: '/bin/bash' },
  });
  const terminal = new xterm.Terminal({ cols: 80, rows: 24, scrollback: 1000, allowProposedApi: true });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
    terminal.write(part);
    onText?.(text, () => child.stdin.write('\u0003'));
  });
  await new Promise((resolve) => child.on('close', resolve));
  await new Promise<void>((resolve) => terminal.write('', resolve));
  const { active } = terminal.buffer;
  const lines = Array.from({ length: active.length }, (_, i) => active.getLine(i)!.translateToString().trimEnd());
  while (lines.at(-1) === '') lines.pop();
  return { lines, text };
}

const train = [
  'train',
  '--manifest',
  'clips.csv',
  '--model',
  'model',
  '--set',
  'epochs=2',
  '--set',
  'runtime.threads=1',
];

describe.skipIf(!hasScript)('the screen (needs script of util-linux)', () => {
  const isBar = (line: string): boolean => /[█░]/.test(line);

  test(
    'after a run: the bar is gone, results are below, the prompt is on a line of its own',
    { tags: ['long'] },
    async () => {
      const { lines, text } = await screenAfter([...train, '--out', 'run']);
      expect(text).toMatch(/training █/); // there was a bar
      expect(lines.filter(isBar)).toEqual([]);
      expect(lines.slice(-2)).toEqual(['rc=0', '$']);
      expect(lines.at(-3)).toMatch(/run\/checkpoints\/step-\d+$/);
      expect(lines.filter((line) => /^step \d+: SRCC .*RMSE/.test(line))).toHaveLength(2);
    },
  );

  test('after Ctrl-C: its message is whole, and below it how to go on', { tags: ['long'] }, async () => {
    let isSent = false;
    const { lines } = await screenAfter([...train, '--out', 'stopped', '--set', 'epochs=500'], (text, interrupt) => {
      if (isSent || !/training [█░]+ [1-9]/.test(text)) return;
      isSent = true;
      interrupt();
    });
    expect(lines.filter(isBar)).toEqual([]);
    expect(lines.map((line) => line.replace('^C', ''))).toContain(
      'stopping after this update, with a checkpoint; once more stops at once',
    );
    expect(lines.slice(-2)).toEqual(['rc=130', '$']);
    expect(lines.filter((line) => /^stopped at step \d+; --resume goes on$/.test(line))).toHaveLength(1);
  });

  test('after an error: one line, and nothing of the bar', async () => {
    const { lines, text } = await screenAfter([...train, '--out', 'broken', '--set', 'optimizer.learningRate=1e30']);
    expect(text).toMatch(/[█░]/);
    expect(lines.filter(isBar)).toEqual([]);
    expect(lines.slice(-2)).toEqual(['rc=2', '$']);
    expect(lines.filter((line) => line.startsWith('iovqa: '))).toHaveLength(1);
  });

  test('after scoring: rows are whole, with the bar below them while it runs', { tags: ['long'] }, async () => {
    const clips = Array.from({ length: 24 }, (_, i) => `${i}.png`);
    const scored = await screenAfter(['score', ...clips, '3.bin', '--with', 'model']);
    expect(scored.text).toMatch(/scoring [█░]/);
    expect(scored.lines.filter(isBar)).toEqual([]);
    expect(scored.lines.filter((line) => /^ +[\d.]+ +[\d.]+ +\d+ +[\d.]+ {2}\d+\.png$/.test(line))).toHaveLength(24);
    expect(scored.lines.slice(-2)).toEqual(['rc=1', '$']);
    const json = await screenAfter(['score', ...clips, '--with', 'model', '--json']);
    expect(json.text).toMatch(/scoring [█░]/);
    const value = json.lines.slice(json.lines.indexOf('['), json.lines.indexOf(']') + 1).join('');
    expect(JSON.parse(value)).toHaveLength(24);
    const filed = await screenAfter(['score', ...clips, '--with', 'model', '--out', 'scores.jsonl']);
    expect(filed.lines.filter(isBar)).toEqual([]);
    expect(filed.lines.slice(-2)).toEqual(['rc=0', '$']);
  });
});
