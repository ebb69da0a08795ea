// Tables of raw votes to tables of clips: what is told apart, what is refused, and that `train`'s reader takes the result.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OpinionOptions, OpinionReport } from '../../src/checks/index.ts';
import { opinionTable, opinionsOfVotes, raterTable } from '../../src/checks/index.ts';
import { readManifest, writeSidecar } from '../../src/dataset/index.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'iovqa-votes-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function run(text: string, options: OpinionOptions = {}, name = 'votes.csv'): Promise<OpinionReport> {
  const path = join(folder, name);
  writeFileSync(path, text);
  return opinionsOfVotes(path, options);
}

const long =
  'video,rater,score,prompt,date\na.mp4,x,5,a cat,1\na.mp4,y,4,a cat,2\nb.mp4,x,2,a dog,1\nb.mp4,y,1,a dog,1\n';
const wide = 'video;prompt;Anna;Ben\na.mp4;a cat;5;4\nb.mp4;a dog;2;1\n';

describe('tables of votes', () => {
  it('long and wide give the same scores', async () => {
    const a = await run(long);
    const b = await run(wide, { delimiter: 'semicolon', raters: ['Anna', 'Ben'] });
    expect(a).toMatchObject({
      layout: 'long',
      clipColumn: 'video',
      raterColumn: 'rater',
      scoreColumn: 'score',
      numVotes: 4,
    });
    expect(b).toMatchObject({ layout: 'wide', clipColumn: 'video', kept: ['prompt'] });
    expect(b.clips).toEqual(a.clips);
    expect(a.clips[0]).toMatchObject({ clip: 'a.mp4', mos: 4.5, votes: 2, values: ['a cat'] });
    expect(b.raters.map(({ rater }) => rater)).toEqual(['Anna', 'Ben']);
  });

  it('keeps columns that have one value a clip, and names the others', async () => {
    const { kept, notes } = await run(long);
    expect(kept).toEqual(['prompt']);
    expect(notes.join('\n')).toMatch(/columns left out.*: date/);
  });

  it.each([
    ['Stimulus\tSubject ID\tOpinion_Score\na.mp4\t1\t5\na.mp4\t2\t4\n', { delimiter: 'tab' }, 'video'],
    ['image_name,worker_id,rating\na.png,1,5\na.png,2,4\n', {}, 'image'],
    ['F,W,V\na,1,5\na,2,4\n', { columns: { video: 'F', mos: 'V' }, rater: 'W' }, 'video'],
  ] as const)('knows the names of the field, or takes those it is told: %j', async (text, options, media) => {
    const report = await run(text, options);
    expect(report).toMatchObject({ layout: 'long', media, numVotes: 2 });
    expect(report.clips.map(({ mos }) => mos)).toEqual([4.5]);
  });

  it('takes numbered columns for raters, others only when they are named', async () => {
    const text = 'video,width,r1,r2,mos\na,1920,5,4,4.5\nb,1280,2,1,1.5\n';
    for (const options of [{}, { raters: ['r*'] }]) {
      const report = await run(text, options);
      expect(report.raters.map(({ rater }) => rater)).toEqual(['r1', 'r2']);
      expect(report.kept).toEqual(['width']);
    }
    expect((await run('video,Subject 1,Subject 2\na,5,4\n')).raters).toHaveLength(2);
    expect((await run('video,1,2,3\na,5,4,3\n')).raters).toHaveLength(3);
    for (const names of ['level,r1,r2', 'r1,r2,expert', 'Anna,p5,p95', 'level,Anna,Ben', 'r1,r2,s1', 'Anna,Ben,Cem']) {
      await expect(run(`video,${names}\na,3,4,5\nb,3,1,4\nc,4,5,1\nd,5,2,2\n`)).rejects.toMatchObject({
        code: 'bad-input',
        message: expect.stringContaining('expected columns of votes, one a rater, that are numbered'),
        hint: expect.stringContaining(`--raters "${names}"`),
      });
    }
  });

  it('gives no two columns one name', async () => {
    const report = await run('video,group,scene,rater,score\na,1,x,p,5\na,1,x,q,4\n', { columns: { group: 'scene' } });
    expect(report.kept).toEqual(['group_of_table', 'group']);
  });

  it('reads decimal commas, cells without a vote, and what it is told stands for none', async () => {
    const report = await run('video;Anna;Ben;Cem\na;4,5;;3\nb;n/a;2,5;-1\n', {
      delimiter: ';',
      missing: '-1',
      raters: ['Anna', 'Ben', 'Cem'],
    });
    expect(report.clips.map(({ mos, votes }) => [mos, votes])).toEqual([
      [3.75, 2],
      [2.5, 1],
    ]);
    expect(report.numMissing).toBe(3);
  });

  it('says once what is wrong: off the scale, no number, no name', async () => {
    await expect(run('video,rater,score\na,x,6\na,y,80\nb,x,3\n')).rejects.toMatchObject({
      message: expect.stringMatching(/2 problems[^]*:2: column "score": expected a vote from 1 to 5[^]*:3:/),
      hint: expect.stringContaining('0-100'),
    });
    await expect(run('video,rater,score\na,x,good\n')).rejects.toMatchObject({
      message: expect.stringMatching(/:2: column "score": expected a vote from 1 to 5 \(scale 1-5\), got "good"/),
    });
    await expect(run('video,rater,score\n,x,3\na,,3\n')).rejects.toMatchObject({
      message: expect.stringMatching(/the name of a clip, got nothing[^]*the name of a rater, got nothing/),
    });
    await expect(run('video,r1,r2\na,-1,3\nb,4,-1\n')).rejects.toMatchObject({
      hint: expect.stringContaining('--missing -1'),
    });
    await expect(run('video,rater,score\na,x,\n')).rejects.toMatchObject({
      message: expect.stringContaining('got none'),
    });
    await expect(run('video,score\na,3\n')).rejects.toMatchObject({
      message: expect.stringContaining('a column of raters'),
    });
    await expect(run('name,file,rater,score\na,b,c,3\n')).rejects.toMatchObject({
      message: expect.stringContaining('one column of the clip'),
    });
    await expect(run('video,text\na,b\n')).rejects.toMatchObject({ hint: expect.stringContaining('--raters') });
  });

  it('counts a clip named in two Unicode forms once', async () => {
    const report = await run('video,rater,score\nü.mp4,x,5\nu\u0308.mp4,y,4\n');
    expect(report.clips).toHaveLength(1);
  });
});

