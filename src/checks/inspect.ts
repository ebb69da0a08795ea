// What the model gets, before any compute is spent: the tokens that train, the frames that it sees, the model itself.
import { join } from 'node:path';
import { UserError, nearest, show } from '../core/index.ts';
import { makeFolder } from '../files/index.ts';
import type { MaskEntry } from '../inputs/index.ts';
import {
  buildExample,
  frameOptions,
  loadPromptProcessor,
  maskReport,
  positionsOf,
  promptAbout,
} from '../inputs/index.ts';
import type { ProcessorConfig, TextConfig, VisionConfig } from '../model/index.ts';
import { openCheckpoint } from '../model/index.ts';
import { objectives } from '../objectives/index.ts';
import type { ResolvedRecipe, RatedRow } from '../train/index.ts';
import { inheritTableOptions, chooseRecipe, readRunRows, scorerSettings } from '../train/index.ts';
import type { FramePlan } from '../video/index.ts';
import { openFrameReader, writePng } from '../video/index.ts';

/** An example and what of it trains. */
export interface InspectedMask {
  /** The clip's name in the table. */
  clip: string;
  /** Its score, on the table's scale. */
  mos: number;
  /** The text that stands for the score. */
  answer: string;
  /** The tokens in order, with an entry for each placeholder of a frame. */
  tokens: MaskEntry[];
}

/** The frames of a clip, written. */
export interface InspectedFrames {
  /** The clip's name in the table. */
  clip: string;
  /** A PNG file for each frame. */
  files: string[];
  /** Which frames these are, and what to know of them. */
  plan: FramePlan;
}

/** A clip that cannot be read. */
export interface UninspectedFrames {
  /** The clip's name in the table. */
  clip: string;
  /** Why. */
  error: UserError;
}

/** What a model is made of. */
export interface InspectedModel {
  /** Its folder or name, as it was given. */
  folder: string;
  /** The hash over its weights and settings by which caches and cards know it. */
  hash: string;
  /** How many numbers it has. */
  parameters: {
    /** In the vision tower. */
    vision: number;
    /** In the text model. */
    text: number;
  };
  /** Element types of its tensors. */
  dtypes: string[];
  /** Settings of the text model. */
  text: TextConfig;
  /** Settings of the vision tower. */
  vision: VisionConfig;
  /** Settings of the image processor. */
  processor: ProcessorConfig;
}

/**
 * Builds the training example of a clip and says which of its tokens train.
 * @param resolved - the recipe; what depends on model or table is settled here
 * @param clip - the clip's name in the table; default: the first
 * @throws UserError `bad-input` for a clip that the table lacks; what reading of table, model and clip throws
 */
export async function inspectMask(resolved: ResolvedRecipe, clip?: string): Promise<InspectedMask> {
  const { recipe } = await chooseRecipe(await inheritTableOptions(resolved));
  const data = await readRunRows(recipe);
  const row = findRow(data.rows, clip);
  const checkpoint = await openCheckpoint(recipe.model);
  const settings = scorerSettings(recipe, data);
  const processor = await loadPromptProcessor(checkpoint, settings, recipe.prompt);
  const { tokenizer, codec, endTokenId } = processor;
  await using reader = openFrameReader({ workers: 1 });
  const { plan, visions } = await reader.read(row, frameOptions(checkpoint, settings.frames));
  const prompt = promptAbout({ as: plan.as, shapes: visions }, checkpoint, processor, row.prompt);
  const example = buildExample({
    positions: positionsOf(checkpoint, settings.positions),
    prompt,
    answer: codec.encode(row.mos5),
    tokenizer,
    endTokenId,
    targets: objectives[recipe.loss].targets,
  });
  const { before, after } = example.sentence ?? { before: '', after: '' };
  const answer = `${before}${example.answer}${after}`;
  return { clip: row.id, mos: row.mos, answer, tokens: maskReport(example, tokenizer) };
}

/** Which frames are written, and where. */
export interface InspectFramesOptions {
  /** Folder for the PNG files; made where there is none. */
  to: string;
  /** Names of clips in the table; default: all. */
  clips?: readonly string[];
}

/**
 * Writes the frames that the model sees as PNG files.
 * @param resolved - the recipe; what depends on model or table is settled here
 * @param options - which, and where
 * @returns a result for each clip, as soon as its files are there
 * @throws UserError `bad-input` for a clip that the table lacks; what reading of table and model throws
 */
export async function* inspectFrames(
  resolved: ResolvedRecipe,
  { to, clips }: InspectFramesOptions,
): AsyncGenerator<InspectedFrames | UninspectedFrames, void, undefined> {
  const { recipe } = await chooseRecipe(await inheritTableOptions(resolved));
  const data = await readRunRows(recipe);
  const rows = clips === undefined ? data.rows : clips.map((name) => findRow(data.rows, name));
  const checkpoint = await openCheckpoint(recipe.model);
  const options = frameOptions(checkpoint, scorerSettings(recipe, data).frames);
  await using reader = openFrameReader({ workers: recipe.runtime.workers });
  await makeFolder(to);
  const stems = new Set<string>();
  for (const row of rows) {
    let result: InspectedFrames | UninspectedFrames;
    try {
      const { plan, rgb } = await reader.read(row, options);
      const stem = freshStem(row.id, stems);
      const files = rgb.map((_, i) => join(to, `${stem}-${plan.frames[i]?.index ?? i}.png`));
      for (const [i, frame] of rgb.entries()) await writePng(files[i]!, frame);
      result = { clip: row.id, files, plan };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      result = { clip: row.id, error };
    }
    yield result;
  }
}

/**
 * Looks at a model.
 * @param folder - a model folder or a hub name
 * @throws UserError `bad-input` where there is none
 */
export async function inspectModel(folder: string): Promise<InspectedModel> {
  const checkpoint = await openCheckpoint(folder);
  const { family, text, vision, processor, names, stored } = checkpoint;
  const count = (filter: (name: string) => boolean): number =>
    names.filter(filter).reduce((total, name) => total + stored(name).shape.reduce((a, b) => a * b, 1), 0);
  const isOfTower = (name: string): boolean => family.weights.placeOf(name).part === 'vision';
  const parameters = {
    vision: count(isOfTower),
    text: count((name) => !isOfTower(name)),
  };
  const dtypes = [...new Set(names.map((name) => stored(name).dtype))];
  return { folder, hash: await checkpoint.hash(), parameters, dtypes, text, vision, processor };
}

function findRow(rows: readonly RatedRow[], name: string | undefined): RatedRow {
  if (name === undefined) return rows[0]!;
  const row = rows.find(({ id }) => id === name);
  if (row !== undefined) return row;
  const guess = nearest(
    name,
    rows.map(({ id }) => id),
  );
  const hint = guess === undefined ? {} : { hint: `did you mean ${show(guess)}?` };
  throw new UserError('bad-input', `--clip: expected a clip of the manifest, got ${show(name)}`, hint);
}

/** A clip's name as part of a file's name, another one for each clip. */
function freshStem(id: string, taken: Set<string>): string {
  const plain = id.replaceAll(/[^\w.-]/g, '_');
  let stem = plain;
  for (let i = 2; taken.has(stem); i++) stem = `${plain}-${i}`;
  taken.add(stem);
  return stem;
}
