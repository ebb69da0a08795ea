// A model that scores, alone or with others: opened, prompted as its card says, and checked by its golden scores.
import type { UserError } from '../core/index.ts';
import { oneLine } from '../core/index.ts';
import { sha256File } from '../files/index.ts';
import type { Clip, ClipViewer, PreparedClip, ScorerSettings, TextLimits, ViewedClip } from '../inputs/index.ts';
import {
  answerTrie,
  commonPrefixes,
  createClipPreparer,
  loadPromptProcessor,
  promptAbout,
  promptAboutClip,
  smallestPicture,
  withDecoder,
} from '../inputs/index.ts';
import type { Checkpoint } from '../model/index.ts';
import { adapterTensorsFile } from '../model/index.ts';
import type { DecoderName } from '../video/index.ts';
import { settingsOf } from './card.ts';
import { createClipPredictor } from './clip-predictor.ts';
import { checkGoldenScores, goldenScores } from './golden.ts';
import { openModel } from './open-model.ts';
import type { FreeAnswer, Prediction } from './prediction.ts';
import type { ScoresModel } from './scores-file/index.ts';
import { describeModel } from './scores-file/index.ts';
import type { SharedParts } from './shared-parts.ts';

/** Row after which what prompts begin with is computed apart: it takes a session of its own, which a short list would wait for. */
const SHARE_AFTER = 8;
const NO_PREFIX = new Int32Array();

/** Which model, and how it is prompted. */
export interface PredictorOptions extends TextLimits {
  /** The base model's folder, where an adapter does not find it at the place that it names. */
  model?: string;
  /** How a model is prompted that has no card (one that was not trained for this); each part has its default. */
  settings?: Partial<ScorerSettings>;
  /** What is asked otherwise than the card or `settings` say: frames, prompt, scale. Answers are those that the model was trained for. */
  override?: Partial<Pick<ScorerSettings, 'frames' | 'prompt' | 'scale'>>;
  /** What decodes videos; default: as the card says. */
  decoder?: DecoderName;
}

/** A model that scores. */
export interface Predictor {
  /** Its folder: a run's best checkpoint. */
  folder: string;
  /** Whether it has a card, which says how it is prompted. */
  hasCard: boolean;
  /** What its card says it was trained on, and how far to trust it; null where it says nothing. */
  about: string | null;
  /** How it is prompted. */
  settings: ScorerSettings;
  /** SHA-256 that changes with what it computes: of the adapter's tensors, or of the model as `Checkpoint.hash` gives it. */
  hash: () => Promise<string>;
  /** What the description of a file of scores says of it. */
  describe: () => Promise<Omit<ScoresModel, 'path' | 'weight'>>;
  /** Looks at clips; shared with all that look alike. */
  viewer: ClipViewer;
  /**
   * Makes the prompt about a clip.
   * @param viewed - what its viewer saw
   * @param clip - the clip
   * @throws UserError `bad-input` when the template needs a text prompt and the clip has none, and for a text of too many tokens
   */
  prompt: (viewed: ViewedClip, clip: Clip) => PromptedClip;
  /** Most calls of `predict` that may be open at a time; as `AttachedModel.predictsAhead`. */
  readonly predictsAhead: number;
  /**
   * Predicts clips. What a clip gets does not depend on the others, but for the rounding of float32; and that is the same whenever the
   * group holds the same rows.
   * @param clips - any number, with their rows in the list, from 1
   * @param batchSize - most clips of a batch
   * @returns for each clip a prediction, or why there is none
   */
  predict: (
    clips: readonly (PromptedClip & { row: number })[],
    batchSize: number,
  ) => Promise<(Prediction | UserError)[]>;
  /**
   * Lets the model answer by itself at temperature 0.
   * @param clips - any number
   * @returns for each clip what it says, or why there is nothing
   */
  generate: (clips: readonly PromptedClip[]) => Promise<(FreeAnswer | UserError)[]>;
  /**
   * Refuses a text prompt that is too long for any clip.
   * @throws UserError `bad-input`
   */
  checkPrompt: (prompt: string) => void;
}

/** A clip as a predictor takes it. */
export interface PromptedClip extends Omit<PreparedClip, 'further'> {
  /** What all prompts about such clips begin with. */
  prefix: Int32Array;
}

