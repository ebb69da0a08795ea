// `iovqa study`: a grid of runs, and the table of what differs. `run` does what is missing, `status` shows what is there.
import { dirname, join } from 'node:path';
import { show } from '../../core/index.ts';
import { expectedDetectable } from '../../metrics/index.ts';
import type { StudyEvent, StudyForecast, StudyPlan } from '../../study/index.ts';
import { forecastStudy, planStudy, readResults, readStudy, runStudy, tabulate } from '../../study/index.ts';
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
  const { plan, places } = await openStudy(path, flags);
  const before = await readResults(plan, places.results);
  const todo = plan.runs.filter(({ name }) => !before.has(name));
  const arms = startProgress(terminal, 'arms to forecast', plan.study.arms.length);
  const forecast = await forecastStudy(plan, todo, flags.jobs, (done) => arms.update(done)).finally(() => arms.stop());
  if (flags.dryRun === true) return showPlan(terminal, plan, todo.length, forecast, flags.json === true);
  for (const line of planLines(plan, todo.length, forecast)) terminal.tell(line);
  let failed = new Map<string, string>();
  const message = 'stopping the runs after their present updates, with checkpoints; once more stops at once';
  await untilStopped(terminal, message, async (signal) => {
    const shown = showRuns(terminal, plan.runs.length, before.size);
    try {
      failed = await runStudy(plan, { ...places, jobs: forecast.jobs, signal, onEvent: shown.take });
    } finally {
      shown.stop();
    }
    await showTable(terminal, plan, places, failed, flags);
  });
}

/**
 * Runs `iovqa study status`.
 * @param terminal - where it is shown
 * @param path - the study's file
 */
export async function studyStatusCommand(terminal: Terminal, path: string, flags: StudyStatusFlags): Promise<void> {
  const { plan, places } = await openStudy(path, flags);
  await showTable(terminal, plan, places, new Map(), flags);
}

async function openStudy(path: string, flags: StudyStatusFlags): Promise<{ plan: StudyPlan; places: Places }> {
  const study = await readStudy(path);
  const places = {
    out: flags.out ?? join('runs', study.name),
    results: flags.results ?? join(dirname(study.path), 'results', study.name),
  };
  return { plan: await planStudy(study, places.out), places };
}

function planLines(plan: StudyPlan, numTodo: number, { seconds, ownBytes, jobs }: StudyForecast): string[] {
  const { study, runs, mos } = plan;
  const numGroups = plan.groups === undefined ? mos.length : new Set(plan.groups).size;
  const smallest = expectedDetectable({ numClips: mos.length, numGroups, numSeeds: study.seeds.length });
  const work = `about ${formatSeconds(seconds)}, ${(ownBytes / 1e9).toFixed(1)} GB`;
  return [
    `${study.arms.length} arms × ${study.seeds.length} seeds = ${runs.length} runs, ${runs.length - numTodo} done before`,
    ...(numTodo === 0 ? [] : [`${numTodo} to do, ${jobs} at a time: ${work}, decoding and scoring aside`]),
    `${mos.length} clips${numGroups < mos.length ? ` in ${numGroups} groups` : ''} are reported; the smallest difference in SRCC or PLCC that is found in four of five cases is about ${smallest.toFixed(3)}, if the arms have about 0.7, 95 % of their errors in common, and seeds that differ by 0.01`,
  ];
}

function showPlan(terminal: Terminal, plan: StudyPlan, numTodo: number, forecast: StudyForecast, json: boolean): void {
  const arms = plan.study.arms.map(({ name, sets }) => ({
    name,
    sets,
    seconds: forecast.arms.get(name)?.seconds ?? null,
    ownBytes: forecast.arms.get(name)?.ownBytes ?? null,
  }));
  if (json) {
    const { name, seeds, metric, readout, contrasts } = plan.study;
    const planned = contrasts.map((one) => ({ name: one.name, weights: Object.fromEntries(one.weights) }));
    const { seconds, ownBytes, jobs } = forecast;
    printJson(terminal, {
      study: name,
      arms,
      seeds,
      metric,
      readout,
      contrasts: planned,
      numTodo,
      seconds,
      ownBytes,
      jobs,
    });
    return;
  }
  printLines(terminal, [
    ...formatTable(
      ['arm', 'changes', 'each run', 'own memory'],
      arms.map(({ name, sets, seconds, ownBytes }) => [
        name,
        sets.join(' ') || 'none',
        seconds === null ? 'done' : formatSeconds(seconds),
        ownBytes === null ? '' : `${(ownBytes / 1e9).toFixed(1)} GB`,
      ]),
    ),
    '',
    ...plan.study.contrasts.map(({ name }) => `contrast: ${name}`),
    ...planLines(plan, numTodo, forecast),
  ]);
}

/** A bar over all runs, with what goes on behind it; notes and errors on lines of their own. */
function showRuns(
  terminal: Terminal,
  total: number,
  before: number,
): { take: (event: StudyEvent) => void; stop: () => void } {
  const bar = startProgress(terminal, 'runs', total);
  const going = new Map<string, string>();
  const said = new Set<string>();
  let done = before;
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
        if (event.error !== null) tell(`${event.run}: ${event.error}`);
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
  { results }: Places,
  failed: ReadonlyMap<string, string>,
  flags: StudyStatusFlags,
): Promise<void> {
  const table = tabulate(plan, await readResults(plan, results), failed);
  if (failed.size > 0) terminal.exitStatus = 1;
  const notes = [...table.notes, ...(table.isApproximate ? [approximate(table.numGroups)] : [])];
  if (flags.json === true) return printJson(terminal, { ...table, notes });
  const tables = showStudyTable(table);
  for (const note of notes) terminal.tell(`note: ${note}`);
  for (const arm of table.arms) for (const [run, why] of arm.errors) terminal.tell(`${show(run)}: ${why}`);
  const lines = tables.flatMap(({ header, rows }) => [
    ...(flags.markdown === true ? formatMarkdown(header, rows) : formatTable(header, rows)),
    '',
  ]);
  printLines(terminal, [
    ...lines,
    `n = ${table.n}${table.numGroups === table.n ? '' : ` in ${table.numGroups} groups`}`,
  ]);
}
