// From a list of clips with names, and rows that cannot be read, to rows of scores.
import { UserError, oneLine } from '../../core/index.ts';
import type { FramePlan } from '../../video/index.ts';
import type { Clip } from '../../inputs/index.ts';
import type { Prediction } from '../prediction.ts';
import type { FailedClip, RejectedClip, ScoreStream } from '../score-stream.ts';
import type { ScoreLine } from './line.ts';
import { rowKey } from './line.ts';
import type { ScoresMeta } from './meta.ts';
import { hashOfMeta } from './meta.ts';
import type { SeenClip } from './seen.ts';
import { seenFields, seenFieldsOfMembers } from './seen.ts';

/** A clip with the name that its score is told by. */
export interface ListedClip extends Clip {
  /** The manifest's name of it, or the path as it was given. */
  id: string;
}

/** A row of a list that cannot be scored. */
export interface UnusableRow {
  /** The manifest and the row's line. */
  id: string;
  /** What is wrong with it. */
  reason: string;
}

/** A row of a list: its clip, or what is wrong with it. */
export type ListRow = ListedClip | UnusableRow;

/** A list of clips, read as often as it is asked for; each time with the same rows. */
export type ClipList = () => AsyncIterable<ListRow>;

/** What a member of an ensemble says of a clip. */
export interface MemberScore extends Pick<Prediction, 'score'>, SeenClip {
  /** Which frames it looked at, and what there is to know of them. */
  plan?: ScoredPlan;
}

/** What rows of scores say of a clip's frames. */
export type ScoredPlan = Pick<FramePlan, 'notes' | 'frames' | 'sha256'>;

/** What came of a clip: a scorer's or an ensemble's. */
export interface ScoredClip extends Pick<Prediction, 'score' | 'integer' | 'std' | 'legalMass'>, SeenClip {
  /** The clip, as it was given. */
  clip: Clip;
  /** Its row in the list, from 1. */
  row: number;
  /** Whether its vision features came from the cache. */
  cached: boolean;
  /** Which frames a scorer looked at, and what there is to know of them. */
  plan?: ScoredPlan;
  /** What each member of an ensemble says. */
  members?: readonly MemberScore[];
}

/** What scores clips: a `Scorer` or an `Ensemble`. */
export interface ListScorer {
  /** Scores clips in order. */
  score: ScoreStream<ScoredClip>;
  /** What makes the scores. */
  describe: () => Promise<ScoresMeta>;
}

/** A row of scores, and whether looking at the clip was spared. */
export interface ScoredRow {
  /** The row. */
  line: ScoreLine;
  /** Whether the clip's vision features came from the cache. */
  cached: boolean;
}

/**
 * Scores rows of a list.
 * @param scorer - what scores
 * @param meta - its description
 * @param options - which rows; whole groups, so that each row gets the same bits whatever else is scored
 */
export async function* scoreList(
  scorer: ListScorer,
  meta: ScoresMeta,
  list: ClipList,
  { isMeant = () => true, signal }: { isMeant?: (row: number) => boolean; signal?: AbortSignal | undefined } = {},
): AsyncGenerator<ScoredRow, void> {
  const made = hashOfMeta(meta);
  const { basis, format, isEnsemble } = meta;
  const clips = async function* (): AsyncGenerator<ListedClip | (RejectedClip & { clip: ListedClip })> {
    let row = 0;
    for await (const item of list()) {
      if (!isMeant(++row)) continue;
      if (!('reason' in item)) {
        yield { ...item, row };
        continue;
      }
      // Nobody looks at the clip of a rejected row.
      const clip = { id: item.id, path: '', kind: 'image', row } as const;
      yield { clip, error: new UserError('bad-input', item.reason) };
    }
  };
  for await (const result of scorer.score(clips(), signal, { inGroups: true })) {
    const { id, prompt } = result.clip as ListedClip;
    const of = { row: result.row, clip: id };
    const about = basis === null ? {} : { basis };
    const key = rowKey(made, prompt);
    const error = problemOf(result);
    if (error !== null || 'error' in result) {
      const none = { score: null, integer: null, std: null, legalMass: null };
      yield { line: { ...of, ...none, ...about, error: error!, key }, cached: false };
      continue;
    }
    const { score, integer, std, legalMass, members = [], plan, cached } = result;
    const each = Object.fromEntries(members.map((member, i) => [`member${i + 1}`, member.score]));
    const notes = [...new Set([plan, ...members.map((member) => member.plan)].flatMap((one) => one?.notes ?? []))];
    const said = notes.length === 0 ? {} : { notes };
    const seen = format === 1 ? {} : isEnsemble ? seenFieldsOfMembers(members) : seenFields(result);
    yield { line: { ...of, score, integer, std, legalMass, ...each, ...about, ...said, key, ...seen }, cached };
  }
}

/** Why there is no score; null where there is one. A file has no infinite numbers. */
function problemOf(result: ScoredClip | FailedClip): string | null {
  if ('error' in result) return result.error.message;
  const { score, std, clip } = result;
  if (Number.isFinite(score) && Number.isFinite(std ?? 0)) return null;
  return `${oneLine(clip.path)}: expected a finite score, got ${score} with the standard deviation ${std}`;
}
