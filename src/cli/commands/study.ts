// `iovqa study`: a grid of runs, and the table of what differs. `run` does what is missing, `status` shows what is there.
import { dirname, join } from 'node:path';
import { expectedDetectable } from '../../metrics/index.ts';
import type {
  PlannedRuns,
  RunFailure,
  Study,
  StudyEvent,
  StudyForecast,
  StudyPlan,
  Trials,
} from '../../study/index.ts';
import {
  forecastStudy,
  planStudy,
  planTrials,
  readFailures,
  readResults,
  readStudy,
  runStudy,
  tabulate,
} from '../../study/index.ts';
import { approximate, formatTable, printJson, printLines } from '../output.ts';
import { formatSeconds, startProgress } from '../progress.ts';
import { untilStopped } from '../stop.ts';
import { formatMarkdown, showStudyTable } from '../study-output.ts';
import type { Terminal } from '../terminal.ts';

/** Flags of `study status`. */
export interface StudyStatusFlags {
  /** Folder of the runs. */
  out?: string;
  /** Folder of the results. */
  results?: string;
  /** Write the table as Markdown. */
  markdown?: boolean;
  /** Write a JSON value. */
  json?: boolean;
}

/** Flags of `study run`. */
export interface StudyRunFlags extends StudyStatusFlags {
  /** Runs at a time. */
  jobs?: number;
  /** Show the plan and stop. */
  dryRun?: boolean;
}

/** Where a study's files lie. */
interface Places {
  out: string;
  results: string;
}

/**
 * Runs `iovqa study run`.
 * @param terminal - where it is shown
 * @param path - the study's file
 */
export async function studyRunCommand(terminal: Terminal, path: string, flags: StudyRunFlags): Promise<void> {
  const study = await readStudy(path);
  const places = placesOf(study, flags);
  if (flags.dryRun === true) {
    const { plan, trials } = await planAll(study, places);
    const [ofTrials, ofRuns] = [
      await forecast(terminal, trials.todo, flags),
      await forecast(terminal, await todoOf(plan, places), flags),
    ];
    return showPlan(terminal, plan, trials, ofTrials, ofRuns, flags.json === true);
  }
  const message = 'stopping the runs after their present updates, with checkpoints; once more stops at once';
  await untilStopped(terminal, message, async (signal) => {
    const run = async (planned: PlannedRuns, what: string): Promise<ReadonlyMap<string, RunFailure>> => {
      const expected = await forecast(terminal, planned, flags);
      terminal.tell(workLine(planned, what, expected));
      for (const note of expected.notes) terminal.tell(`note: ${note}`);
      const shown = showRuns(terminal, what, planned.runs.length);
      try {
        return await runStudy(planned, {
          ...places,
          jobs: expected.jobs,
          gpus: expected.gpus,
          signal,
          onEvent: shown.take,
        });
      } finally {
        shown.stop();
      }
    };
    const failed = new Map<string, RunFailure>();
    for (;;) {
      const { todo } = await planTrials(study, places.out, places.results);
      const runs = todo.runs.filter(({ name }) => !failed.has(name));
      if (runs.length === 0) break;
      for (const [name, failure] of await run({ ...todo, runs }, 'trials of learning rates')) failed.set(name, failure);
    }
    const { plan, trials } = await planAll(study, places);
    for (const line of planLines(plan)) terminal.tell(line);
    const todo = await todoOf(plan, places);
    const runs = todo.runs.filter(({ arm }) => !trials.waiting.includes(arm));
    if (runs.length > 0) {
      for (const [name, failure] of await run({ ...todo, runs }, 'runs')) failed.set(name, failure);
    }
    await showTable(terminal, plan, trials, places, flags);
  });
}

/**
 * Runs `iovqa study status`.
 * @param terminal - where it is shown
 * @param path - the study's file
 */
export async function studyStatusCommand(terminal: Terminal, path: string, flags: StudyStatusFlags): Promise<void> {
  const study = await readStudy(path);
  const places = placesOf(study, flags);
  const { plan, trials } = await planAll(study, places);
  await showTable(terminal, plan, trials, places, flags);
}

