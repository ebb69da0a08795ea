// Members of ensembles: what runs said of the clips of the selection part and of the report part.
import type { RunResult } from '../../src/study/index.ts';

/** What a run says of the clips of a part, in their order, and what its answers stand for. */
export type MemberRows = Pick<RunResult, 'rows' | 'answers'>;

/** Parts of a table: weights and ranks come from one, figures from the other. */
export const memberParts = ['select', 'report'] as const;

/** One of them. */
export type MemberPart = (typeof memberParts)[number];

/** A run as a member of an ensemble. */
export interface Member extends Record<MemberPart, MemberRows> {
  /** `ARM/seed-N`. */
  name: string;
}

/** Ensembles of one kind. */
export interface EnsembleSet {
  /** By what their members differ. */
  name: string;
  /** Ensembles that differ by chance alone, all with as many members: what is said of them is a mean. */
  ensembles: Member[][];
}

/** The clips of a part. */
export interface PartClips {
  /** Opinion scores. */
  mos: readonly number[];
  /** Their groups; undefined where each is one of its own. */
  groups: readonly string[] | undefined;
}

/** The clips of both parts. */
export type Clips = Record<MemberPart, PartClips>;

/**
 * Leaves out the clips of which a member has no score.
 * @param sets - ensembles
 * @param clips - the clips
 * @returns members and clips with what all members have, and how many clips were left out
 */
export function onCommonClips(
  sets: readonly EnsembleSet[],
  clips: Clips,
): { sets: EnsembleSet[]; clips: Clips; numLeftOut: Record<MemberPart, number> } {
  const members = sets.flatMap(({ ensembles }) => ensembles.flat());
  const kept = byPart((part) =>
    clips[part].mos.flatMap((_, i) => (members.every((member) => member[part].rows[i]!.score !== null) ? [i] : [])),
  );
  const pick = <T>(part: MemberPart, values: readonly T[]): T[] => kept[part].map((i) => values[i]!);
  return {
    sets: sets.map(({ name, ensembles }) => ({
      name,
      ensembles: ensembles.map((ensemble) =>
        ensemble.map((member) => ({
          name: member.name,
          ...byPart((part) => ({ ...member[part], rows: pick(part, member[part].rows) })),
        })),
      ),
    })),
    clips: byPart((part) => {
      const { mos, groups } = clips[part];
      return { mos: pick(part, mos), groups: groups && pick(part, groups) };
    }),
    numLeftOut: byPart((part) => clips[part].mos.length - kept[part].length),
  };
}

/**
 * Something of each part.
 * @param of - what it is
 */
export function byPart<T>(of: (part: MemberPart) => T): Record<MemberPart, T> {
  return { select: of('select'), report: of('report') };
}
