import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../../src/dataset/index.ts';
import {
  findPreset,
  kFold,
  leakingGroups,
  loadManifest,
  parseScale,
  presetNames,
  presetOfColumns,
  readManifest,
  splitByGroup,
  toMos5,
} from '../../src/dataset/index.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'iovqa-presets-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function load(preset: string, name: string, text: string): Promise<Manifest> {
  const path = join(folder, name);
  writeFileSync(path, text);
  return loadManifest(path, { preset, checkMedia: false, mediaRoot: '/media' });
}

describe('presets', () => {
  it('are complete: a media column, a score column, a scale that parses', () => {
    for (const name of presetNames) {
      const { columns, scale } = findPreset(name);
      expect([columns.video, columns.image].filter((column) => column !== undefined)).toHaveLength(1);
      expect(columns.mos).toBeDefined();
      parseScale(scale);
    }
  });

  it('konvid-1k: adds the ending that ids lack', async () => {
    const { rows, problems } = await load('konvid-1k', 'k.csv', 'flickr_id,mos\n4542323058,3.22\n97.mp4,1.1\n');
    expect(problems).toEqual([]);
    expect(rows.map(({ id, path, mos }) => [id, path, mos])).toEqual([
      ['4542323058.mp4', '/media/4542323058.mp4', 3.22],
      ['97.mp4', '/media/97.mp4', 1.1],
    ]);
  });

  it('lsvq: names the splits after is_test, which one of its files lacks', async () => {
    const { rows, problems } = await load(
      'lsvq',
      'l.csv',
      'name,mos,is_test\nia-batch1/a.b,57.2,True\nia-batch1/c,80,0\nd,9,maybe\n',
    );
    expect(rows.map(({ id, split, mos }) => [id, split, mos])).toEqual([
      ['ia-batch1/a.b.mp4', 'test', 57.2],
      ['ia-batch1/c.mp4', 'train', 80],
    ]);
    expect(problems).toMatchObject([{ kind: 'bad-value', line: 4, column: 'is_test', value: 'maybe' }]);
    expect((await load('lsvq', 'l1080.csv', 'name,mos\na,57.2\n')).problems).toEqual([]);
  });

  it('t2vqa-db: reads bars without a header, grouped by prompt', async () => {
    const { rows, problems } = await load(
      't2vqa-db',
      'info.txt',
      '0000.mp4|A "red" car, parked|45.5\n0001.mp4|A "red" car, parked|61\n',
    );
    expect(problems).toEqual([]);
    expect(rows).toMatchObject([
      { id: '0000.mp4', mos: 45.5, prompt: 'A "red" car, parked', group: 'A "red" car, parked', line: 1 },
      { id: '0001.mp4', mos: 61, group: 'A "red" car, parked', line: 2 },
    ]);
  });

  it.each([
    [
      'koniq-10k',
      'image_name,c1,c2,c3,c4,c5,c_total,MOS,SD,MOS_zscore\n1.jpg,0,0,.2,.7,.1,105,3.9,0.53,77.4\n',
      { id: '1.jpg', mos: 3.9, std: 0.53 },
    ],
    [
      'koniq-10k-sets',
      'image_name,c1,c2,c3,c4,c5,c_total,MOS,SD,set\n1.jpg,0,0,.2,.7,.1,105,77.4,0.53,training\n',
      { id: '1.jpg', mos: 77.4, split: 'training' },
    ],
    [
      'kadid-10k',
      'dist_img,ref_img,dmos,var\nI01_01_01.png,I01.png,4.57,0.496\n',
      { id: 'I01_01_01.png', mos: 4.57, group: 'I01.png' },
    ],
    [
      'agiqa-3k',
      'name,prompt,adj1,adj2,style,mos_quality,std_quality,mos_align,std_align\na.jpg,statue of a man,,,,0.966,0.223,0.409,0.616\n',
      { id: 'a.jpg', kind: 'image', mos: 0.966, std: 0.223, prompt: 'statue of a man', group: 'statue of a man' },
    ],
    [
      'live-vqc',
      'File,MOS,width,height,pixfmt,framerate,nb_frames,bitdepth,bitrate\nA001.mp4,80.232,1920,1080,yuvj420p,29.99,300,8,19924412\n',
      { id: 'A001.mp4', mos: 80.232 },
    ],
    [
      'lsvq',
      'name,height,width,mos,frame_number,is_test\nyfcc-batch1/725,720,1280,76.8,210,False\n',
      { id: 'yfcc-batch1/725.mp4', mos: 76.8, split: 'train' },
    ],
    [
      'beyond8bits',
      'video_id,mos,sos,type,ref,resolution,bitrate,orientation,framerate,split,height,width\nb882a56f,61.2,1.9,Crowd,0,720p,1M,Portrait,30,validation,1280,720\n',
      { id: 'b882a56f.mp4', mos: 61.2, split: 'validation' },
    ],
  ])('%s: reads the header of the published file, and is suggested for it', async (preset, text, row) => {
    const read = await load(preset, 'p.csv', text);
    expect(read.problems).toEqual([]);
    expect(read.rows).toMatchObject([row]);
    const path = join(folder, 'p.csv');
    const { problems } = await loadManifest(path, { checkMedia: false });
    expect(problems.map(({ hint }) => hint)).toContain(`the columns are those of the preset ${preset}`);
  });

  it('are not suggested for columns that many tables have', () => {
    expect(presetOfColumns(['name', 'mos'])).toBeUndefined();
    expect(presetOfColumns(['video', 'mos', 'prompt', 'std', 'split'])).toBeUndefined();
    expect(presetOfColumns(['File', 'MOS'])).toBeUndefined();
  });

  it('can be used with further mappings, which go first', async () => {
    const path = join(folder, 'f.csv');
    writeFileSync(path, 'video,prompt,generator,static_mos,temporal_mos\na.gif,p,g,2,3\n');
    const { rows } = await readManifest(path, {
      preset: 'fetv',
      columns: { mos: 'temporal_mos', group: 'generator' },
      checkMedia: false,
    });
    expect(rows).toMatchObject([{ mos: 3, group: 'g', prompt: 'p', extra: { static_mos: '2', generator: 'g' } }]);
  });
});

