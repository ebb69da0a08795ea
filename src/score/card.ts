// Converts scorer settings to an adapter's card and back.
import { UserError, show } from '../core/index.ts';
import { parseScale } from '../dataset/index.ts';
import type { Precision } from '../engine/index.ts';
import type { FrameSettings, PromptProcessor, ScorerSettings } from '../inputs/index.ts';
import type { Card, Checkpoint, PositionRule } from '../model/index.ts';
import type { AnswerKind, AnswerStep } from '../prompt/index.ts';
import type { DecoderName, FramePick, PixelOptions } from '../video/index.ts';
import { decoderNames, systemFfmpeg } from '../video/index.ts';

/** What a card says besides settings. */
export interface CardFacts {
  /** Hash of the manifest, its column of scores, clips trained on, updates done. */
  training: Card['training'];
  /** Whether the model is an adapter on its base, or a model of its own. */
  isAdapter: boolean;
  /** Scores of the golden pictures. */
  goldenScores: Card['goldenScores'];
  /** Element type in which they were computed. */
  precision: Precision;
  /** Version of iovqa. */
  writtenBy: string;
}

/**
 * Makes a card.
 * @param checkpoint - the base model
 * @param processor - makes its prompts; holds the text of a user's own template
 * @param settings - how clips are prompted
 * @param facts - the rest
 */
export async function makeCard(
  checkpoint: Checkpoint,
  processor: PromptProcessor,
  settings: ScorerSettings,
  facts: CardFacts,
): Promise<Card> {
  const { isAdapter, precision, ...rest } = facts;
  const { assumedFps, ...frames } = settings.frames;
  return {
    format: 1,
    baseHash: isAdapter ? await checkpoint.hash() : null,
    baseModel: isAdapter ? checkpoint.name : null,
    frames: { ...frames, assumedFps: assumedFps ?? null, ...(await decoderOfCard(settings)) },
    prompt: { template: processor.template.name, source: processor.template.source },
    answer: settings.answer,
    positions: settings.positions,
    scale: settings.scale,
    ...rest,
    ...goldenPrecisionOf(precision),
  };
}

/** How a card says in which type its golden scores were computed: nothing for float32, as before there was a choice. */
export function goldenPrecisionOf(precision: Precision): Pick<Card, 'goldenPrecision'> {
  return precision === 'float32' ? {} : { goldenPrecision: precision };
}

/** The decoder with its version; nothing for node-av, as before there was a choice. */
async function decoderOfCard({ frames: { decoder } }: ScorerSettings): Promise<{ decoder?: string }> {
  return decoder === undefined ? {} : { decoder: (await systemFfmpeg()).name };
}

/** A card is somebody else's file: frames of a clip, and pixels that each of them has at least (those of an 8K frame). */
const MAX_FRAMES = 10_000;
const MAX_MIN_PIXELS = 2 ** 25;

const steps: readonly AnswerStep[] = [0.1, 0.2, 0.5, 1];

/**
 * The settings that a card holds.
 * @param where - its folder, for the message
 * @throws UserError `bad-checkpoint` for values that no version of iovqa writes
 */
export function settingsOf(card: Card, where: string): ScorerSettings {
  const bad = (what: string, got: unknown): never => {
    throw new UserError(
      'bad-checkpoint',
      `${where}: its card's ${what} is ${show(got)}, which this version does not know`,
    );
  };
  const oneOf = <T extends string>(what: string, got: unknown, known: readonly T[]): T =>
    known.includes(got as T) ? (got as T) : bad(what, got);
  const natural = (key: string, least: number, most: number): number => {
    const got = card.frames[key];
    return typeof got === 'number' && Number.isInteger(got) && got >= least && got <= most
      ? got
      : bad(`frames.${key}`, got);
  };
  const optional = <K extends keyof PixelOptions>(key: K, known: readonly PixelOptions[K][]): Partial<PixelOptions> => {
    const got = card.frames[key];
    if (got === undefined) return {};
    return known.includes(got as PixelOptions[K]) ? { [key]: got } : bad(`frames.${key}`, got);
  };
  /** `ffmpeg 5.1.9`: any version will do. */
  const decoder = (): Pick<FrameSettings, 'decoder'> => {
    const got = card.frames['decoder'] ?? 'node-av';
    const [name] = String(got).split(' ', 1) as [DecoderName];
    if (!decoderNames.includes(name)) bad('frames.decoder', got);
    return name === 'node-av' ? {} : { decoder: name };
  };
  const { frames, answer } = card;
  const assumedFps = frames['assumedFps'] ?? null;
  if (assumedFps !== null && !(typeof assumedFps === 'number' && assumedFps >= 1e-3 && assumedFps <= 1000)) {
    bad('frames.assumedFps', assumedFps);
  }
  try {
    parseScale(card.scale);
  } catch {
    bad('scale', card.scale);
  }
  if (answer.step !== null && !steps.includes(answer.step as AnswerStep)) bad('answer.step', answer.step);
  return {
    frames: {
      pick: oneOf<FramePick>('frames.pick', frames['pick'], ['middle', 'first', 'uniform', 'random', 'keyframe']),
      count: natural('count', 1, MAX_FRAMES),
      as: oneOf('frames.as', frames['as'], ['video', 'images']),
      minPixels: natural('minPixels', 0, MAX_MIN_PIXELS),
      maxPixels: natural('maxPixels', 1, Number.MAX_SAFE_INTEGER),
      seed: natural('seed', 0, Number.MAX_SAFE_INTEGER),
      ...(typeof assumedFps === 'number' ? { assumedFps } : {}),
      // A card without them was made with pixels as they are stored.
      ...optional('toneMap', ['bt2390', 'none']),
      ...optional('deinterlace', ['bwdif', 'none']),
      ...optional('squarePixels', [true, false]),
      ...optional('profile', ['srgb', 'ignore']),
      ...decoder(),
    },
    prompt: card.prompt,
    answer: {
      kind: oneOf<AnswerKind>('answer.kind', answer.kind, ['integer', 'decimal', 'level', 'raw']),
      step: answer.step as AnswerStep | null,
      ...(answer.sentence === true ? { sentence: true } : {}),
    },
    positions: oneOf<PositionRule>('positions', card.positions, ['transformers', 'transformers-5.17']),
    scale: card.scale,
  };
}
