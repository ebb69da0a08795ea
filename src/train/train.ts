// The training run: an async generator of events, from a recipe to checkpoints.
import { join } from 'node:path';
import { UserError, invariant } from '../core/index.ts';
import type { JsonLinesWriter } from '../files/index.ts';
import { openJsonLines, readJsonLines, truncateJsonLines } from '../files/index.ts';
import { assertMask, buildExample, summarizeMask, maskReport } from '../example/index.ts';
import type { Evaluated } from './advice.ts';
import { evaluationAdvice, openingAdvice } from './advice.ts';
import { adoptAdapter } from './adopt-adapter.ts';
import { adoptGroups } from './adopt-groups.ts';
import { adoptTable } from './adopt-table.ts';
import { chooseRecipe } from './choose-recipe.ts';
import { epochOrder } from './order.ts';
import { learningRateFactor } from './schedule.ts';
import type { TrainEvent } from './events.ts';
import { prepareClips } from './prepare.ts';
import type { ResolvedRecipe } from './recipe/index.ts';
import type { RunFolder } from './run-folder.ts';
import { howToTrainOn, keepPixels, openRunFolder, pinModel } from './run-folder.ts';
import type { TrainingSetup } from './setup.ts';
import { openTraining } from './setup.ts';
import type { RunPosition } from './state.ts';
import { agreementOfStart } from './start-agreement.ts';
import { checkpointFolder, loadLatestState, saveState, settle } from './state.ts';
import type { BatchClip } from './update.ts';
import { batchFeeds, prepareLower, update } from './update.ts';
import { validate } from './validate.ts';

/** How a run is run. */
export interface TrainOptions {
  /** Go on with the run that the recipe's folder holds; default false. A folder without a checkpoint starts at the beginning. */
  resume?: boolean;
  /** Stops the run after the present update, with a checkpoint. */
  signal?: AbortSignal;
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
  const chosen = await chooseRecipe(await adoptTable(resolved));
  const grouped = await adoptGroups(chosen, options.resume);
  const adopted = await adoptAdapter(await pinModel(await keepPixels(grouped, options.resume ?? false)));
  await using folder = await openRunFolder(adopted, options.resume ?? false);
  await using setup = await openTraining(adopted.recipe);
  await folder.begin();
  const log = await openEventLog(adopted.recipe.out);
  const note = async (text: string): Promise<TrainEvent> => {
    const event: TrainEvent = { type: 'note', text };
    await log.writer().append(timed(event));
    return event;
  };
  try {
    const opening = openingAdvice(adopted, setup.numModelParameters);
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
  const { recipe, data, store, shapes, learner } = setup;
  const { out, evaluation, checkpoint } = recipe;
  const keep = checkpoint.keep;

  const saved = await loadLatestState(out, shapes);
  let position: RunPosition = { step: 0, best: null, stale: 0, ended: false };
  if (saved !== null) {
    position = saved.position;
    learner.optimizer = saved.optimizer;
    learner.parameters = await setup.readParameters(saved.folder);
    await settle(out, position, keep);
  }
  await log.cutTo(position.step);
  const history = await readEvaluations(out);
  const concurrency = 2 * recipe.run.workers;
  const cacheBytes = await setup.cacheBytes();
  const { requireMemory } = setup;
  const limits = { maxBadFraction: recipe.data.maxBadFraction, concurrency, cacheBytes, requireMemory, signal };
  const lengths = yield* prepareClips(data, store, out, limits);

  yield* prepareLowerOutputs(setup, signal);

  const stepsPerEpoch = Math.ceil(data.train.length / recipe.batchSize);
  const totalSteps = stepsPerEpoch * recipe.epochs;
  yield {
    type: 'start',
    step: position.step,
    totalSteps,
    numTrain: data.train.length,
    numValidation: data.validation.length,
    numParameters: [...learner.parameters.values()].reduce((total, p) => total + p.length, 0),
    numModelParameters: setup.numModelParameters,
  };
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
    yield { type: 'mask', text: await firstMask(setup) };
  }

  const due = (every: 'epoch' | number, step: number): boolean =>
    step % (every === 'epoch' ? stepsPerEpoch : every) === 0 || step === totalSteps;
  const speed = speedometer();
  // A run that early stopping ended, and that is resumed, has nothing to do.
  let reason: 'finished' | 'early-stop' | 'aborted' = position.ended ? 'early-stop' : 'finished';

  let ordered: { epoch: number; samples: readonly number[] } | undefined;

