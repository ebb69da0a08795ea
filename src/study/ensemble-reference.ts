// Scores of a member that are fixed once and for all, which its other scores are ranked among.
import { createHash } from 'node:crypto';
import { UserError, commandLine, oneLine } from '../core/index.ts';
import { scaleName } from '../dataset/index.ts';
import type { Predictor } from '../score/index.ts';
import { partName, readScores, requireScoresMeta } from '../score/index.ts';

/** More tell nothing more of where a score stands. */
export const MOST_REFERENCE = 100_000;

/**
 * Reads a member's reference: its scores in a file that `score --out` or `openScoresFile` wrote.
 * @param path - the file, with its description beside it
 * @param member - whose scores they must be
 * @returns the scores, rising; clips without one are left out
 * @throws UserError `bad-input` for scores of another model, on another scale or of a part of a list, fewer than two of them or more than
 *   {@link MOST_REFERENCE}, and for what is no file of scores
 */
export async function readReference(path: string, member: Predictor): Promise<number[]> {
  const { models, isEnsemble, scale, part } = await requireScoresMeta(path);
  const [model] = models;
  const bad = (expected: string, got: string): UserError =>
    new UserError('bad-input', `${oneLine(path)}: expected ${expected}, got ${got}`, {
      hint: `Name a file of each member, in their order: ${commandLine('score CLIPS --with MEMBER --out FILE')}`,
    });
  if (part !== undefined) {
    throw new UserError(
      'bad-input',
      `${oneLine(path)}: expected scores of a whole list, got ${partName(part)} of one`,
      {
        hint: `${commandLine('scores merge PARTS --out FILE')} joins the parts.`,
      },
    );
  }
  if (isEnsemble || models.length > 1 || (model!.adapterHash ?? model!.modelHash) !== (await member.hash())) {
    throw bad(`scores of ${oneLine(member.folder)}`, `those of ${models.map((one) => oneLine(one.path)).join(', ')}`);
  }
  const [own, its] = [scaleName(member.settings.scale), scaleName(scale)];
  if (own !== its) throw bad(`scores on ${own}`, `some on ${its}`);
  const scores: number[] = [];
  for await (const { score } of readScores(path)) if (score !== null) scores.push(score);
  if (scores.length < 2 || scores.length > MOST_REFERENCE) {
    throw bad(`2 to ${MOST_REFERENCE} scores`, String(scores.length));
  }
  return scores.sort((a, b) => a - b);
}

/**
 * What tells one reference from another, for the description of scores.
 * @param reference - scores, rising
 */
export const hashOfReference = (reference: readonly number[]): string =>
  createHash('sha256').update(JSON.stringify(reference)).digest('hex');
