// The cases through the commands: a folder of them scored, every file looked at or told of; a table of one row inspected and forecast.
// @module-tag long
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { ScoreLine } from '../../src/score/index.ts';
import { kindOfNote } from '../../src/media/notes.ts';
import { embeddedModel } from '../../src/model/index.ts';
import { runCli } from '../cli/run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-cases-'));
afterAll(() => rmSync(folder, { recursive: true }));

const cases = join(folder, 'cases');
cpSync(fileURLToPath(new URL('cases', import.meta.url)), cases, { recursive: true });
cpSync(join(cases, 'grid.avif'), join(cases, 'tiles.heif'));
for (const name of ['._x.jfif', '.DS_Store', 'list.txt']) writeFileSync(join(cases, name), 'text');

describe('score', () => {
  it('says of every case what is right', async () => {
    const { code, stdout, stderr } = await runCli(['score', cases, '--json', '--no-cache']);
    const lines = JSON.parse(stdout) as ScoreLine[];
    const said = lines.map(({ clip, score, notes = [], error }) => [
      clip.slice(cases.length + 1),
      score === null ? /got (.*)$/.exec(error!)![1] : 'scored',
      ...notes.map(kindOfNote),
    ]);
    expect(said).toEqual([
      ['alpha_vp9.webm', 'scored', 'alpha'],
      ['float.tif', 'values of type float'],
      ['grid.avif', 'scored'],
      ['hdr_pq.mp4', 'scored', 'hdr'],
      ['inter.mp4', 'scored', 'interlaced'],
      ['offset.mkv', 'scored'],
      ['p3.png', 'scored', 'profile'],
      ['pq.avif', 'scored', 'hdr-picture'],
      ['sar_container.mkv', 'scored', 'pixel-aspect'],
      ['tiles.heif', 'scored'],
      ['x.jfif', 'scored'],
    ]);
    // The same picture under another name has the same score.
    expect(lines.find(({ clip }) => clip.endsWith('.heif'))!.score).toBe(
      lines.find(({ clip }) => clip.endsWith('.avif'))!.score,
    );
    expect(stderr).toContain('note: 2 files not looked at: 1 .md, 1 .txt\n');
    expect(stderr).toContain('note: 2 files ignored (._*, .DS_Store, Thumbs.db, desktop.ini)\n');
    expect(stderr).toContain(
      'note: 1 clip: HDR without tone mapping (hdr; frames.toneMap: bt2390 in the recipe of a new run',
    );
    expect(code).toBe(1);
  });
});

describe('a table of one row', () => {
  writeFileSync(join(folder, 'one.csv'), 'video,mos\ncases/x.jfif,3\n');
  const table = ['--manifest', join(folder, 'one.csv'), '--model', embeddedModel()];

  it('is inspected', async () => {
    const { code, stdout, stderr } = await runCli(['inspect', 'frames', ...table, '--to', join(folder, 'png')]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.trim().split('\n')).toHaveLength(1);
    expect(readdirSync(join(folder, 'png'))).toHaveLength(1);
    const mask = await runCli(['inspect', 'mask', ...table]);
    expect([mask.code, mask.stderr]).toEqual([0, '']);
  });

  it('is forecast', async () => {
    const { code, stdout } = await runCli(['estimate', ...table, '--json']);
    expect([code, (JSON.parse(stdout) as { numSampled: number }).numSampled]).toEqual([0, 1]);
  });
});
