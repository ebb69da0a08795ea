// What a row keeps of a prediction besides its numbers: the pixels that the model saw, when they are shown, and how it judged them.
import type { FramePlan } from '../../video/index.ts';
import type { Prediction } from '../prediction.ts';

/** What a model saw of a clip, and what it made of it. */
export interface SeenClip {
  /** Probability of each legal answer, in the order of the answers; null where answers are generated. */
  probabilities?: Prediction['probabilities'];
  /** Which frames it looked at. */
  plan?: Pick<FramePlan, 'frames' | 'sha256'>;
}

/** The same as a row has it. */
export interface SeenFields {
  /**
   * First 16 digits of the SHA-256 (hexadecimal) of the resized 8-bit RGB pixels of all frames; null from a scorer that does not say
   * what it looked at. The same with features from the cache.
   */
  pixels: string | null;
  /** Seconds of each frame since the first one of the clip, to four decimals; null for a picture. */
  seconds: (number | null)[] | null;
  /** Probability of each legal answer, to four decimals, in the order of the description's `answer.values`; null where there is none. */
  probabilities: number[] | null;
}

const rounded = (x: number): number => Math.round(x * 1e4) / 1e4;

/**
 * What a row says of one model.
 * @param seen - its result
 */
export function seenFields({ plan, probabilities = null }: SeenClip): SeenFields {
  const seconds = plan?.frames.map((frame) => (frame.seconds === null ? null : rounded(frame.seconds))) ?? [];
  return {
    pixels: plan?.sha256.slice(0, 16) ?? null,
    seconds: seconds.every((time) => time === null) ? null : seconds,
    probabilities: probabilities?.map(rounded) ?? null,
  };
}

/**
 * What a row says of an ensemble: each field holds a value for each member.
 * @param members - their results, in order
 */
export function seenFieldsOfMembers(members: readonly SeenClip[]): { [K in keyof SeenFields]: SeenFields[K][] } {
  const all = members.map(seenFields);
  return {
    pixels: all.map(({ pixels }) => pixels),
    seconds: all.map(({ seconds }) => seconds),
    probabilities: all.map(({ probabilities }) => probabilities),
  };
}
