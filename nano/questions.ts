// What pretraining asks about a sample, and the right answers: numbers as integers, decimals and words.
import type { RandomStream } from '../src/core/index.ts';
import type { PictureDistortionKind } from '../src/video/synthesis/index.ts';
import type { Facts, Sample } from './samples.ts';
import type { Statistic } from './statistics.ts';
import { onFive, statistics } from './statistics.ts';

/** A question with its answer. */
export interface Question {
  /** What is asked about: `kind`, `ssim`, `strength:blur`, …; losses are told by it. */
  topic: string;
  /** The question as plain text. */
  question: string;
  /** The answer's characters. */
  answer: string;
}

/** Kinds of distortion that go by one name. */
const families = {
  blur: ['gaussian-blur', 'motion-blur', 'defocus'],
  noise: ['gaussian-noise', 'chroma-noise', 'impulse-noise'],
  compression: ['jpeg', 'h264', 'hevc', 'av1', 'mjpeg'],
  coarseness: ['downscale', 'pixelate'],
  banding: ['banding'],
  exposure: ['overexposure', 'underexposure', 'low-contrast'],
  colour: ['desaturation', 'oversaturation', 'colour-cast'],
  halo: ['sharpening-halo'],
} as const satisfies Record<string, readonly PictureDistortionKind[]>;

type Family = keyof typeof families;

const wordsOf = {
  strength: ['none', 'slight', 'moderate', 'strong', 'extreme'],
  amount: ['lowest', 'low', 'medium', 'high', 'highest'],
  quality: ['bad', 'poor', 'fair', 'good', 'excellent'],
} as const;

const endsOf = { strength: ['none', 'extreme'], amount: ['lowest', 'highest'], quality: ['worst', 'best'] } as const;

/** A question whose answer is a value on 1–5. */
function valued(
  topic: string,
  ask: readonly string[],
  value: number,
  scale: keyof typeof wordsOf,
  stream: RandomStream,
): Question {
  const text = ask[stream.below(ask.length)]!;
  const [low, high] = endsOf[scale];
  const form = stream.uniform();
  if (form < 0.5) {
    const question = `${text} 10 (${low}) to 50 (${high})`;
    return { topic, question, answer: String(Math.round(10 * value)) };
  }
  if (form < 0.75) {
    const question = `${text} 1.0 (${low}) to 5.0 (${high})`;
    return { topic, question, answer: (Math.round(10 * value) / 10).toFixed(1) };
  }
  const words = wordsOf[scale];
  const answer = words[Math.min(4, Math.floor(((value - 1) / 4) * 5))]!;
  return { topic, question: `${text} One word, ${low} to ${high}`, answer };
}

/** What a sample is called. */
const nounOf = { image: 'image', pair: 'second image', video: 'video' } as const;

/** The value of SSIM, 0.3–1, on 1–5. */
const ssimOnFive = (value: number): number => onFive(value, 0.3, 1);
/** The value of PSNR, 12–45 dB, on 1–5. */
const psnrOnFive = (value: number): number => onFive(value, 12, 45);

const name = (kind: string): string => kind.replace('-', ' ');

function kindQuestion({ applied }: Facts, noun: string, stream: RandomStream): Question {
  const ask = [`Which distortions does this ${noun} show?`, `Name what is wrong with this ${noun}.`];
  const answer = applied.length === 0 ? 'none' : applied.map(({ kind }) => name(kind)).join(', ');
  return { topic: 'kind', question: ask[stream.below(2)]!, answer };
}

function strengthQuestion({ applied }: Facts, noun: string, stream: RandomStream): Question {
  const names = Object.keys(families) as Family[];
  const has = (family: Family): number =>
    Math.max(
      0,
      ...applied
        .filter(({ kind }) => (families[family] as readonly string[]).includes(kind))
        .map(({ strength }) => strength),
    );
  const present = names.filter((family) => has(family) > 0);
  // Half of the questions are about what is there.
  const pool = present.length > 0 && stream.below(2) === 0 ? present : names;
  const family = pool[stream.below(pool.length)]!;
  const ask = [`How strong is the ${family} of this ${noun}?`, `Rate the strength of ${family} in this ${noun}.`];
  return valued(`strength:${family}`, ask, 1 + 4 * has(family), 'strength', stream);
}

