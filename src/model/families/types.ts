// What a model family gives: everything that is its own, so that no other folder knows its names, layout or feeds.
import type { LoraTarget } from '../lora-options.ts';
import type { FamilyFeeds, FamilyGraphs } from './graph-types.ts';
import type {
  ModelConfig,
  PositionRule,
  ProcessorConfig,
  TextConfig,
  VisionConfig,
  VisionInput,
  VisionPatches,
  VisionSpan,
  VisionTokens,
} from './sizes.ts';

export type {
  FamilyFeeds,
  FamilyGraphs,
  Feeds,
  GraphAdapter,
  GraphModel,
  ModelGraph,
  TextItem,
  WholeGraph,
} from './graph-types.ts';

/**
 * A model family. Sizes that its functions take are those that its own `parseConfig` or `random` made; `T` and `V` are its own types
 * of them, which nothing outside its folder looks into.
 */
export interface ModelFamily<T extends TextConfig = TextConfig, V extends VisionConfig = VisionConfig> {
  /** Its name for people, such as in "Models of these families are supported". */
  readonly name: string;
  /** `model_type` in config.json. */
  readonly modelType: string;
  /** The token that ends a turn, as its tokenizer writes it. */
  readonly endOfTurn: string;
  /**
   * Checks a parsed config.json whose `model_type` is the family's.
   * @param json - its content, an object
   * @param where - its name in messages
   * @throws UserError `bad-checkpoint` with every problem; `not-supported` when all of it is legal but not computed here
   */
  parseConfig(json: unknown, where: string): ModelConfig<T, V>;
  /**
   * Reads how pictures become patches.
   * @param folder - the checkpoint
   * @param vision - sizes of its tower, which the settings must fit
   * @throws UserError as `parseConfig`
   */
  readProcessor(folder: string, vision: V): Promise<ProcessorConfig>;
  /** The weights by name. */
  readonly weights: FamilyWeights<T, V>;
  /** From a question's tokens to rows. */
  readonly prompt: FamilyPrompt<V>;
  /** The model as graphs. */
  readonly graphs: FamilyGraphs<T, V>;
  /** What is fed to the graphs. */
  readonly feeds: FamilyFeeds<T, V>;
  /** Where LoRA goes, and what PEFT calls it. */
  readonly lora: FamilyLora;
  /** What a forecast of memory and time must know. */
  readonly memory: FamilyMemory<T, V>;
  /** Models that can be made with random weights; null where there are none. */
  readonly random: FamilyRandom<T, V> | null;
}

/** Families by their `model_type`. */
export type FamilyTable = Readonly<Record<string, ModelFamily>>;

/** Where in a model a weight is. */
export type WeightPlace =
  | {
      /** The tower with all that comes before the text model; the embedding of tokens; behind the last layer: norm and head. */
      part: 'vision' | 'embedding' | 'head';
    }
  | {
      /** A decoder layer. */
      part: 'layer';
      /** Which, from 0. */
      layer: number;
    };

/** A weight that a file may hold although it is another one. */
export interface TiedWeight {
  /** Canonical name of the copy, which is not one of the model's weights. */
  copy: string;
  /** Canonical name of the weight that it must be equal to. */
  of: string;
}

/** Names and shapes of weights. Canonical names are the family's own; those of linear layers end with `.weight` and `.bias`. */
export interface FamilyWeights<T extends TextConfig, V extends VisionConfig> {
  /**
   * Names and shapes of all weights of a model.
   * @param text - sizes of the text model
   * @param vision - sizes of the tower
   * @returns shapes by canonical name, in a fixed order; linear layers are [out, in]
   */
  shapes(text: T, vision: V): Map<string, number[]>;
  /**
   * The canonical name of a tensor in a file, of whatever version of the layout.
   * @param fileName - the tensor's name in the file
   * @returns null for none of a model's
   */
  canonicalName(fileName: string): string | null;
  /**
   * The name of a weight in files that are written.
   * @param name - canonical name
   */
  fileName(name: string): string;
  /**
   * Where a weight is.
   * @param name - canonical name
   */
  placeOf(name: string): WeightPlace;
  /**
   * Copies of weights that files may hold.
   * @param text - sizes of the text model
   */
  tied(text: T): readonly TiedWeight[];
}

/** What a prompt's tokens become. */
export interface ExpandedTokens {
  /** Token ids, each pad repeated once for every merged patch. */
  tokenIds: number[];
  /** The images and videos among them, in order. */
  visions: VisionSpan[];
}

/** What {@link FamilyPrompt.positions} needs. */
export interface PositionsInput {
  /** Number of tokens, T. */
  length: number;
  /** The images and videos among them, in order. */
  visions: readonly VisionSpan[];
  /** Which rule. */
  rule: PositionRule;
}

/** From a question's tokens to rows. */
export interface FamilyPrompt<V extends VisionConfig> {
  /** Rules of positions that the family knows; the first one where nothing is said. */
  readonly positionRules: readonly PositionRule[];
  /**
   * Expands the pads of a tokenized chat.
   * @param ids - tokens, with one pad for each image or video
   * @param visions - the images and videos, in order
   * @param model - ids of the pads, and how patches are merged
   * @throws UserError `bad-checkpoint` when the pads are not those of `visions`: the chat template's mistake
   */
  expandPads(
    ids: readonly number[],
    visions: readonly VisionInput[],
    model: { tokens: VisionTokens; vision: V },
  ): ExpandedTokens;
  /**
   * Positions of tokens.
   * @param input - tokens and where images and videos lie among them
   * @param vision - sizes of the tower
   * @returns Int32Array [3, T], row-major: time, height, width; the same three for text
   */
  positions(input: PositionsInput, vision: V): Int32Array;
}

