// A few clips of a run, for the sizes that forecasts are made of.
import { UserError } from '../core/index.ts';
import type { ClipSize, EngineWork, ForecastSample } from '../engine/index.ts';
import type { PreparedExample, PreparedVision } from '../inputs/index.ts';
import {
  answerTrie,
  buildExample,
  buildScoringExample,
  createClipViewer,
  frameOptions,
  loadPromptProcessor,
  positionsOf,
  promptAbout,
  promptRows,
  trimToTargets,
} from '../inputs/index.ts';
import type { ModelShape } from '../model/index.ts';
import type { ObjectiveContext } from '../objectives/index.ts';
import { objectives } from '../objectives/index.ts';
import type { EncodedPrompt } from '../prompt/index.ts';
import { openFrameReader } from '../video/index.ts';
import type { RunData } from './data.ts';
import { furtherProcessors, wantedOf } from './examples.ts';
import type { Recipe } from './recipe/index.ts';
import { scorerSettings } from './scorer-settings.ts';
import { VALIDATION_BATCH } from './validate.ts';

/** Clips that are opened. */
const SAMPLES = 6;

/** What a few clips of a run are like. */
export interface Samples {
  /** The clips; at least one. */
  clips: ForecastSample[];
  /** What the objective works with. */
  context: ObjectiveContext;
  /** Means of a clip: its tokens, and scoring passes. */
  tokens: number;
  passes: number;
}

/** Rows of a run as a forecast needs them. */
export type SampledData = Pick<RunData, 'dataset' | 'train' | 'validation'>;

/**
 * Reads a few clips.
 * @param recipe - the run
 * @param model - its sizes
 * @param data - its rows
 * @throws UserError `unreadable-media` for a clip that cannot be opened, where none may be bad or none can be opened
 */
export async function readSamples(
  recipe: Recipe,
  model: Omit<ModelShape, 'notes'>,
  data: SampledData,
): Promise<Samples> {
  const settings = scorerSettings(recipe, data);
  const processor = await loadPromptProcessor(model, settings, recipe.prompt);
  const context: ObjectiveContext = {
    processor,
    positions: positionsOf(model, settings.positions),
    trie: answerTrie(model, processor),
    softLabelStd: recipe.softLabelStd,
  };
  const further = await furtherProcessors(recipe, model, settings, processor);
  const objective = objectives[recipe.loss];
  const stride = Math.max(1, Math.floor(data.train.length / SAMPLES));
  const rows = data.train.filter((_, i) => i % stride === 0).slice(0, SAMPLES);
  await using reader = openFrameReader({ workers: recipe.runtime.workers });
  const viewer = createClipViewer({ frames: frameOptions(model, settings.frames), reader, features: null });
  const clips: ForecastSample[] = [];
  let [tokens, passes] = [0, 0];
  let bad: UserError | undefined;
  for (const row of rows) {
    let viewed: Awaited<ReturnType<typeof viewer.view>>;
    try {
      viewed = await viewer.view(row);
    } catch (error) {
      // A run may leave some out; which, it says when it reads them.
      if (!(error instanceof UserError) || recipe.data.maxBadFraction === 0) throw error;
      bad = error;
      continue;
    }
    const prompt = promptAbout(viewed, model, processor, row.prompt);
    const { vision } = viewed;
    const others = further.map((one) => promptAbout(viewed, model, one, row.prompt));
    const train = { ...wantedOf(row, { prompt, further: others }, objective, context), vision, dropoutKey: 0 };
    clips.push({ train, score: scored(prompt, vision, context) });
    const { tokenizer, endTokenId, codec } = processor;
    const answered = { positions: context.positions, prompt, answer: codec.encode(row.mos5), tokenizer, endTokenId };
    tokens += trimToTargets(buildExample({ ...answered, targets: objective.targets })).tokenIds.length;
    // Generated answers take a pass for each token and for the end.
    passes += context.trie === null ? buildExample({ ...answered, targets: 'response' }).targets.length : 1;
  }
  if (clips.length === 0) throw bad!;
  return { clips, context, tokens: tokens / clips.length, passes: passes / clips.length };
}

/** A clip as it is scored. */
function scored(
  prompt: EncodedPrompt,
  vision: PreparedVision,
  { trie, positions }: ObjectiveContext,
): ForecastSample['score'] {
  if (trie === null) return { rows: promptRows(prompt, positions), vision, wanted: { kind: 'text' }, dropoutKey: 0 };
  const { nodeRows, columns, answers, ...rows } = buildScoringExample(prompt, trie, positions);
  return {
    rows,
    vision,
    wanted: { kind: 'answers', tree: { nodeRows, columns, answers }, target: null },
    dropoutKey: 0,
  };
}

/**
 * What an engine of a run is used for.
 * @param recipe - the run
 * @param samples - clips of it
 * @param data - its rows
 */
export function workOf(recipe: Recipe, { clips }: Samples, { train, validation }: SampledData): EngineWork {
  return {
    lora: recipe.method === 'full' ? null : recipe.lora,
    training: {
      microBatch: Math.min(recipe.microBatch, recipe.batchSize, train.length),
      gradientCheckpointing: recipe.train.gradientCheckpointing,
      clip: largest(clips.map((clip) => clip.train)),
    },
    scoring: {
      together: Math.max(1, Math.min(VALIDATION_BATCH, validation.length)),
      clip: largest(clips.map((clip) => clip.score)),
    },
  };
}

/** The sizes of some clips, each the largest. */
function largest(examples: readonly PreparedExample[]): ClipSize {
  const sizes = examples.map(({ rows, wanted }) => ({
    tokens: rows.tokenIds.length,
    visionTokens: rows.visionSlots.reduce((total, slot) => total + Number(slot >= 0), 0),
    rows:
      wanted.kind === 'tokens' ? wanted.targets.length : wanted.kind === 'answers' ? wanted.tree.nodeRows.length : 1,
  }));
  const most = (of: (size: ClipSize) => number): number => Math.max(...sizes.map(of));
  return {
    tokens: most(({ tokens }) => tokens),
    visionTokens: most((one) => one.visionTokens),
    rows: most(({ rows }) => rows),
  };
}
