// What the quick start found, as a page.
import { commandLine } from '../core/index.ts';
import type { Interval, Stat } from '../metrics/index.ts';
import type { QuickstartResult, QuickstartScores } from '../quickstart/index.ts';
import type { Html, ReportCell } from './html.ts';
import { commands, page, paragraph, table, text } from './html.ts';
import { scatter } from './scatter.ts';

/** The three commands with which a user goes on, with data of their own. */
export function nextCommands(): string[] {
  return [
    commandLine('data check clips.csv'),
    commandLine('train --manifest clips.csv --model models/nano --out runs/first'),
    commandLine('score new-clips/ --with runs/first --out scores.jsonl'),
  ];
}

/** What must be said wherever the quick start's numbers stand. */
export const quickstartCaution: string =
  'The labels come from a metric (GMSD) that compares each clip with its undistorted original, not from people. These numbers show ' +
  'that training and scoring work. They do not show how well a model agrees with people.';

/**
 * The rows of the quick start's table.
 * @param result - what it found
 * @returns name, SRCC, its interval, PLCC, RMSE
 */
export function quickstartRows(result: QuickstartResult): string[][] {
  const { before, members, ensemble } = result;
  const row = ({ name, evaluation }: QuickstartScores): string[] => {
    const { srcc, plcc, rmse, intervals } = evaluation;
    return [name, number(srcc), range(intervals?.srcc ?? null), number(plcc), number(rmse)];
  };
  return [before, ...members, ensemble].map(row);
}

/** Names of the columns of {@link quickstartRows}. */
export const quickstartColumns: readonly string[] = ['model', 'SRCC', '95 % interval', 'PLCC', 'RMSE'];

/**
 * The gain of the ensemble over the base model, in a sentence.
 * @param result - what the quick start found
 */
export function gainSentence({ gain }: QuickstartResult): string {
  const sure = gain.interval !== null && gain.interval.low > 0;
  return (
    `Gain in SRCC over the base model: ${number(gain.difference)}. Its 95 % interval is ${range(gain.interval)} ` +
    `(paired, by a jackknife over photographs), which ${sure ? 'excludes' : 'includes'} zero.`
  );
}

const number = (stat: Stat): string => (stat.defined ? stat.value.toFixed(3) : '–');
const range = (interval: Interval | null): string =>
  interval === null ? '–' : `${interval.low.toFixed(3)} … ${interval.high.toFixed(3)}`;

/**
 * The page.
 * @param result - what the quick start found
 */
export function quickstartReport(result: QuickstartResult): Html {
  const { clips, before, ensemble, notes, seconds } = result;
  const held = clips.filter(({ split }) => split === 'test');
  const numTrain = clips.length - held.length;
  const photographs = new Set(clips.map(({ group }) => group)).size;
  const figure = ({ name, scores }: QuickstartScores): Html =>
    scatter(
      name,
      held.map(({ id, mos }, i) => ({ name: id, x: mos, y: scores[i]! })),
      [1, 5],
      { x: 'label', y: 'score' },
    );
  const rows = quickstartRows(result).map((row, i, all): ReportCell[] =>
    i < all.length - 1 ? row : row.map((value) => ({ html: `<b>${text(value)}</b>` })),
  );
  const kinds = [...new Set(held.map(({ kind }) => kind))].sort().map((kind): ReportCell[] => {
    const own = held.flatMap((clip, i) => (clip.kind === kind ? [i] : []));
    const mean = (of: (i: number) => number): string =>
      (own.reduce((sum, i) => sum + of(i), 0) / own.length).toFixed(2);
    return [
      kind,
      own.length,
      mean((i) => held[i]!.mos),
      mean((i) => ensemble.scores[i]!),
      mean((i) => Math.abs(ensemble.scores[i]! - held[i]!.mos)),
    ];
  });
  const total = Object.values(seconds).reduce((sum, value) => sum + value, 0);
  return page('iovqa quick start', quickstartCaution, [
    {
      title: `Agreement with the labels of ${held.length} clips that no adapter has seen`,
      body: [table([...quickstartColumns], rows), paragraph(gainSentence(result))],
    },
    {
      title: 'Before and after',
      body: [`<div class="row">${figure(before)}${figure(ensemble)}</div>`],
    },
    { title: 'By distortion', body: [table(['distortion', 'clips', 'label', 'score', 'mean error'], kinds)] },
    {
      title: 'Notes on the clips',
      body: notes.length === 0 ? [paragraph('None: every clip was read as it is shown.')] : notes.map(paragraph),
    },
    {
      title: 'What was done',
      body: [
        paragraph(
          `${clips.length} clips were made from ${photographs} photographs under a moving camera. Each is undistorted or has one distortion of known ` +
            `strength. ${numTrain} clips were used for training; ${held.length} clips of other photographs were held out. ` +
            'The label of a clip is 5 − 4·√(GMSD / 0.3), at least 1. Five LoRA adapters were trained by the paper’s recipe at a learning rate of 2e-3 ' +
            '(ranks 32 and 128, one and two frames) and combined with the paper’s weights. The 95 % intervals come from a jackknife over ' +
            'the few photographs that were held out, so they are approximate.',
        ),
        table(
          ['part', 'seconds'],
          [...Object.entries(seconds).map(([part, value]) => [part, value.toFixed(1)]), ['all', total.toFixed(1)]],
        ),
      ],
    },
    { title: 'Your own data', body: [commands(nextCommands())] },
  ]);
}
