// `iovqa train`: runs the training and shows how it goes.
import type { Recipe, ResolvedRecipe, TrainEvent } from '../../train/index.ts';
import {
  inheritAdapterSettings,
  detectGrouping,
  inheritTableOptions,
  chooseRecipe,
  formatRecipe,
  openTraining,
  train as trainEvents,
} from '../../train/index.ts';
import { withoutToldClips } from '../bad-clips.ts';
import { decimals, printJson, printLines } from '../output.ts';
import type { Progress } from '../progress.ts';
import { formatSeconds, startProgress } from '../progress.ts';
import type { RecipeFlags } from '../recipe-options.ts';
import { recipeOf, recipeToResume } from '../recipe-options.ts';
import { stopOnSignals } from '../stop.ts';
import { withPython } from '../engine-python.ts';
import type { MachineFlags } from '../machines.ts';
import { machineRole, onMachines, workForOther } from '../machines.ts';
import type { Terminal } from '../terminal.ts';

/** Flags of `train`. */
export interface TrainFlags extends RecipeFlags, MachineFlags {
  /** Go on with the run in the out folder. */
  resume?: boolean;
  /** Check and stop. */
  dryRun?: boolean;
  /** Write a JSON value. */
  json?: boolean;
}

/**
 * Runs `iovqa train`. A run that a signal stopped has that signal's exit status, so that what a script does next does not begin.
 * @param terminal - where it is shown
 * @param path - recipe file
 * @param flags - flags
 */
export async function train(terminal: Terminal, path: string | undefined, flags: TrainFlags): Promise<void> {
  const role = machineRole(flags, terminal.io.env);
  if (role.kind === 'other') {
    await workForOther(terminal, role.master, flags.python);
    return;
  }
  const resolved = flags.resume === true ? await recipeToResume(path, flags) : await recipeOf(path, flags);
  if (flags.dryRun === true) {
    await dryRun(terminal, resolved, flags);
    return;
  }
  using stop = stopOnSignals(terminal, 'stopping after this update, with a checkpoint; once more stops at once');
  try {
    const reason = await onMachines(terminal, role, stop.signal, (machines) => {
      const options = { resume: flags.resume === true, signal: stop.signal, ...withPython(flags.python, machines) };
      return show(terminal, trainEvents(resolved, options), resolved.recipe, flags.json === true);
    });
    if (reason === 'aborted') terminal.exitStatus = stop.status;
  } catch (error) {
    if (!stop.signal.aborted || error !== stop.signal.reason) throw error;
    terminal.tell('stopped while reading clips; --resume goes on');
    terminal.exitStatus = stop.status;
  }
}

/** Why a run ended. */
type EndReason = (TrainEvent & { type: 'end' })['reason'];

async function show(
  terminal: Terminal,
  events: AsyncIterable<TrainEvent>,
  recipe: Recipe,
  json: boolean,
): Promise<EndReason | null> {
  let bar: Progress | null = null;
  let numBad = 0;
  let numCached = 0;
  let ended: EndReason | null = null;
  let best: (TrainEvent & { type: 'evaluation' }) | null = null;
  try {
    for await (const event of events) {
      switch (event.type) {
        case 'prepared':
          bar ??= startProgress(terminal, 'reading clips', event.total);
          numCached = event.cached;
          bar.update(event.done);
          break;
        case 'note':
          terminal.tell(`note: ${event.text}`);
          break;
        case 'prepared-layers':
          if (event.done === 1) {
            bar?.stop();
            bar = startProgress(terminal, 'layers below the adapter', event.total);
          }
          bar?.update(event.done);
          break;
        case 'bad-clip':
          numBad++;
          terminal.tell(event.reason);
          break;
        case 'start':
          bar?.stop();
          if (numCached > 0) terminal.tell(`vision features of ${numCached} clips were in the cache`);
          terminal.tell(
            `${event.numTrain} clips to train on, ${event.numValidation} for validation` +
              `${numBad > 0 ? `, ${numBad} bad ones left out` : ''}; ` +
              `${event.numParameters.toLocaleString('en')} of ${event.numModelParameters.toLocaleString('en')} parameters train; ` +
              `${event.totalSteps} updates${event.step > 0 ? `, ${event.step} done before` : ''}`,
          );
          bar = startProgress(terminal, 'training', event.totalSteps);
          break;
        case 'mask':
          terminal.tell(`the first example:\n${event.text}`);
          break;
        case 'step':
          bar?.update(
            event.step,
            `loss ${event.loss.toFixed(4)}, ${event.clipsPerSecond.toPrecision(3)} clips/s, ${formatSeconds(event.secondsLeft)} left`,
          );
          break;
        case 'evaluation':
          if (event.best) best = event;
          terminal.tell(
            `step ${event.step}: SRCC ${decimals(event.srcc)}, PLCC ${decimals(event.plcc)}, RMSE ${decimals(event.rmse)} ` +
              `(mean ${decimals(event.rmseOfMean)})` +
              (event.legalMass === null ? '' : `, legalMass ${event.legalMass.toFixed(2)}`) +
              (event.best ? ' (best)' : '') +
              (event.undefinedBecause === '' ? '' : ` – ${event.undefinedBecause}`),
          );
          break;
        case 'checkpoint':
          break;
        case 'end': {
          bar?.stop();
          bar = null;
          const { step, reason, best: folder } = event;
          ended = reason;
          if (json) printJson(terminal, { out: recipe.out, step, reason, best: folder, validation: best });
          else
            printLines(terminal, [
              ...(reason === 'aborted' ? [`stopped at step ${step}; --resume goes on`] : []),
              folder,
            ]);
          break;
        }
      }
    }
    return ended;
  } catch (error) {
    throw withoutToldClips(error, numBad);
  } finally {
    bar?.stop();
  }
}

/** Opens everything that training would open, and shows what it found. */
async function dryRun(terminal: Terminal, resolved: ResolvedRecipe, { json, python }: TrainFlags): Promise<void> {
  const { recipe, provenance } = await inheritAdapterSettings(
    await detectGrouping(await chooseRecipe(await inheritTableOptions(resolved))),
  );
  await using setup = await openTraining(recipe, withPython(python).openEngine);
  const { data, model, numModelParameters } = setup;
  const numParameters = [...model.shapes.values()].reduce(
    (total, shape) => total + shape.reduce((a, b) => a * b, 1),
    0,
  );
  const totalSteps = Math.ceil(data.train.length / recipe.batchSize) * recipe.epochs;
  const facts = {
    numTrain: data.train.length,
    numValidation: data.validation.length,
    totalSteps,
    numParameters,
    numModelParameters,
  };
  if (json === true) printJson(terminal, { recipe, provenance: Object.fromEntries(provenance), ...facts });
  else
    printLines(terminal, [
      formatRecipe(recipe, provenance),
      ...Object.entries(facts).map(([key, value]) => `${key} ${value}`),
    ]);
}
