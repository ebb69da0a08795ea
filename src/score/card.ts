// Between the card of an adapter and the settings of a scorer.
import { UserError, show } from '../core/index.ts';
import type { PositionRule } from '../example/index.ts';
import type { Card, Checkpoint } from '../model/index.ts';
import type { AnswerKind, AnswerStep } from '../prompt/index.ts';
import type { FramePick } from '../video/index.ts';
import type { Questioner, ScorerSettings } from './settings.ts';

/** What a card says besides settings. */
export interface CardFacts {
  /** Hash of the manifest, its column of scores, clips trained on, updates done. */
  training: Card['training'];
  /** Whether the model is an adapter on its base, or a model of its own. */
  isAdapter: boolean;
  /** Scores of the golden pictures. */
  goldenScores: Card['goldenScores'];
  /** Version of iovqa. */
  writtenBy: string;
}

/**
 * Makes a card.
 * @param checkpoint - the base model
 * @param questioner - the question, with the text of a user's own template
 * @param settings - how clips are asked about
 * @param facts - the rest
 */
export async function makeCard(
  checkpoint: Checkpoint,
  questioner: Questioner,
  settings: ScorerSettings,
  facts: CardFacts,
): Promise<Card> {
  const { isAdapter, ...rest } = facts;
  const { assumedFps, ...frames } = settings.frames;
  return {
    format: 1,
    baseHash: isAdapter ? await checkpoint.hash() : null,
    baseModel: isAdapter ? checkpoint.name : null,
    frames: { ...frames, assumedFps: assumedFps ?? null },
    prompt: { template: questioner.template.name, source: questioner.template.source },
    answer: settings.answer,
    positions: settings.positions,
    scale: settings.scale,
    ...rest,
  };
}

/**
 * The settings that a card holds.
 * @param card - the card
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
  const natural = (what: string, got: unknown): number =>
    typeof got === 'number' && Number.isInteger(got) && got >= 0 ? got : bad(what, got);
  const { frames, answer } = card;
  const assumedFps = frames['assumedFps'];
  return {
    frames: {
      pick: oneOf<FramePick>('frames.pick', frames['pick'], ['middle', 'first', 'uniform', 'random', 'keyframe']),
      count: natural('frames.count', frames['count']),
      as: oneOf('frames.as', frames['as'], ['video', 'images']),
      minPixels: natural('frames.minPixels', frames['minPixels']),
      maxPixels: natural('frames.maxPixels', frames['maxPixels']),
      seed: natural('frames.seed', frames['seed']),
      ...(typeof assumedFps === 'number' ? { assumedFps } : {}),
    },
    prompt: card.prompt,
    answer: {
      kind: oneOf<AnswerKind>('answer.kind', answer.kind, ['integer', 'decimal', 'level', 'raw']),
      step: answer.step as AnswerStep | null,
    },
    positions: oneOf<PositionRule>('positions', card.positions, ['transformers', 'transformers-5.17']),
    scale: card.scale,
  };
}
