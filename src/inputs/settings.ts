// What must be known to score with a model: frames, prompt, answer code, scale. An adapter's card holds it.
import { UserError } from '../core/index.ts';
import type { MosScale } from '../dataset/index.ts';
import type { Checkpoint, PositionRule } from '../model/index.ts';
import type { AnswerKind, AnswerStep } from '../prompt/index.ts';
import type { DecoderName, FrameOptions, FramePick, PixelOptions } from '../video/index.ts';
import type { Positions } from './token-rows.ts';

/** Which frames of a clip the model sees, and how large; what is not said of pixels is as in `storedPixels`. */
export interface FrameSettings extends Partial<PixelOptions> {
  /** Which frames of a video. */
  pick: FramePick;
  /** How many of them. */
  count: number;
  /** How two or more go in: as one video or as an image each. */
  as: 'video' | 'images';
  /** Smallest width × height, in pixels. */
  minPixels: number;
  /** Largest width × height, in pixels. */
  maxPixels: number;
  /** Seed of `random`. */
  seed: number;
  /** Frames a second to assume for clips that carry no timing; 10 where not given. */
  assumedFps?: number | undefined;
  /** What decodes videos; node-av where not given, as before there was a choice. */
  decoder?: Exclude<DecoderName, 'node-av'>;
}

/**
 * Settings with another decoder.
 * @param frames - which frames
 * @param decoder - what decodes videos; undefined: as `frames` says
 */
export function withDecoder(frames: FrameSettings, decoder: DecoderName | undefined): FrameSettings {
  if (decoder === undefined) return frames;
  const { decoder: _, ...rest } = frames;
  return decoder === 'node-av' ? rest : { ...rest, decoder };
}

/** The question. */
export interface PromptSettings {
  /** A template's name, or the path of its file. */
  template: string;
  /** Its text where it is the user's own; null to look the name up. */
  source: string | null;
}

/** How answers are written. */
export interface AnswerSettings {
  /** Kind of the answer code. */
  kind: AnswerKind;
  /** Its step on 1–5; null for the kind's own. */
  step: AnswerStep | null;
  /** Whether it stands in a sentence; left out where it stands alone. */
  sentence?: boolean;
}

/** What a scorer must know besides the model. */
export interface ScorerSettings {
  /** Which frames. */
  frames: FrameSettings;
  /** The question: a template's name, and its text where it is the user's own. */
  prompt: PromptSettings;
  /** How answers are written. */
  answer: AnswerSettings;
  /** Which positions videos get. */
  positions: PositionRule;
  /** The scale that scores are given on. */
  scale: MosScale;
}

/**
 * The frame reader's options for a checkpoint. The seed is 0 where nothing is drawn: models that take the same frames have the same
 * options, and share what is seen of a clip.
 * @param checkpoint - the model, whose processor gives patch size and pixel statistics
 * @param frames - which frames
 */
export function frameOptions(checkpoint: Pick<Checkpoint, 'processor'>, frames: FrameSettings): FrameOptions {
  const { assumedFps, seed, ...rest } = frames;
  const { patchSize, mergeSize, temporalPatchSize, mean, std } = checkpoint.processor;
  return {
    ...rest,
    seed: frames.pick === 'random' ? seed : 0,
    ...(assumedFps === undefined ? {} : { assumedFps }),
    patchSize,
    mergeSize,
    temporalPatchSize,
    mean,
    std,
  };
}

/**
 * How a model's rows get their positions.
 * @param rule - the rule of the time axis; default: the family's first
 * @throws UserError `not-supported` for a rule that the family lacks
 */
export function positionsOf({ family, vision }: Pick<Checkpoint, 'family' | 'vision'>, rule?: PositionRule): Positions {
  const { positionRules } = family.prompt;
  const chosen = rule ?? positionRules[0]!;
  if (!positionRules.includes(chosen)) {
    const expected = positionRules.join(' or ');
    throw new UserError('not-supported', `positions: expected ${expected} with ${family.name}, got ${chosen}`);
  }
  return (length, visions) => family.prompt.positions({ length, visions, rule: chosen }, vision);
}
