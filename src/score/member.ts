// A model that scores, alone or with others: opened, asked as its card says, and checked by its golden scores.
import { oneLine } from '../core/index.ts';
import { sha256File } from '../files/index.ts';
import type { Checkpoint } from '../model/index.ts';
import { adapterTensorsFile } from '../model/index.ts';
import { askAbout, askAboutClip, smallestPicture } from './ask.ts';
import { commonBeginnings } from './beginning.ts';
import { settingsOf } from './card.ts';
import type { EncodedClip } from './clip-encoder.ts';
import { encoderOf } from './clip-encoder.ts';
import type { ClipLimits } from './clip-limits.ts';
import type { Clip, ClipViewer, ViewedClip } from './clip-viewer.ts';
import { checkGoldenScores, goldenScores } from './golden.ts';
import { openModel } from './open-model.ts';
import type { GroupReader } from './read-group.ts';
import { createGroupReader } from './read-group.ts';
import type { ScorerSettings } from './settings.ts';
import { loadQuestioner, withDecoder } from './settings.ts';
import type { ScoresModel } from './scores-file/index.ts';
import { describeModel } from './scores-file/index.ts';
import type { SharedParts } from './shared-parts.ts';
import type { DecoderName } from '../video/index.ts';

/** Which model, and how it is asked. */
export interface MemberOptions extends Pick<ClipLimits, 'maxTextTokens'> {
  /** The base model's folder, where an adapter does not find it at the place that it names. */
  model?: string;
  /** What to ask a model that has no card (one that was not trained for this); each part has its default. */
  settings?: Partial<ScorerSettings>;
  /** What decodes videos; default: as the card says. */
  decoder?: DecoderName;
}

/** A model that scores. */
export interface Member {
  /** Its folder: a run's best checkpoint. */
  folder: string;
  /** Whether it has a card, which says how it is asked. */
  hasCard: boolean;
  /** What its card says it was trained on, and how far to trust it; null where it says nothing. */
  about: string | null;
  /** How it is asked. */
  settings: ScorerSettings;
  /** SHA-256 that changes with what it computes: of the adapter's tensors, or of the model as `Checkpoint.hash` gives it. */
  hash: () => Promise<string>;
  /** What the description of a file of scores says of it. */
  describe: () => Promise<Omit<ScoresModel, 'path' | 'weight'>>;
  /** Looks at clips; shared with all that look alike. */
  viewer: ClipViewer;
  /** Reads scores of clips. */
  reader: GroupReader;
  /**
   * Asks about a clip.
   * @param viewed - what its viewer saw
   * @param clip - the clip
   * @throws UserError `bad-input` when the template needs a text prompt and the clip has none, and for a text of too many tokens
   */
  ask: (viewed: ViewedClip, clip: Clip) => AskedClip;
  /**
   * Refuses a text prompt that is too long for any clip.
   * @throws UserError `bad-input`
   */
  checkPrompt: (prompt: string) => void;
}

/** A clip as a member is asked about it. */
export interface AskedClip extends EncodedClip {
  /** What all questions about such clips begin with. */
  beginning: Int32Array;
}

/**
 * Opens a member.
 * @param source - the folder of a run (its best checkpoint), an adapter or a model; or a name on the hub
 * @param options - base model, question
 * @param parts - what it shares with others
 * @throws UserError `bad-checkpoint` when it is none of these, does not fit its base model, or scores its golden pictures otherwise
 */
export async function openMember(source: string, options: MemberOptions, parts: SharedParts): Promise<Member> {
  const { folder, checkpoint, adapter, card } = await openModel(source, options.model, parts.checkpoint);
  const asked = {
    ...defaultSettings(checkpoint),
    ...options.settings,
    ...(card === null ? {} : settingsOf(card, folder)),
  };
  const settings = { ...asked, frames: withDecoder(asked.frames, options.decoder) };
  const questioner = await loadQuestioner(checkpoint, settings, options);
  const viewer = parts.viewer(checkpoint, settings.frames);
  const readout = parts.readout(checkpoint, adapter?.lora ?? null, questioner, settings);
  const parameters = adapter?.tensors ?? new Map<string, Float32Array>();
  if (card !== null && card.goldenScores.length > 0) {
    const patch = checkpoint.vision.patchSize * checkpoint.vision.spatialMergeSize;
    const encoder = encoderOf(viewer, checkpoint, questioner);
    const computed = await goldenScores(encoder, readout, parameters, patch);
    checkGoldenScores(folder, card.goldenScores, computed, settings.scale.max - settings.scale.min);
  }
  const beginningOf = commonBeginnings((viewed, prompt) => askAbout(viewed, checkpoint, questioner, prompt));
  return {
    folder,
    hasCard: card !== null,
    about: card?.about ?? null,
    settings,
    hash: () => (adapter === null ? checkpoint.hash() : sha256File(adapterTensorsFile(folder))),
    describe: () => describeModel({ folder, checkpoint, lora: adapter?.lora ?? null, questioner, settings }),
    viewer,
    reader: createGroupReader(readout, parameters),
    checkPrompt: (prompt) => {
      askAbout(smallestPicture(checkpoint), checkpoint, questioner, prompt);
    },
    ask: (viewed, clip) => {
      const { plan, vision, cached } = viewed;
      const prompt = askAboutClip(viewed, checkpoint, questioner, clip);
      return { prompt, beginning: beginningOf(viewed), plan, vision, cached };
    },
  };
}

/**
 * What a user should know of a member.
 * @param member - the member
 */
export function notesOn({ folder, hasCard, about }: Member): string[] {
  if (about !== null) return [oneLine(about)];
  return hasCard ? [] : [`${folder} has no card: it is asked as it is, and was never trained for it`];
}

/** How a model is asked that was never trained for it. */
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
    positions: 'transformers',
    scale: { min: 1, max: 5, higherIsBetter: true },
  };
}
