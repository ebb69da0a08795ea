// `iovqa cross-validate`: a run for each fold of the table, and how well scores agree of clips that no run had seen.
import { join } from 'node:path';
import { readText } from '../../files/index.ts';
import type { FoldEvaluation, Interval, Stat } from '../../metrics/index.ts';
import type { CrossValidationEvent } from '../../study/index.ts';
import { crossValidate } from '../../study/index.ts';
import type { RecipeSources, TrainEvent } from '../../train/index.ts';
import { isSavedRecipe } from '../../train/index.ts';
import { withoutToldClips } from '../bad-clips.ts';
import type { Cell } from '../output.ts';
import { approximate, formatTable, printJson, printLines, range } from '../output.ts';
import type { Progress } from '../progress.ts';
import { startProgress } from '../progress.ts';
import type { RecipeFlags } from '../recipe-options.ts';
import { MAX_RECIPE, recipeSources } from '../recipe-options.ts';
import { untilStopped } from '../stop.ts';
import { withPython } from '../engine-python.ts';
import type { MachineFlags } from '../machines.ts';
import { machineRole, onMachines, workForOther } from '../machines.ts';
import type { Terminal } from '../terminal.ts';

/** Flags of `cross-validate`. */
export interface CrossValidateFlags extends RecipeFlags, MachineFlags {
  /** Number of folds, or one for each group. */
  folds?: number | 'groups';
  /** Go on with what the out folder holds. */
  resume?: boolean;
  /** Write a JSON value. */
  json?: boolean;
}

/**
 * Runs `iovqa cross-validate`.
 * @param terminal - where it is shown
 * @param path - recipe file
 * @param flags - flags
 */
export async function crossValidateCommand(
  terminal: Terminal,
  path: string | undefined,
  flags: CrossValidateFlags,
): Promise<void> {
  const role = machineRole(flags, terminal.io.env);
  if (role.kind === 'other') {
    await workForOther(terminal, role.master, flags.python);
    return;
  }
  const saved = path === undefined && flags.resume === true ? await savedSources(flags) : null;
  const sources = saved ?? (await recipeSources(path, flags));
  const message = 'stopping after this update, with a checkpoint; once more stops at once';
  await untilStopped(terminal, message, async (signal) => {
    const shown = showProgress(terminal);
    try {
      await onMachines(terminal, role, signal, async (machines) => {
        const events = crossValidate(sources, {
          ...withPython(flags.python, machines),
          ...(flags.folds === undefined ? {} : { folds: flags.folds }),
          resume: flags.resume ?? false,
          signal,
          onScored: shown.scored,
          onNote: shown.note,
        });
        for await (const event of events) {
          shown.take(event);
          if (event.type === 'end') showEnd(terminal, event, flags.json === true);
        }
      });
    } catch (error) {
      throw withoutToldClips(error, shown.numBad());
    } finally {
      shown.stop();
    }
  });
}

/** The recipe of a cross-validation that goes on, with what is set now; null where none was begun. */
async function savedSources(flags: CrossValidateFlags): Promise<RecipeSources | null> {
  if (flags.out === undefined) return null;
  const path = join(flags.out, 'recipe.yaml');
  const text = await readText(path, 'bad-input', MAX_RECIPE);
  if (text === undefined || !isSavedRecipe(text)) return null;
  const { sets = [] } = await recipeSources(undefined, flags);
  return { file: { path, text, isSaved: true }, sets };
}

interface ShownProgress {
  take: (event: CrossValidationEvent) => void;
  scored: (fold: number, done: number, total: number) => void;
  note: (text: string) => void;
  /** Clips that were named because they cannot be read. */
  numBad: () => number;
  stop: () => void;
}