function placesOf(study: Study, flags: StudyStatusFlags): Places {
  return {
    out: flags.out ?? join('runs', study.name),
    results: flags.results ?? join(dirname(study.path), 'results', study.name),
  };
}

/** The plan, with the learning rates that are chosen so far. */
async function planAll(study: Study, { out, results }: Places): Promise<{ plan: StudyPlan; trials: Trials }> {
  const trials = await planTrials(study, out, results);
  return { plan: await planStudy(study, out, trials.chosen), trials };
}

/** The runs that have no result. */
async function todoOf(plan: StudyPlan, { results }: Places): Promise<PlannedRuns> {
  const found = await readResults(plan, results);
  return { ...plan, runs: plan.runs.filter(({ name }) => !found.has(name)) };
}

async function forecast(terminal: Terminal, planned: PlannedRuns, flags: StudyRunFlags): Promise<StudyForecast> {
  const bar = startProgress(terminal, 'arms to forecast', new Set(planned.runs.map(({ arm }) => arm)).size);
  return forecastStudy(planned, flags.jobs, (done) => bar.update(done)).finally(() => bar.stop());
}

function workLine({ runs }: PlannedRuns, what: string, { seconds, ownBytes, jobs }: StudyForecast): string {
  const memory = `${(ownBytes / 1e9).toFixed(1)} GB`;
  return `${runs.length} ${what}, ${jobs} at a time: about ${formatSeconds(seconds)} and ${memory}, decoding and scoring aside`;
}

function planLines({ study, runs, judged }: StudyPlan): string[] {
  const numTrainings = new Set(runs.filter(({ isTrained }) => isTrained).map(({ training }) => training)).size;
  const fewer = numTrainings < runs.length ? `, of ${numTrainings} trainings` : '';
  return [
    `${study.arms.length} arms × ${study.seeds.length} seeds = ${runs.length} runs${fewer}`,
    ...[...new Set(judged.values())].map(({ name, mos, groups }) => {
      const numGroups = groups === undefined ? mos.length : new Set(groups).size;
      const smallest = expectedDetectable({ numClips: mos.length, numGroups, numSeeds: study.seeds.length });
      const clips = `${mos.length} clips${numGroups < mos.length ? ` in ${numGroups} groups` : ''}`;
      return `${name}: ${clips} are reported; the smallest difference in SRCC or PLCC that is found in four of five cases is about ${smallest.toFixed(3)}, if the arms have about 0.7, 95 % of their errors in common, and seeds that differ by 0.01`;
    }),
  ];
}

function showPlan(
  terminal: Terminal,
  plan: StudyPlan,
  trials: Trials,
  ofTrials: StudyForecast,
  ofRuns: StudyForecast,
  json: boolean,
): void {
  const { study } = plan;
  const arms = study.arms.map(({ name, sets, isTrained, trainedAs, scoring }) => ({
    name,
    sets: [...sets, ...(isTrained ? [] : ['epochs=0'])],
    isTrained,
    scoring: [...scoring.sets, ...(scoring.report === null ? [] : [`report=${scoring.report}`])],
    trainedAs,
    learningRate: study.learningRates === null ? undefined : (trials.chosen.get(name) ?? null),
    seconds: ofRuns.arms.get(name)?.seconds ?? null,
    ownBytes: ofRuns.arms.get(name)?.ownBytes ?? null,
  }));
  if (json) {
    const { name, seeds, metric, readout } = study;
    const contrasts = study.contrasts.map((one) => ({ name: one.name, weights: Object.fromEntries(one.weights) }));
    const [numTrials, numRuns] = [ofTrials.numRuns, ofRuns.numRuns];
    const seconds = ofTrials.seconds + ofRuns.seconds;
    printJson(terminal, {
      study: name,
      arms,
      seeds,
      metric,
      readout,
      contrasts,
      numTrials,
      numRuns,
      seconds,
      jobs: ofRuns.jobs,
    });
    return;
  }
  const todo = { ...plan, runs: plan.runs.slice(0, ofRuns.numRuns) };
  printLines(terminal, [
    ...formatTable(
      ['arm', 'changes', 'each run', 'own memory'],
      arms.map(({ name, sets, isTrained, scoring, trainedAs, seconds, ownBytes }) => [
        name,
        [...sets, ...scoring.map((set) => `scoring.${set}`)].join(' ') || 'none',
        trainedAs !== name ? `that of ${trainedAs}` : timeOf(isTrained, seconds),
        ownBytes === null ? '' : `${(ownBytes / 1e9).toFixed(1)} GB`,
      ]),
    ),
    '',
    ...study.contrasts.map(({ name }) => `contrast: ${name}`),
    ...planLines(plan),
    ...(ofTrials.numRuns > 0 ? [workLine(trials.todo, 'trials of learning rates first', ofTrials)] : []),
    ofRuns.numRuns > 0 ? workLine(todo, 'runs to do', ofRuns) : 'nothing is left to do',
  ]);
}

