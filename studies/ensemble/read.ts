// Reads the members of ensembles from the results of two studies: known-truth, whose arms have five seeds, and ensemble, whose arms differ.
import { dirname, join } from 'node:path';
import { UserError } from '../../src/core/index.ts';
import type { RunResult, StudyPlan } from '../../src/study/index.ts';
import { planStudy, readResults, readStudy } from '../../src/study/index.ts';
import type { Clips, EnsembleSet, Member, MemberPart } from './members.ts';
import { byPart } from './members.ts';

/** Arms of known-truth whose seeds are an ensemble each; order and initial values are chance. */
export const seedArms = ['integer', 'another-order'] as const;

/** Arms of ensemble: those of one seed are an ensemble, in the order of the weights. */
export const mixedArms = [
  'frames-1-rank-4',
  'frames-1-rank-32',
  'frames-1-rank-128',
  'frames-2-rank-32',
  'frames-2-rank-128',
] as const;

/** The arm with the same runs that is judged on a part. */
const armOn = (arm: string, part: MemberPart): string => (part === 'report' ? arm : `${arm}-select`);

/** A study with its results. */
interface Read {
  path: string;
  plan: StudyPlan;
  results: ReadonlyMap<string, RunResult>;
}

/**
 * Reads the members and the clips that they are judged by.
 * @param paths - the files of both studies, whose results are in `results/` beside them
 * @throws UserError `bad-input` where runs have no result, or the studies are not judged by the same clips
 */
export async function readEnsembles(paths: {
  knownTruth: string;
  ensemble: string;
}): Promise<{ sets: EnsembleSet[]; clips: Clips }> {
  const [known, mixed] = [await read(paths.knownTruth), await read(paths.ensemble)];
  const clips = byPart((part) => {
    const [one, other] = [clipsOf(known, armOn(seedArms[0], part)), clipsOf(mixed, armOn(mixedArms[0], part))];
    if (JSON.stringify(one) === JSON.stringify(other)) return one;
    throw new UserError('bad-input', `${mixed.path}: expected the clips of ${known.path} in ${part}, got others`, {
      hint: 'Both studies must have one table.',
    });
  });
  const { seeds } = known.plan.study;
  const ofSeeds = seedArms.map((arm) => seeds.map((seed) => memberOf(known, arm, seed)));
  const ofArms = mixed.plan.study.seeds.map((seed) => mixedArms.map((arm) => memberOf(mixed, arm, seed)));
  if (ofSeeds.length !== ofArms.length) {
    const got = `${ofArms.length} in ${mixed.path}`;
    throw new UserError('bad-input', `ensembles: expected ${ofSeeds.length} of each kind, got ${got}`);
  }
  requireAll([known, mixed]);
  return {
    sets: [
      { name: 'seed alone', ensembles: ofSeeds.map((members) => members.flatMap((one) => one ?? [])) },
      { name: 'frames and rank', ensembles: ofArms.map((members) => members.flatMap((one) => one ?? [])) },
    ],
    clips,
  };
}

async function read(path: string): Promise<Read> {
  const study = await readStudy(path);
  const plan = await planStudy(study, join('runs', study.name));
  return { path, plan, results: await readResults(plan, join(dirname(study.path), 'results', study.name)) };
}

function clipsOf({ path, plan }: Read, arm: string): Clips[MemberPart] {
  const judged = plan.judged.get(arm);
  if (judged === undefined) throw new UserError('bad-input', `${path}: expected an arm ${arm}, got none`);
  return { mos: judged.mos, groups: judged.groups };
}

/** A run on both parts; null where one has no result. */
function memberOf({ results }: Read, arm: string, seed: number): Member | null {
  const on = byPart((part) => results.get(`${armOn(arm, part)}/seed-${seed}`));
  if (on.select === undefined || on.report === undefined) return null;
  return { name: `${arm}/seed-${seed}`, select: on.select, report: on.report };
}

function requireAll(studies: readonly Read[]): void {
  for (const { path, plan, results } of studies) {
    const wanted = [...seedArms, ...mixedArms].flatMap((arm) => [arm, armOn(arm, 'select')]);
    const runs = plan.runs.filter(({ arm }) => wanted.includes(arm));
    const missing = runs.filter(({ name }) => !results.has(name));
    if (missing.length === 0) continue;
    const got = `${missing.length} of ${runs.length} without one, the first ${missing[0]!.name}`;
    throw new UserError('bad-input', `${path}: expected the results of all members, got ${got}`, {
      hint: `iovqa study run ${path}`,
    });
  }
}