/** Bars on stderr; what is said of several folds is said once. */
function showProgress(terminal: Terminal): ShownProgress {
  let bar: Progress | null = null;
  let numFolds = 0;
  let shown = '';
  const said = new Set<string>();
  const tell = (text: string): void => {
    if (said.has(text)) return;
    said.add(text);
    terminal.tell(text);
  };
  const stop = (): void => {
    bar?.stop();
    bar = null;
  };
  const update = (fold: number, what: string, done: number, total: number): void => {
    const title = `fold ${fold} of ${numFolds}: ${what}`;
    if (shown !== title) stop();
    shown = title;
    bar ??= startProgress(terminal, title, total);
    bar.update(done);
  };
  const note = (text: string): void => tell(`note: ${text}`);
  let total = 0;
  let numBad = 0;
  const train = (fold: number, event: TrainEvent): void => {
    if (event.type === 'prepared') update(fold, 'reading clips', event.done, event.total);
    else if (event.type === 'prepared-layers') update(fold, 'layers below the adapter', event.done, event.total);
    else if (event.type === 'start') total = event.totalSteps;
    else if (event.type === 'step') update(fold, 'training', event.step, total);
    else if (event.type === 'note') note(event.text);
    else if (event.type === 'bad-clip') {
      numBad++;
      tell(event.reason);
    }
  };
  return {
    take: (event) => {
      if (event.type === 'start') {
        ({ numFolds } = event);
        const what = event.groupBy === 'prompt' ? 'prompts' : 'groups';
        terminal.tell(`${event.numClips} clips of ${event.numGroups} ${what} in ${numFolds} folds`);
      } else if (event.type === 'fold') {
        stop();
        const end = event.isDone ? ', done before' : '';
        terminal.tell(`fold ${event.fold} of ${numFolds}: ${event.numHeldOut} clips held out${end}`);
      } else if (event.type === 'train') train(event.fold, event.event);
    },
    scored: (fold, done, all) => update(fold, 'scoring', done, all),
    note,
    numBad: () => numBad,
    stop,
  };
}

type End = CrossValidationEvent & { type: 'end' };

function showEnd(terminal: Terminal, { scores, numFailed, evaluation }: End, json: boolean): void {
  if (numFailed > 0) {
    terminal.tell(`note: ${numFailed} clips have no score and are left out`);
    terminal.exitStatus = 1;
  }
  const { intervals } = evaluation.pooled;
  if (intervals?.isApproximate === true) terminal.tell(`note: ${approximate(intervals.numGroups)}`);
  if (json) printJson(terminal, { scores, numFailed, ...evaluation });
  else printLines(terminal, [...linesOf(evaluation), scores]);
}

const names = [
  ['SRCC', 'srcc'],
  ['PLCC', 'plcc'],
  ['KRCC', 'krcc'],
  ['(SRCC+PLCC)/2', 'challenge'],
] as const;

function linesOf({ folds, within, pooled }: FoldEvaluation): string[] {
  const parts = folds.map(({ fold, evaluation: { n, srcc, plcc, rmse } }): Cell[] => [
    fold,
    n,
    ...[srcc, plcc, rmse].map((stat) => number(stat)),
  ]);
  const statistics = names.map(([name, key]): Cell[] => {
    const own = within?.[key];
    return [
      name,
      ...(own === undefined ? [] : [number(own.value), between(own.interval)]),
      number(pooled[key]),
      between(pooled.intervals?.[key] ?? null),
    ];
  });
  const header = within === null ? [] : ['within folds', '95 % interval'];
  const reasons = names.flatMap(([name, key]) => {
    const own = within?.[key];
    if (own === undefined) return [];
    if (!own.value.defined) return [`${name} within folds is undefined: ${own.value.reason}`];
    return own.interval === null
      ? [`${name} within folds has no interval: it is ±1, or undefined without one of the groups`]
      : [];
  });
  return [
    ...(within === null ? [] : [...formatTable(['fold', 'clips', 'SRCC', 'PLCC', 'RMSE'], parts), '']),
    ...formatTable(['statistic', ...header, 'pooled', '95 % interval'], statistics),
    ...reasons,
    within === null
      ? 'Each fold is one group, so there is no correlation within folds. The pooled one is pushed down: each model has learnt the mean of the other groups.'
      : 'The figure to report is the one within folds. The pooled one is pushed down: each model has learnt the mean of the other folds.',
  ];
}

const number = (stat: Stat): Cell => (stat.defined ? stat.value.toFixed(4) : null);
const between = (interval: Interval | null): string => (interval === null ? '' : range(interval));
