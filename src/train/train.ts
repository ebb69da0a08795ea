// The training run: an async generator of events, from a recipe to checkpoints.
import { join } from 'node:path';
import { UserError, show } from '../core/index.ts';
import { groupedBy } from '../dataset/index.ts';
import type { OpenEngine } from '../engine/index.ts';
import type { JsonLinesWriter } from '../files/index.ts';
import { openJsonLines, readJsonLines, truncateJsonLines } from '../files/index.ts';
import type { PreparedExample } from '../inputs/index.ts';
import type { Evaluated } from './advice.ts';
import { evaluationAdvice, openingAdvice } from './advice.ts';
import { inheritAdapterSettings } from './inherit-adapter.ts';
import { detectGrouping } from './detect-grouping.ts';
import { inheritTableOptions } from './inherit-table.ts';
import { chooseRecipe } from './choose-recipe.ts';
import type { TrainEvent } from './events.ts';
import { checkMask, showMask } from './examples.ts';
import { resumeLoop, runLoop } from './loop.ts';
import { epochOrder } from './order.ts';
import { prepareClips } from './prepare.ts';
import type { ResolvedRecipe } from './recipe/index.ts';
import type { RunFolder } from './run-folder.ts';
import { howToTrainOn, keepPixels, openRunFolder, pinModel } from './run-folder.ts';
import { learningRateFactor } from './schedule.ts';
import { seedsOf } from './seeds.ts';
import type { TrainingSetup } from './setup.ts';
import { openTraining } from './setup.ts';
import { agreementOfStart } from './start-agreement.ts';
import { validate } from './validate.ts';

/** How a run is run. */
export interface TrainOptions {
  /** Go on with the run that the recipe's folder holds; default false. A folder without a checkpoint starts at the beginning. */
  resume?: boolean;
  /** Stops the run after the present update, with a checkpoint. */
  signal?: AbortSignal;
  /** Opens the base model; default: the engine of the project. */
  openEngine?: OpenEngine;
}

/**
 * Trains by a recipe. Nothing happens until the first event is asked for; leaving the loop early ends the run without a checkpoint.
 * Checkpoints, `events.jsonl`, `plan.jsonl` and `recipe.yaml` go to the recipe's `out` folder.
 * @param resolved - from `resolveRecipe`
 * @param options - resume, signal
 * @returns the events, in order; the last one is `end`
 * @throws UserError for mistakes in recipe, data, model or clips, and `non-finite` when the numbers run away
 */
export async function* train(resolved: ResolvedRecipe, options: TrainOptions = {}): AsyncGenerator<TrainEvent, void> {
  const { restarts } = resolved.recipe.runtime;
  for (let count = 1; ; count++) {
    try {
      yield* trainOnce(resolved, count === 1 ? options : { ...options, resume: true });
      return;
    } catch (error) {
      if (!(error instanceof UserError) || error.code !== 'worker-failed') throw error;
      if (count > restarts) throw withResumeHint(error);
      yield { type: 'note', text: `restart ${count} of ${restarts}, from the last checkpoint: ${error.message}` };
    }
  }
}

/** What is lost when a worker fails is what came after the last checkpoint. */
function withResumeHint(error: UserError): UserError {
  const hint = '--resume goes on from the last checkpoint.';
  return new UserError(error.code, error.message, { hint: [error.hint, hint].filter(Boolean).join(' '), cause: error });
}

async function* trainOnce(resolved: ResolvedRecipe, options: TrainOptions): AsyncGenerator<TrainEvent, void> {
  const chosen = await chooseRecipe(await inheritTableOptions(resolved));
  const grouped = await detectGrouping(chosen, options.resume);
  const settled = await inheritAdapterSettings(await pinModel(await keepPixels(grouped, options.resume ?? false)));
  await using folder = await openRunFolder(settled, options.resume ?? false);
  await using setup = await openTraining(settled.recipe, options.openEngine);
  await folder.begin();
  const log = await openEventLog(settled.recipe.out);
  const note = async (text: string): Promise<TrainEvent> => {
    const event: TrainEvent = { type: 'note', text };
    await log.writer().append(timed(event));
    return event;
  };
  try {
    const opening = openingAdvice(settled, setup.numModelParameters);
    let isNoted = folder.note === '';
    for await (const event of run(setup, folder, log, opening, options.signal)) {
      if (!isNoted) {
        isNoted = true;
        yield await note(folder.note);
      }
      for (const text of setup.takeNotes()) yield await note(text);
      if (event.type !== 'prepared' && event.type !== 'prepared-layers') {
        await log.writer().append(timed(event));
        await folder.requireInPlace();
        await log.writer().requireInPlace();
      }
      yield event;
    }
  } catch (error) {
    // Where the folder is gone, the system's words for what did not work in it say little.
    if (!(error instanceof UserError)) await folder.requireInPlace();
    throw error;
  } finally {
    await log.writer().close();
  }
}