describe('the table of clips', () => {
  it('is what train’s reader takes, with scale and media folder beside it', async () => {
    const report = await run('clip,group,rater,vote\na.mp4,g,x,90\na.mp4,g,y,80\nb.mp4,h,x,10\n', {
      scale: '0-100',
      mediaRoot: join(folder, 'media'),
    });
    for (const name of ['clips.csv', 'clips.jsonl']) {
      const path = join(folder, name);
      const { text, options } = opinionTable(report, path);
      writeFileSync(path, text);
      await writeSidecar(path, options);
      const { rows, scale } = await readManifest(path, { checkMedia: false });
      expect(scale.max).toBe(100);
      expect(rows.map(({ id, mos, std, group }) => ({ id, mos, std, group }))).toEqual([
        { id: 'a.mp4', mos: 85, std: 7.071068, group: 'g' },
        { id: 'b.mp4', mos: 10, std: undefined, group: 'h' },
      ]);
      expect(rows[0]!.path).toBe(join(folder, 'media', 'a.mp4'));
      expect(rows[0]!.extra).toMatchObject({ votes: '2' });
    }
  });

  it('keeps to the scale where the model goes beyond it, and says so', async () => {
    // Two raters of ten are low by one: with their bias off, clips of the top go beyond it.
    const rows = Array.from({ length: 30 }, (_, j) => {
      const q = j < 10 ? 5 : 1 + (j % 5);
      return [`c${j}`, ...Array.from({ length: 8 }, () => q), Math.max(1, q - 1), Math.max(1, q - 1 - (j % 2))].join(
        ',',
      );
    });
    const header = ['video', ...Array.from({ length: 10 }, (_, i) => `r${i}`)].join(',');
    const report = await run([header, ...rows, ''].join('\n'), { method: 'p910' });
    expect(Math.max(...report.clips.map(({ mos }) => mos!))).toBeLessThanOrEqual(5);
    expect(report.notes.join('\n')).toMatch(/beyond the scale/);
  });

  it('leaves out and names clips without a vote', async () => {
    const report = await run('video,rater,score\na,x,5\nb,x,na\n');
    expect(report.clips.map(({ clip }) => clip)).toEqual(['a']);
    expect(report.notes.join('\n')).toMatch(/without any vote, left out: b/);
  });
});

it('raters as a table', async () => {
  const { raters } = await run(long);
  expect(raterTable(raters)).toBe(
    'rater,votes,mean,bias,inconsistency,above,below,rejected,reason\nx,2,3.5,0.5,0,,,false,\ny,2,2.5,-0.5,0,,,false,\n',
  );
});
