// The decoder of videos in what a score depends on: card, key of the cache, description. Without a name it is node-av, as before.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { decoderVersions, withDecoder } from '../../src/inputs/index.ts';
import { createPlanMemo } from '../../src/inputs/plan-memo.ts';
import type { CacheStore, Card } from '../../src/model/index.ts';
import { embeddedAdapter, readCard, versionOf } from '../../src/model/index.ts';
import { settingsOf } from '../../src/score/card.ts';
import { resolveRecipe } from '../../src/train/index.ts';
import type { DecoderName } from '../../src/video/index.ts';
import { ffmpegOrWhy } from '../video/ffmpeg/fixtures.ts';
import { options } from '../video/fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'iovqa-decoder-'));
afterAll(() => rmSync(folder, { recursive: true }));
const { ffmpeg, why } = await ffmpegOrWhy();

const cardWith = async (decoder?: string): Promise<Card> => {
  const shipped = (await readCard(embeddedAdapter()))!;
  return { ...shipped, frames: { ...shipped.frames, ...(decoder === undefined ? {} : { decoder }) } };
};

describe('a card', () => {
  it('names another decoder than node-av, with any version', async () => {
    expect(settingsOf(await cardWith(), 'x').frames).not.toHaveProperty('decoder');
    expect(settingsOf(await cardWith('node-av'), 'x').frames).not.toHaveProperty('decoder');
    expect(settingsOf(await cardWith('ffmpeg 4.0'), 'x').frames.decoder).toBe('ffmpeg');
    const bad = await cardWith('vlc 3');
    expect(() => settingsOf(bad, 'x')).toThrow("x: its card's frames.decoder is");
  });

  it('is overruled by what is asked for', async () => {
    const { frames } = settingsOf(await cardWith('ffmpeg 5.1.9'), 'x');
    expect(withDecoder(frames, undefined).decoder).toBe('ffmpeg');
    expect(withDecoder(frames, 'node-av')).not.toHaveProperty('decoder');
  });
});

it('a recipe decodes with node-av unless it says otherwise', () => {
  const sets = ['model=m', 'data.manifest=t.csv', 'out=o'];
  expect(resolveRecipe({ sets }).recipe.frames.decoder).toBe('node-av');
  expect(resolveRecipe({ sets: [...sets, 'frames.decoder=ffmpeg'] }).recipe.frames.decoder).toBe('ffmpeg');
});

describe('versions', () => {
  it('of node-av are those of the package, first', async () => {
    expect([...(await decoderVersions(['node-av']))]).toEqual([
      ['node-av', versionOf('node-av')],
      ['sharp', versionOf('sharp')],
    ]);
  });

  it('of the system’s ffmpeg are its own (skipped without it)', async (context) => {
    context.skip(ffmpeg === undefined, why);
    const versions = await decoderVersions(['ffmpeg', 'ffmpeg']);
    expect([...versions.keys()]).toEqual(['ffmpeg', 'sharp']);
    expect(versions.get('ffmpeg')).toBe(`ffmpeg ${ffmpeg!.version}`);
  });

  it('make the keys of the cache, which are as before for node-av (skipped without ffmpeg)', async (context) => {
    context.skip(ffmpeg === undefined, why);
    const path = join(folder, 'clip.mp4');
    writeFileSync(path, 'x');
    const keyBy = async (decoder?: DecoderName): Promise<string> => {
      const asked: string[] = [];
      const read = async (key: string): Promise<null> => {
        asked.push(key);
        return null;
      };
      const frames = decoder === undefined ? options : { ...options, decoder };
      await createPlanMemo({ read } as unknown as CacheStore, frames).look({ path, kind: 'video' });
      return asked[0]!;
    };
    expect(await keyBy('ffmpeg')).not.toBe(await keyBy());
    expect(await keyBy()).toBe(await keyBy());
  });
});