/** An event as events.jsonl has it: with the time, in UTC. */
const timed = (event: TrainEvent): unknown => ({ time: new Date().toISOString(), ...event });

/** events.jsonl; cut back when a run goes on from an earlier step. */
interface EventLog {
  writer: () => JsonLinesWriter;
  cutTo: (step: number) => Promise<void>;
}

async function openEventLog(out: string): Promise<EventLog> {
  const path = join(out, 'events.jsonl');
  let writer = await openJsonLines(path);
  return {
    writer: () => writer,
    cutTo: async (step) => {
      await writer.close();
      await truncateJsonLines(path, (event) => {
        const { step: at } = event as { step?: number };
        return at === undefined || at <= step;
      });
      writer = await openJsonLines(path);
    },
  };
}

async function* run(
  setup: TrainingSetup,
  folder: RunFolder,
  log: EventLog,
  opening: readonly string[],
  signal: AbortSignal | undefined,
): AsyncGenerator<TrainEvent, void> {
  const { recipe, data, store, model, checkpoint: base, predictor } = setup;
  const { out, evaluation, checkpoint } = recipe;
  checkMask(data, base, setup);

  let position = await resumeLoop(out, setup.state, checkpoint.keep);
  await log.cutTo(position.step);
  const history = await readEvaluations(out);
  const before = position.step === 0 ? undefined : await engineOfLog(out);
  const concurrency = 2 * recipe.runtime.workers;
  const cacheBytes = await setup.cacheBytes();
  const { requireMemory } = setup;
  const limits = { maxBadFraction: recipe.data.maxBadFraction, concurrency, cacheBytes, requireMemory, signal };
  const lengths = yield* prepareClips(data, store, out, limits);
  yield* prepareFrozenPrefix(setup, signal);

  const stepsPerEpoch = Math.ceil(data.train.length / recipe.batchSize);
  const totalSteps = stepsPerEpoch * recipe.epochs;
  yield {
    type: 'start',
    step: position.step,
    totalSteps,
    numTrain: data.train.length,
    numValidation: data.validation.length,
    numParameters: [...model.shapes.values()].reduce((total, shape) => total + shape.reduce((a, b) => a * b, 1), 0),
    numModelParameters: setup.numModelParameters,
    engine: setup.engine,
  };
  if (before !== undefined && before !== setup.engine) {
    const text = `computed by ${setup.engine} from here on, and by ${before} until here: the run's numbers change with it`;
    yield { type: 'note', text };
  }
  if (position.step > 0 && (position.ended || position.step >= totalSteps)) {
    yield { type: 'note', text: `the run has ended. ${howToTrainOn(recipe)}` };
  }
  if (position.step === 0) {
    for (const text of opening) yield { type: 'note', text };
    if (recipe.optimizer.gentleLearningRate !== null && recipe.adapter !== null) {
      const start = await agreementOfStart(setup);
      position = { ...position, gentle: start.isFamiliar };
      yield { type: 'note', text: start.text };
    }
    yield { type: 'mask', text: showMask(data, (await store.get(data.train[0]!)).prompt, setup) };
  }

  const isDue = (every: 'epoch' | number, step: number): boolean =>
    step % (every === 'epoch' ? stepsPerEpoch : every) === 0 || step === totalSteps;
  const peak = position.gentle === true ? recipe.optimizer.gentleLearningRate! : recipe.optimizer.learningRate;
  const warmup = Math.round(recipe.schedule.warmup * totalSteps);
  const batchOf = oneAhead(batches(setup, lengths, stepsPerEpoch), totalSteps);
  const events = runLoop({
    out,
    position,
    totalSteps,
    stepsPerEpoch,
    batchSize: recipe.batchSize,
    sizeOf: ({ examples }) => examples.length,
    batchOf,
    learner: {
      ...setup.state,
      update: async ({ step, ids, examples }, learningRate) => {
        try {
          return await model.update(examples, learningRate);
        } catch (error) {
          throw error instanceof UserError ? ofUpdate(error, step, ids) : error;
        }
      },
    },
    learningRateOf: (step) => peak * learningRateFactor(recipe.schedule.kind, step, warmup, totalSteps),
    evaluation:
      data.validation.length === 0
        ? null
        : {
            ...evaluation,
            isDue: (step) => isDue(evaluation.every, step),
            run: () => validate(predictor, data.validation, store),
          },
    isCheckpointDue: (step) => isDue(checkpoint.every, step),
    keep: checkpoint.keep,
    inputWait: setup.inputWait,
    beforeCheckpoint: async () => {
      await log.writer().sync();
      await folder.requireInPlace();
    },
    signal,
  });
  try {
    for await (const event of events) {
      yield event;
      if (event.type !== 'evaluation') continue;
      history.push(event);
      const numValidation = data.validation.length;
      for (const text of evaluationAdvice(history, { recipe, totalSteps, numValidation })) {
        yield { type: 'note', step: event.step, text };
      }
    }
  } catch (error) {
    throw afterStep(error, model.step);
  }
}

