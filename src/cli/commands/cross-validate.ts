// `iovqa cross-validate`: a run for each fold of the table, and how well scores agree of clips that no run had seen.
import { join } from 'node:path';
import { UserError, oneLine } from '../../core/index.ts';
import { readText } from '../../files/index.ts';
import type { FoldEvaluation, Interval, Stat } from '../../metrics/index.ts';
import type { CrossValidationEvent } from '../../study/index.ts';
import { crossValidate, foldFolder } from '../../study/index.ts';
import type { RecipeSources, TrainEvent } from '../../train/index.ts';
import { resolveRecipe } from '../../train/index.ts';
import type { Cell } from '../output.ts';
import { formatTable, printJson, printLines } from '../output.ts';
import type { Progress } from '../progress.ts';
import { startProgress } from '../progress.ts';
import type { RecipeFlags } from '../recipe-options.ts';
import { MAX_RECIPE, recipeSources } from '../recipe-options.ts';
import { untilStopped } from '../stop.ts';
import type { Terminal } from '../terminal.ts';

/** Flags of `cross-validate`. */
export interface CrossValidateFlags extends RecipeFlags {
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
  const isSaved = path === undefined && flags.resume === true && flags.out !== undefined;
  const sources = isSaved ? await savedSources(flags) : await recipeSources(path, flags);
  const folds = flags.folds ?? (isSaved ? resolveRecipe(sources).recipe.data.fold?.of : undefined);
  const message = 'stopping after this update, with a checkpoint; once more stops at once';
  await untilStopped(terminal, message, async (signal) => {
    const shown = showProgress(terminal);
    try {
      const events = crossValidate(sources, {
        ...(folds === undefined ? {} : { folds }),
        resume: flags.resume ?? false,
        signal,
        onScored: shown.scored,
      });
      for await (const event of events) {
        shown.take(event);
        if (event.type === 'end') showEnd(terminal, event, flags.json === true);
      }
    } finally {
      shown.stop();
    }
  });
}

/** The recipe of a cross-validation that goes on: that of its first fold, and what is set now. */
async function savedSources(flags: CrossValidateFlags): Promise<RecipeSources> {
  const path = join(foldFolder(flags.out!, 1), 'recipe.yaml');
  const text = await readText(path, 'bad-input', MAX_RECIPE);
  if (text === undefined) {
    throw new UserError('bad-input', `${oneLine(flags.out!)}: expected a cross-validation that was begun, got none`, {
      hint: 'Give the recipe, or the flags that it was to begin with.',
    });
  }
  const { sets = [] } = await recipeSources(undefined, flags);
  return { file: { path, text, isSaved: true }, sets };
}

interface ShownProgress {
  take: (event: CrossValidationEvent) => void;
  scored: (fold: number, done: number, total: number) => void;
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
  let total = 0;
  const train = (fold: number, event: TrainEvent): void => {
    if (event.type === 'prepared') update(fold, 'reading clips', event.done, event.total);
    else if (event.type === 'prepared-layers') update(fold, 'layers below the adapter', event.done, event.total);
    else if (event.type === 'start') total = event.totalSteps;
    else if (event.type === 'step') update(fold, 'training', event.step, total);
    else if (event.type === 'note') tell(`note: ${event.text}`);
    else if (event.type === 'bad-clip') tell(event.reason);
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
    stop,
  };
}

type End = CrossValidationEvent & { type: 'end' };

function showEnd(terminal: Terminal, { scores, numFailed, evaluation }: End, json: boolean): void {
  if (numFailed > 0) {
    terminal.tell(`note: ${numFailed} clips have no score and are left out`);
    terminal.exitStatus = 1;
  }
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
  const undefinedNames = names.flatMap(([name, key]) => {
    const value = within?.[key].value;
    return value === undefined || value.defined ? [] : [`${name} within folds is undefined: ${value.reason}`];
  });
  const isFew = pooled.intervals?.isApproximate === true;
  return [
    ...(within === null ? [] : [...formatTable(['fold', 'clips', 'SRCC', 'PLCC', 'RMSE'], parts), '']),
    ...formatTable(['statistic', ...header, 'pooled', '95 % interval'], statistics),
    ...undefinedNames,
    ...(isFew ? [`${pooled.intervals!.numGroups} groups: the intervals are approximate`] : []),
    within === null
      ? 'Each fold is one group, so there is no correlation within folds. The pooled one is pushed down: each model has learnt the mean of the other groups.'
      : 'The figure to report is the one within folds. The pooled one is pushed down: each model has learnt the mean of the other folds.',
  ];
}

const number = (stat: Stat): Cell => (stat.defined ? stat.value.toFixed(4) : null);
const between = (interval: Interval | null): string =>
  interval === null ? '' : `${interval.low.toFixed(4)} … ${interval.high.toFixed(4)}`;