const data = new URL('../../../shared/data/', import.meta.url).pathname;
const absent = existsSync(join(data, 'README.md')) ? false : 'the folder of real data is not on this machine';

describe.skipIf(absent)(`real manifests${absent ? ` (skipped: ${absent})` : ''}`, () => {
  it('fetv: 65 clips of 13 prompts, every file there, both scores', async () => {
    const dataset = await readManifest(join(data, 'fetv/manifest.csv'), { preset: 'fetv' });
    expect(dataset.rows).toHaveLength(65);
    expect(new Set(dataset.rows.map(({ group }) => group)).size).toBe(13);
    expect(dataset.assumedFps).toBe(10);
    expect(dataset.rows.every(({ extra }) => extra['generator'] !== '' && Number(extra['temporal_mos']) >= 1)).toBe(
      true,
    );
    expect(kFold(dataset.rows, 5, 1).map(({ holdout }) => holdout.length)).toEqual([15, 15, 15, 10, 10]);
  });

  it('biq2021: 4,000 pictures, every file there, the fixed split, 0-1 to 1-5', async () => {
    const { rows, scale } = await readManifest(join(data, 'biq2021/manifest.csv'), { preset: 'biq2021' });
    expect(rows.filter(({ split }) => split === 'train')).toHaveLength(3433);
    expect(rows.filter(({ split }) => split === 'test')).toHaveLength(567);
    expect(rows.every(({ kind }) => kind === 'image')).toBe(true);
    expect(toMos5(scale, rows[0]!.mos!)).toBeCloseTo(1.9108, 12); // 1 + 4 × 0.2277
    const wrongScale = await loadManifest(join(data, 'biq2021/manifest.csv'), {
      preset: 'biq2021',
      scale: '1-5',
      checkMedia: false,
    });
    expect(wrongScale.problems.find(({ hint }) => hint)?.hint).toContain('they would fit 0-1');
  });

  it('taobaovd-gc: 4,000 videos of 800 prompts, the mean that others computed; a split tears no prompt apart', async () => {
    const { rows } = await readManifest(join(data, 'taobaovd-gc/train_labels.csv'), {
      preset: 'taobaovd-gc',
      checkMedia: false,
    });
    expect(rows).toHaveLength(4000);
    expect(new Set(rows.map(({ group }) => group)).size).toBe(800);
    expect(rows.reduce((sum, { mos }) => sum + mos!, 0) / 4000).toBeCloseTo(3.373, 3);
    const { train, holdout } = splitByGroup(rows, 0.1, 1);
    expect([train.length, holdout.length]).toEqual([3600, 400]);
    const marked = [
      ...train.map((row) => ({ ...row, split: 'train' })),
      ...holdout.map((row) => ({ ...row, split: 'test' })),
    ];
    expect(leakingGroups(marked)).toEqual([]);
    const uuids = (part: typeof rows): Set<string> => new Set(part.map(({ id }) => id.slice(2)));
    const trained = uuids(train);
    expect([...uuids(holdout)].filter((uuid) => trained.has(uuid))).toEqual([]);
    const missing = await loadManifest(join(data, 'taobaovd-gc/train_labels.csv'), { preset: 'taobaovd-gc' });
    expect(missing.problems).toHaveLength(4000); // the videos are not public
  });

  it('KoNViD-1k with predictions: columns of the standard names', async () => {
    const { rows } = await readManifest(join(data, 'metrics/dover-konvid-1k.csv'), { checkMedia: false });
    expect(rows).toHaveLength(1200);
    expect(rows[0]!.extra['prediction']).toBe('-0.06667737662792206');
  });
});
