// What pretraining asks about a sample, and the right answers: numbers as integers, decimals and words.
import type { RandomStream } from '../src/core/index.ts';
import type { PictureDistortionKind } from '../src/synthesis/index.ts';
import type { Facts, Sample, StatisticOf } from './samples.ts';
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

/** A question whose answer is a value on 1–5: as an integer, a decimal or a word. */
function valued(
  topic: string,
  ask: string,
  value: number,
  scale: keyof typeof wordsOf,
  stream: RandomStream,
): Question {
  const form = stream.uniform();
  if (form < 0.45) return { topic, question: `${ask} as integer?`, answer: String(Math.round(10 * value)) };
  if (form < 0.6) return { topic, question: `${ask} as decimal?`, answer: (Math.round(10 * value) / 10).toFixed(1) };
  const answer = wordsOf[scale][Math.min(4, Math.floor(((value - 1) / 4) * 5))]!;
  return { topic, question: `${ask} in a word?`, answer };
}

/** The value of SSIM, 0.3–1, on 1–5. */
const ssimOnFive = (value: number): number => onFive(value, 0.3, 1);
/** The value of PSNR, 12–45 dB, on 1–5. */
const psnrOnFive = (value: number): number => onFive(value, 12, 45);

const name = (kind: string): string => kind.replace('-', ' ');

/** Words begin as sentences do. */
const capital = (word: string): string => `${word[0]!.toUpperCase()}${word.slice(1)}`;

function kindQuestion({ applied }: Facts): Question {
  const answer = applied.length === 0 ? 'none' : applied.map(({ kind }) => name(kind)).join(', ');
  return { topic: 'kind', question: 'Which distortions?', answer };
}

function strengthQuestions({ applied }: Facts, stream: RandomStream): Question[] {
  const names = Object.keys(families) as Family[];
  const has = (family: Family): number =>
    Math.max(
      0,
      ...applied
        .filter(({ kind }) => (families[family] as readonly string[]).includes(kind))
        .map(({ strength }) => strength),
    );
  // What is there, and as much again that need not be.
  const present = names.filter((family) => has(family) > 0);
  const asked = new Set([...present, names[stream.below(names.length)]!, names[stream.below(names.length)]!]);
  return [...asked].map((family) =>
    valued(`strength:${family}`, `Strength of ${family}`, 1 + 4 * has(family), 'strength', stream),
  );
}

function referenceQuestions(facts: Facts, stream: RandomStream): Question[] {
  const [similar, faithful] = [ssimOnFive(facts.ssim), psnrOnFive(facts.psnr)];
  return [
    valued('ssim', 'Similarity to the original', similar, 'amount', stream),
    valued('psnr', 'Fidelity to the original', faithful, 'amount', stream),
    valued('quality', 'Quality', (similar + faithful) / 2, 'quality', stream),
  ];
}

const places: Record<StatisticOf, string> = { whole: '', centre: ' of the centre', 'half-size': ' at half size' };

/** One about each statistic, in any order; three of five about the whole picture. */
function statisticQuestions({ statistics: values }: Facts, stream: RandomStream): Question[] {
  return shuffled(Object.keys(statistics) as Statistic[], stream).map((which) => {
    const of = (['whole', 'whole', 'whole', 'centre', 'half-size'] as const)[stream.below(5)]!;
    const ask = `${capital(which)}${places[of]}`;
    return valued(`statistic:${which}${places[of]}`, ask, values[of][which], 'amount', stream);
  });
}

function shuffled<T>(items: readonly T[], stream: RandomStream): T[] {
  const left = [...items];
  return items.map(() => left.splice(stream.below(left.length), 1)[0]!);
}

function betterQuestion([first, second]: readonly Facts[]): Question {
  const difference = first!.ssim - second!.ssim;
  const answer = Math.abs(difference) < 0.01 ? 'equal' : difference > 0 ? 'first' : 'second';
  return { topic: 'better', question: 'Which image is better?', answer };
}

function motionQuestions({ motion }: Facts, stream: RandomStream): Question[] {
  return [
    { topic: 'motion', question: 'Which fault of motion?', answer: motion === null ? 'none' : name(motion.kind) },
    valued('smoothness', 'Quality of motion', 5 - 4 * (motion?.strength ?? 0), 'quality', stream),
  ];
}

/** Questions of each sample. */
export const QUESTIONS = 10;

/**
 * Asks about a sample: what is known of it against its original always, statistics to fill up. Short questions, many to a clip: most
 * of the cost of a clip is its rows of text.
 * @param sample - what is known of it; of a pair, the second picture
 * @param stream - what is asked, and how
 * @returns {@link QUESTIONS} questions
 */
export function questionsAbout({ shape, facts }: Sample, stream: RandomStream): Question[] {
  const last = facts.at(-1)!;
  const questions = [kindQuestion(last), ...referenceQuestions(last, stream), ...strengthQuestions(last, stream)];
  if (shape === 'pair') questions.unshift(betterQuestion(facts));
  if (shape === 'video') questions.unshift(...motionQuestions(last, stream));
  return [...questions, ...statisticQuestions(last, stream)].slice(0, QUESTIONS);
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