function referenceQuestion(facts: Facts, noun: string, stream: RandomStream): Question {
  switch (stream.below(3)) {
    case 0:
      return valued('ssim', [`How similar is this ${noun} to its original?`], ssimOnFive(facts.ssim), 'amount', stream);
    case 1:
      return valued('psnr', [`How faithful is this ${noun}?`], psnrOnFive(facts.psnr), 'amount', stream);
    default: {
      const value = (ssimOnFive(facts.ssim) + psnrOnFive(facts.psnr)) / 2;
      const ask = [
        `Rate the quality of this ${noun}.`,
        `How good is this ${noun}: sharpness, noise, artifacts and distortions?`,
      ];
      return valued('quality', ask, value, 'quality', stream);
    }
  }
}

function statisticQuestion({ statistics: values }: Facts, noun: string, stream: RandomStream): Question {
  const all = Object.keys(statistics) as Statistic[];
  const which = all[stream.below(all.length)]!;
  const ask = [`How high is the ${which} of this ${noun}?`, `Rate the ${which} of this ${noun}.`];
  return valued(`statistic:${which}`, ask, values[which], 'amount', stream);
}

function betterQuestion([first, second]: readonly Facts[], stream: RandomStream): Question {
  const difference = first!.ssim - second!.ssim;
  const answer = Math.abs(difference) < 0.01 ? 'equal' : difference > 0 ? 'first' : 'second';
  const ask = ['Which image is better?', 'Which of the two images has the higher quality?'];
  return { topic: 'better', question: ask[stream.below(2)]!, answer };
}

function motionQuestion({ motion }: Facts, stream: RandomStream): Question {
  if (stream.below(2) === 0) {
    const ask = ['What is wrong with the motion of this video?', 'Which fault does the motion of this video have?'];
    return { topic: 'motion', question: ask[stream.below(2)]!, answer: motion === null ? 'none' : name(motion.kind) };
  }
  const ask = ['How smooth is the motion of this video?', 'Rate the motion of this video.'];
  return valued('motion strength', ask, 5 - 4 * (motion?.strength ?? 0), 'quality', stream);
}

/** Questions of each sample. */
export const QUESTIONS = 5;

/**
 * Asks about a sample, {@link QUESTIONS} times.
 * @param sample - what is known of it
 * @param stream - what is asked, and how
 */
export function questionsAbout({ shape, facts }: Sample, stream: RandomStream): Question[] {
  const last = facts.at(-1)!;
  const noun = nounOf[shape];
  const questions = [referenceQuestion(last, noun, stream), strengthQuestion(last, noun, stream)];
  if (shape === 'pair') questions.push(betterQuestion(facts, stream));
  if (shape === 'video') questions.push(motionQuestion(last, stream), motionQuestion(last, stream));
  while (questions.length < QUESTIONS) {
    const pick = stream.uniform();
    if (pick < 0.3) questions.push(kindQuestion(last, noun, stream));
    else if (pick < 0.45) questions.push(strengthQuestion(last, noun, stream));
    else if (pick < 0.65) questions.push(referenceQuestion(last, noun, stream));
    else if (shape !== 'pair') questions.push(statisticQuestion(last, noun, stream));
  }
  return questions;
}

/** Text that the tokenizer's merges are learned from: every question and answer there may be, a few times. */
export function questionText(
  sample: (i: number) => Sample,
  count: number,
  streamOf: (i: number) => RandomStream,
): string {
  const lines: string[] = [];
  for (let i = 0; i < count; i++) {
    for (const { question, answer } of questionsAbout(sample(i), streamOf(i))) lines.push(question, answer);
  }
  return lines.join('\n');
}
