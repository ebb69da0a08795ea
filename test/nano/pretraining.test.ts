// What pretraining shows and asks: pure functions of the seed, true answers, and nothing of what the quick start tests with.
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../src/core/index.ts';
import { resizeBicubic } from '../../src/video/index.ts';
import { generatedScene } from '../../src/synthesis/index.ts';
import { heldOutStrengths } from '../../src/quickstart/index.ts';
import { QUESTIONS, questionsAbout } from '../../nano/questions.ts';
import type { Facts, Sample } from '../../nano/samples.ts';
import { groupsOf, makeSample } from '../../nano/samples.ts';
import { pictureStatistics, statistics } from '../../nano/statistics.ts';

const photo = generatedScene({ width: 200, height: 180, stream: randomStream(5) });
const content = { paths: ['a'], open: () => Promise.resolve(photo) };
const shapes = ['image', 'pair', 'video'] as const;
const sampleOf = (shape: Sample['shape'], ...key: number[]): Promise<Sample> =>
  makeSample(content, { shape, size: 96 }, ...key);

describe('samples', () => {
  test('are fixed by their key', async () => {
    for (const shape of shapes) {
      const [one, again, other] = [
        await sampleOf(shape, 1, 2),
        await sampleOf(shape, 1, 2),
        await sampleOf(shape, 1, 3),
      ];
      expect(again).toEqual(one);
      expect(other.frames[0]!.data).not.toEqual(one.frames[0]!.data);
    }
    expect(groupsOf(1, 7, 'questions')).toEqual(groupsOf(1, 7, 'questions'));
  });

  test('have no strength that the quick start tests with', async () => {
    const strengths: number[] = [];
    for (let i = 0; i < 60; i++) {
      const { facts } = await sampleOf('image', 9, i);
      strengths.push(...facts[0]!.applied.map(({ strength }) => strength));
    }
    expect(strengths.length).toBeGreaterThan(40);
    for (const held of heldOutStrengths) {
      expect(Math.min(...strengths.map((strength) => Math.abs(strength - held)))).toBeGreaterThan(0.03);
    }
  });

  test.each([112, 140])(
    'of %i pixels have true statistics of the whole, the centre and half the size',
    async (size) => {
      const { frames, facts } = await makeSample(content, { shape: 'image', size }, 4, size);
      const [frame] = frames;
      const raw = { raw: { width: size, height: size, channels: 3 as const } };
      const from = 32; // a quarter is 28 and 35: there, on the grid of blocks
      const side = size / 2;
      const centre = await sharp(frame!.data, raw)
        .extract({ left: from, top: from, width: side, height: side })
        .raw()
        .toBuffer();
      const { statistics: got } = facts[0]!;
      expect(got.whole).toEqual(pictureStatistics(frame!));
      expect(got.centre).toEqual(pictureStatistics({ width: side, height: side, data: new Uint8Array(centre) }));
      expect(got['half-size']).toEqual(pictureStatistics(resizeBicubic(frame!, side, side, 'image')));
      expect(got.centre).not.toEqual(got['half-size']);
    },
  );

  test('have sizes that the tower takes', () => {
    for (const stage of ['cells', 'questions'] as const) {
      for (let round = 0; round < 200; round++) {
        for (const { size, count } of groupsOf(0, round, stage)) {
          expect(size % 32).toBe(0);
          expect(count).toBeGreaterThan(0);
        }
      }
    }
  });
});

describe('questions', () => {
  const measured = { ...pictureStatistics(photo), brightness: 3 };
  const known: Facts = {
    applied: [{ kind: 'gaussian-blur', strength: 0.5 }],
    motion: null,
    ssim: 0.65,
    psnr: 28.5,
    statistics: {
      whole: measured,
      centre: { ...measured, brightness: 2 },
      'half-size': { ...measured, brightness: 4 },
    },
  };
  const all = Array.from({ length: 300 }, (_, i) =>
    questionsAbout({ shape: 'image', frames: [photo], facts: [known] }, randomStream(i)),
  ).flat();

  test('have true answers in the form that they ask for', () => {
    const answers = (topic: string): Set<string> =>
      new Set(all.filter((question) => question.topic === topic).map(({ answer }) => answer));
    expect(answers('kind')).toEqual(new Set(['gaussian blur']));
    expect(answers('strength:blur')).toEqual(new Set(['30', '3.0', 'moderate']));
    expect(answers('strength:noise')).toEqual(new Set(['10', '1.0', 'none']));
    expect(answers('ssim')).toEqual(new Set(['30', '3.0', 'medium']));
    expect(answers('psnr')).toEqual(new Set(['30', '3.0', 'medium']));
    expect(answers('statistic:brightness')).toEqual(new Set(['30', '3.0', 'medium']));
    expect(answers('statistic:brightness of the centre')).toEqual(new Set(['20', '2.0', 'low']));
    expect(answers('statistic:brightness at half size')).toEqual(new Set(['40', '4.0', 'high']));
    const wrong = all.filter(({ question, answer }) => {
      if (question.endsWith('as integer?')) return !/^[1-5]\d$/.test(answer);
      return question.endsWith('as decimal?') && !/^[1-5]\.\d$/.test(answer);
    });
    expect(wrong).toEqual([]);
  });

  test('are as many for every clip, and none is asked twice', () => {
    for (const shape of ['image', 'pair', 'video'] as const) {
      const facts = shape === 'pair' ? [known, known] : [known];
      const asked = questionsAbout({ shape, frames: [photo], facts }, randomStream(1));
      expect(asked).toHaveLength(QUESTIONS);
      expect(new Set(asked.map(({ topic }) => topic)).size).toBe(QUESTIONS);
    }
  });

  test('about two pictures name the better one', () => {
    const worse: Facts = { ...known, ssim: 0.4 };
    for (let i = 0; i < 20; i++) {
      const pair: Sample = { shape: 'pair', frames: [photo, photo], facts: [worse, known] };
      const asked = questionsAbout(pair, randomStream(i));
      expect(asked.find(({ topic }) => topic === 'better')!.answer).toBe('second');
    }
  });
});

describe('statistics', () => {
  test('stay on 1–5 and follow what they are named after', () => {
    const grey = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(120) };
    const stream = randomStream(3);
    const noisy = { ...grey, data: grey.data.map((value) => value + Math.round(25 * (stream.uniform() - 0.5))) };
    const [flat, rough] = [pictureStatistics(grey), pictureStatistics(noisy)];
    for (const name of Object.keys(statistics) as (keyof typeof statistics)[]) {
      expect(flat[name]).toBeGreaterThanOrEqual(1);
      expect(rough[name]).toBeLessThanOrEqual(5);
    }
    expect(rough.noise).toBeGreaterThan(flat.noise + 1);
    expect(rough.sharpness).toBeGreaterThan(flat.sharpness + 1);
    expect(flat.contrast).toBe(1);
    const bright = { ...grey, data: grey.data.map((value) => value + 60) };
    expect(pictureStatistics(bright).brightness).toBeGreaterThan(flat.brightness);
  });
});