  while (position.step < totalSteps && !position.ended) {
    const step = position.step;
    const epoch = Math.floor(step / stepsPerEpoch);
    if (epoch !== ordered?.epoch) ordered = { epoch, samples: orderOf(setup, lengths, epoch) };
    const first = (step % stepsPerEpoch) * recipe.batchSize;
    const batch = await batchOf(setup, ordered.samples.slice(first, first + recipe.batchSize));
    const factor = learningRateFactor(
      recipe.schedule.kind,
      step,
      Math.round(recipe.schedule.warmup * totalSteps),
      totalSteps,
    );
    const peak = position.gentle === true ? recipe.optimizer.gentleLearningRate! : recipe.optimizer.learningRate;
    const learningRate = peak * factor;
    const ids = batch.map(({ row }) => row.id);
    const feeds = await batchFeeds(setup.feeder, batch, epoch);
    const where = { step: step + 1, ids };
    const { loss, gradientNorm } = await update(learner, feeds, learningRate, where).catch(async (error: unknown) => {
      throw await setup.explain(error);
    });
    position = { ...position, step: step + 1 };
    const clipsPerSecond = speed(batch.length);
    const clipsLeft = (totalSteps - position.step) * recipe.batchSize;
    yield {
      type: 'step',
      step: position.step,
      totalSteps,
      epoch: position.step / stepsPerEpoch,
      loss,
      learningRate,
      gradientNorm,
      clipsPerSecond,
      secondsLeft: clipsLeft / clipsPerSecond,
    };

    let improved = false;
    if (data.validation.length > 0 && due(evaluation.every, position.step)) {
      const scores = await validate(setup.readout, learner.parameters, data.validation, store);
      const score = scores[evaluation.metric];
      improved = score !== null && (position.best === null || score > position.best.score);
      position = improved
        ? { ...position, best: { step: position.step, score: score! }, stale: 0 }
        : { ...position, stale: position.stale + 1 };
      yield { type: 'evaluation', step: position.step, best: improved, ...scores };
      history.push({ step: position.step, ...scores });
      const numValidation = data.validation.length;
      for (const text of evaluationAdvice(history, { recipe, totalSteps, numValidation })) {
        yield { type: 'note', step: position.step, text };
      }
      if (evaluation.earlyStop !== null && position.stale >= evaluation.earlyStop) {
        reason = 'early-stop';
        position = { ...position, ended: true };
      }
      speed(0);
    }
    const aborted = signal?.aborted === true && position.step < totalSteps && !position.ended;
    if (improved || aborted || position.ended || due(checkpoint.every, position.step)) {
      await log.writer().sync();
      await folder.requireInPlace();
      await saveState(
        out,
        position,
        learner.optimizer,
        shapes,
        (folder) => setup.writeModel(folder, learner.parameters, position.step),
        keep,
      );
      yield { type: 'checkpoint', step: position.step, path: checkpointFolder(out, position.step) };
      speed(0);
    }
    if (aborted) {
      reason = 'aborted';
      break;
    }
  }
  yield { type: 'end', step: position.step, reason, best: checkpointFolder(out, position.best?.step ?? position.step) };
}

/** The evaluations that a run's log holds. */
async function readEvaluations(out: string): Promise<Evaluated[]> {
  const events = (await readJsonLines(join(out, 'events.jsonl'))) as TrainEvent[];
  return events.filter((event) => event.type === 'evaluation');
}

/** Runs the layers below the adapter for every clip, where it is on the last layers only. */
async function* prepareLowerOutputs(
  { data, store, feeder }: TrainingSetup,
  signal: AbortSignal | undefined,
): AsyncGenerator<TrainEvent, void> {
  if (feeder.lowerOutputs === null) return;
  for (const [sample, row] of data.train.entries()) {
    signal?.throwIfAborted();
    await prepareLower(feeder, { row, sample, clip: await store.get(row) });
    yield { type: 'prepared-layers', done: sample + 1, total: data.train.length };
  }
  await feeder.lowerOutputs.rest();
}

/** The samples of an epoch in their order. */
function orderOf({ recipe, data }: TrainingSetup, lengths: ReadonlyMap<string, number>, epoch: number): number[] {
  const { seed, batchSize, train } = recipe;
  return epochOrder(
    data.train.map(({ id }) => lengths.get(id)!),
    { order: train.order, batchSize, seed, epoch },
  );
}

/** The clips of an update. */
async function batchOf({ data, store }: TrainingSetup, samples: readonly number[]): Promise<BatchClip[]> {
  return Promise.all(
    samples.map(async (sample): Promise<BatchClip> => {
      const row = data.train[sample]!;
      return { row, sample, clip: await store.get(row) };
    }),
  );
}

/** Refuses a wrong mask before any compute is spent, and shows the first example's. */
async function firstMask({ data, store, feeder }: TrainingSetup): Promise<string> {
  const row = data.train[0];
  invariant(row !== undefined, 'no rows to train on');
  const { questioner, positions, loss } = feeder;
  const { tokenizer, endTokenId, codec } = questioner;
  const { prompt } = await store.get(row);
  const rule = loss === 'response' ? 'response' : 'integer-only';
  const answer = codec.encode(row.unit5);
  const example = buildExample({ ...positions, prompt, answer, tokenizer, endTokenId, targets: rule });
  assertMask(example, tokenizer, endTokenId, rule);
  return summarizeMask(maskReport(example, tokenizer));
}

/** Clips a second over about the last twenty updates; called with 0 when time passed that was not training. */
function speedometer(): (clips: number) => number {
  let last = performance.now();
  let rate: number | null = null;
  return (clips) => {
    const now = performance.now();
    const seconds = (now - last) / 1000;
    last = now;
    if (clips > 0 && seconds > 0) {
      const current = clips / seconds;
      rate = rate === null ? current : 1 / (0.9 / rate + 0.1 / current);
    }
    return rate ?? 0;
  };
}