/**
 * Opens a predictor.
 * @param source - the folder of a run (its best checkpoint), an adapter or a model; or a name on the hub
 * @param options - base model, prompt
 * @param parts - what it shares with others
 * @throws UserError `bad-checkpoint` when it is none of these, does not fit its base model, or scores its golden pictures otherwise
 */
export async function openPredictor(source: string, options: PredictorOptions, parts: SharedParts): Promise<Predictor> {
  const { folder, checkpoint, adapter, card } = await openModel(source, options.model, parts.checkpoint);
  const asked = {
    ...defaultSettings(checkpoint),
    ...options.settings,
    ...(card === null ? {} : settingsOf(card, folder)),
  };
  const own = { ...asked, frames: withDecoder(asked.frames, options.decoder) };
  const ownProcessor = await loadPromptProcessor(checkpoint, own, options);
  const settings = { ...own, ...options.override };
  const processor =
    options.override?.prompt === undefined ? ownProcessor : await loadPromptProcessor(checkpoint, settings, options);
  const trie = answerTrie(checkpoint, processor);
  const viewer = await parts.viewer(checkpoint, settings.frames);
  const lora = adapter?.lora ?? null;
  const engine = await parts.engine(checkpoint);
  const model = await engine.attach({
    lora,
    parameters: adapter?.tensors ?? null,
    training: null,
    answers: trie === null ? null : { numNodes: trie.nodes.length, numColumns: trie.columns.length },
  });
  const clips = createClipPredictor({ model, checkpoint, processor, trie, settings });
  if (card !== null && card.goldenScores.length > 0) {
    // As the card says, whatever is asked otherwise.
    const isOwn = options.override === undefined;
    const patch = checkpoint.vision.patchSize * checkpoint.vision.spatialMergeSize;
    const preparer = createClipPreparer(await parts.viewer(checkpoint, own.frames), checkpoint, ownProcessor);
    const ownClips = { model, checkpoint, processor: ownProcessor, trie, settings: own };
    const computed = await goldenScores(preparer, isOwn ? clips : createClipPredictor(ownClips), patch);
    checkGoldenScores(folder, card, computed, engine.precision);
  }
  const prefixOf = commonPrefixes((seen, text) => promptAbout(seen, checkpoint, processor, text));
  return {
    folder,
    hasCard: card !== null,
    about: card?.about ?? null,
    settings,
    hash: () => (adapter === null ? checkpoint.hash() : sha256File(adapterTensorsFile(folder))),
    describe: () => describeModel({ folder, checkpoint, lora, engine: engine.name, processor, settings }),
    viewer,
    checkPrompt: (prompt) => {
      promptAbout(smallestPicture(checkpoint), checkpoint, processor, prompt);
    },
    prompt: (viewed, clip) => {
      const { plan, vision, cached } = viewed;
      const prompt = promptAboutClip(viewed, checkpoint, processor, clip);
      return { prompt, prefix: prefixOf(viewed), plan, vision, cached };
    },
    predictsAhead: clips.predictsAhead,
    predict: (some, batchSize) => {
      const prefixes = some.map(({ row, prefix }) => (row > SHARE_AFTER ? prefix : NO_PREFIX));
      return clips.predict(some, { batchSize, prefixes });
    },
    generate: clips.generate,
  };
}

/** What a user should know of a predictor. */
export function notesOn({ folder, hasCard, about }: Pick<Predictor, 'folder' | 'hasCard' | 'about'>): string[] {
  if (about !== null) return [oneLine(about)];
  return hasCard ? [] : [`${folder} has no card: it is asked as it is, and was never trained for it`];
}

/** How a model is prompted that was never trained for it. */
function defaultSettings(checkpoint: Checkpoint): ScorerSettings {
  const { minPixels, maxPixels } = checkpoint.processor;
  return {
    frames: {
      pick: 'middle',
      count: 1,
      as: 'video',
      minPixels,
      maxPixels: Math.max(minPixels, Math.min(maxPixels, 448 * 448)),
      seed: 0,
    },
    prompt: { template: 'four-dimensions', source: null },
    answer: { kind: 'integer', step: null },
    positions: checkpoint.family.prompt.positionRules[0]!,
    scale: { min: 1, max: 5, higherIsBetter: true },
  };
}