/** A linear layer of the text model that LoRA can be put on. */
export interface LoraPlace {
  /** The decoder layer, from 0. */
  layer: number;
  /** Which of its linear layers. */
  target: LoraTarget;
}

/** Where LoRA goes, and what PEFT calls it. */
export interface FamilyLora {
  /** Linear layers of each decoder layer that LoRA can be put on, in the order of an adapter's tensors. */
  readonly targets: readonly LoraTarget[];
  /**
   * The canonical name of a linear layer, without `.weight`.
   * @param place - which
   */
  moduleOf(place: LoraPlace): string;
  /**
   * The inverse of `moduleOf`.
   * @param module - canonical name of any module, without `.weight`
   * @returns null where LoRA cannot be put
   */
  placeOf(module: string): LoraPlace | null;
  /** Linear layers that have no weight of their own in a model whose head is tied, which PEFT sees nevertheless; canonical names. */
  readonly tiedModules: readonly string[];
  /** What a module is called in each version of transformers, today's first, by its canonical name. */
  readonly namings: readonly ((module: string) => string)[];
  /**
   * The name of a factor in a file of PEFT.
   * @param name - canonical name, `MODULE.lora_A.weight` or `MODULE.lora_B.weight`
   */
  fileName(name: string): string;
  /**
   * The inverse of `fileName`, for every version of the layout.
   * @param fileName - the tensor's name in the file
   * @returns null for other names
   */
  canonicalName(fileName: string): string | null;
  /**
   * The `target_modules` of PEFT's config: a pattern of the text model's layers alone.
   * @param targets - which linear layers
   * @param layers - in which decoder layers; null for all
   */
  targetModules(targets: readonly LoraTarget[], layers: readonly number[] | null): string;
  /** Advice for an adapter that is on other modules too. */
  readonly targetHint: string;
}

/** Clips as a rough bound of memory sees them. */
export interface RoughBatch {
  /** Clips of the batch. */
  clips: number;
  /** Tokens of the longest. */
  rows: number;
  /** Tokens before them that all clips share; default 0. */
  past?: number;
  /** Layers whose values are held at a time: 1 without a backward pass. */
  layers?: number;
}

/** What the layers of a text model or tower keep for a backward pass, in numbers for each token or patch. */
export interface KeptValues {
  /** How many layers there are. */
  layers: number;
  /** Width of what goes from layer to layer. */
  width: number;
  /** Numbers of a layer that are float32 in any precision. */
  float32: number;
  /** Numbers of a layer in the type of its products, but for the inputs of LoRA. */
  computed: number;
}

/** What a forecast of memory and time must know. */
export interface FamilyMemory<T extends TextConfig, V extends VisionConfig> {
  /**
   * Memory that the decoder layers take at most, roughly, in bytes: what is surely enough needs no exact forecast.
   * @param text - sizes of the text model
   * @param batch - what is computed at a time
   */
  roughBytes(text: T, batch: RoughBatch): number;
  /**
   * Whether a pass reads all of a mapped weight, and not some rows of it alone.
   * @param name - canonical name
   * @param text - sizes of the text model
   */
  readsWhole(name: string, text: T): boolean;
  /**
   * Sizes of the tower's graph, M among them.
   * @param visions - the images and videos of a clip
   * @param vision - sizes of the tower
   * @param clips - how many clips of that size the graph computes at a time
   * @returns sizes by symbol
   */
  visionSizes(visions: readonly Pick<VisionPatches, 'grid'>[], vision: V, clips: number): Map<string, number>;
  /**
   * What PyTorch keeps of a token in a decoder layer, with fused attention.
   * @param text - sizes of the text model
   * @param trains - whether its own weights train
   */
  keptOfText(text: T, trains: boolean): KeptValues;
  /**
   * What PyTorch keeps of a patch in a layer of the tower.
   * @param vision - sizes of the tower
   * @param trains - whether its weights train
   */
  keptOfTower(vision: V, trains: boolean): KeptValues;
}

/** Models with random weights. */
export interface FamilyRandom<T extends TextConfig, V extends VisionConfig> {
  /** What each size is for, by its name. Names differ between families. */
  readonly sizes: Readonly<Record<string, string>>;
  /**
   * The size that a name stands for.
   * @param name - of a size, or of a published model of the hub, with or without `@REVISION`
   * @returns name of a size; null for other names
   */
  sizeNamed(name: string): string | null;
  /**
   * A size as config.json would give it.
   * @param size - its name
   * @param vocabSize - tokens of the tokenizer, where the size leaves that open
   */
  config(size: string, vocabSize: number): Pick<ModelConfig<T, V>, 'text' | 'vision'>;
  /**
   * A model folder without weights: config, tokenizer, chat template, picture settings.
   * @param size - name of the size
   * @param dtype - element type of the weights, as transformers calls it
   * @param corpus - text that the tokenizer's merges are learned from, besides the built-in questions
   */
  folder(size: string, dtype: string, corpus: string | undefined): RandomFolder<T, V>;
}

/** A model folder without weights. */
export interface RandomFolder<T extends TextConfig, V extends VisionConfig> extends Pick<
  ModelConfig<T, V>,
  'text' | 'vision'
> {
  /** Content of files by name, in the order in which they are written. */
  files: ReadonlyMap<string, string>;
}