/** The evaluations that a run's log holds. */
async function readEvaluations(out: string): Promise<Evaluated[]> {
  const events = (await readJsonLines(join(out, 'events.jsonl'))) as TrainEvent[];
  return events.filter((event) => event.type === 'evaluation');
}

/** The engine that computed last, as a run's log has it; undefined in those of before it was said. */
async function engineOfLog(out: string): Promise<string | undefined> {
  const events = (await readJsonLines(join(out, 'events.jsonl'))) as Partial<TrainEvent & { engine: string }>[];
  return events.findLast(({ type }) => type === 'start')?.engine;
}

/** Runs the frozen layers below an adapter for every clip, where it is on the last layers only. */
async function* prepareFrozenPrefix(
  { data, model, examples }: TrainingSetup,
  signal: AbortSignal | undefined,
): AsyncGenerator<TrainEvent, void> {
  if (!model.hasFrozenPrefix) return;
  for (const sample of data.train.keys()) {
    signal?.throwIfAborted();
    await model.prepare([await examples.get(sample, 0)]);
    yield { type: 'prepared-layers', done: sample + 1, total: data.train.length };
  }
}

/** The clips of an update. */
interface TrainBatch {
  /** The update's number, from 1. */
  step: number;
  /** Names of the clips. */
  ids: string[];
  /** The clips. */
  examples: PreparedExample[];
}

/** Gives the clips of each update: an epoch's samples in their order, cut into batches. */
function batches(
  { recipe, data, examples }: TrainingSetup,
  lengths: ReadonlyMap<string, number>,
  stepsPerEpoch: number,
): (step: number) => Promise<TrainBatch> {
  const { batchSize, train } = recipe;
  let ordered: { epoch: number; samples: readonly number[] } | undefined;
  return async (step) => {
    const epoch = Math.floor(step / stepsPerEpoch);
    if (epoch !== ordered?.epoch) {
      const tokens = data.train.map(({ id }) => lengths.get(id)!);
      const groups = groupedBy(data.train, recipe.data.groupBy ?? 'group').map(({ group }) => group);
      ordered = {
        epoch,
        samples: epochOrder(tokens, { order: train.order, batchSize, seed: seedsOf(recipe).order, epoch, groups }),
      };
    }
    const first = (step % stepsPerEpoch) * batchSize;
    const samples = ordered.samples.slice(first, first + batchSize);
    return {
      step: step + 1,
      ids: samples.map((sample) => data.train[sample]!.id),
      examples: await Promise.all(samples.map((sample) => examples.get(sample, epoch))),
    };
  };
}

/** Begins with the next batch when one has come: clips that are not held are read while the model is trained. */
function oneAhead<Batch>(batchOf: (step: number) => Promise<Batch>, totalSteps: number): typeof batchOf {
  const coming = new Map<number, Promise<Batch>>();
  return async (step) => {
    const batch = await (coming.get(step) ?? batchOf(step));
    coming.clear();
    if (step + 1 < totalSteps) {
      const next = batchOf(step + 1);
      next.catch(() => {}); // it is met when its turn comes
      coming.set(step + 1, next);
    }
    return batch;
  };
}

/** A worker that fails between updates, as in a validation, names no step: the last one is named. */
function afterStep(error: unknown, step: number): unknown {
  if (!(error instanceof UserError) || error.code !== 'worker-failed' || error.message.startsWith('step '))
    return error;
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  return new UserError(error.code, `after step ${step}: ${error.message}`, { ...hint, cause: error });
}

/** An engine's error about an update, with the update's number and clips. */
function ofUpdate(error: UserError, step: number, ids: readonly string[]): UserError {
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  const message = `step ${step}, clips ${ids.map((id) => show(id)).join(', ')}: ${error.message}`;
  return new UserError(error.code, message, { ...hint, cause: error });
}