/** How long a run takes that is still to be done. */
function timeOf(isTrained: boolean, seconds: number | null): string {
  if (!isTrained) return 'nothing to train';
  return seconds === null ? 'done' : formatSeconds(seconds);
}

/** A bar over runs, with what goes on behind it; notes and errors on lines of their own. */
function showRuns(
  terminal: Terminal,
  what: string,
  total: number,
): { take: (event: StudyEvent) => void; stop: () => void } {
  const bar = startProgress(terminal, what, total);
  const going = new Map<string, string>();
  const said = new Set<string>();
  let done = 0;
  const update = (): void => bar.update(done, [...going].map(([run, what]) => `${run}: ${what}`).join('; '));
  const tell = (text: string): void => {
    if (said.has(text)) return;
    said.add(text);
    terminal.tell(text);
  };
  return {
    take: (event) => {
      if (event.type === 'began') going.set(event.run, 'begins');
      else if (event.type === 'ended') {
        going.delete(event.run);
        done++;
        if (event.failure !== null) tell(`${event.run}: ${event.failure.message}`);
      } else if (event.told.type === 'note') tell(`note: ${event.told.text}`);
      else going.set(event.run, `${event.told.what} ${event.told.done}/${event.told.total}`);
      update();
    },
    stop: () => bar.stop(),
  };
}

async function showTable(
  terminal: Terminal,
  plan: StudyPlan,
  trials: Trials,
  { results }: Places,
  flags: StudyStatusFlags,
): Promise<void> {
  const failed = new Map([...(await readFailures(trials.todo, results)), ...(await readFailures(plan, results))]);
  const table = tabulate(
    plan,
    await readResults(plan, results),
    failed,
    plan.study.learningRates === null ? undefined : trials,
  );
  if (failed.size > 0) terminal.exitStatus = 1;
  const fewest = Math.min(...table.clips.map(({ numGroups }) => numGroups));
  const notes = [...table.notes, ...(table.isApproximate ? [approximate(fewest)] : [])];
  if (flags.json === true) return printJson(terminal, { ...table, notes });
  const tables = showStudyTable(table);
  for (const note of notes) terminal.tell(`note: ${note}`);
  for (const [run, { message, hint }] of failed)
    terminal.tell(`${run}: ${message}${hint === undefined ? '' : ` ${hint}`}`);
  const lines = tables.flatMap(({ header, rows }) => [
    ...(flags.markdown === true ? formatMarkdown(header, rows) : formatTable(header, rows)),
    '',
  ]);
  const clips = table.clips.map(({ name, n, numGroups }) => {
    const of = table.clips.length === 1 ? '' : `${name}: `;
    return `${of}n = ${n}${numGroups === n ? '' : ` in ${numGroups} groups`}`;
  });
  printLines(terminal, [...lines, ...clips]);
}
