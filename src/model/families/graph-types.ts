// A family's model as graphs, and what is fed to them.
//
// Symbols in the shapes of every family's graphs: B clips, T tokens of the longest clip, P tokens before them that all clips share, Q
// wanted rows of each clip, M rows of vision features of all clips. Other symbols are a family's own; `memory.visionSizes` gives them.
import type { TensorData, Value } from '../../graph/index.ts';
import type { LoraOptions } from '../lora-options.ts';
import type { StoredTensor } from '../weights.ts';
import type { TextConfig, TokenRows, VisionConfig, VisionPatches } from './sizes.ts';

/** A model that graphs are made of. */
export interface GraphModel<T extends TextConfig = TextConfig, V extends VisionConfig = VisionConfig> {
  /** Sizes of the text model. */
  text: T;
  /** Sizes of the vision tower. */
  vision: V;
  /** Finds a weight of the checkpoint by canonical name; throws for an unknown one. */
  stored: (name: string) => StoredTensor;
}

/** An adapter in a graph. */
export interface GraphAdapter {
  /** Its sizes and places. */
  lora: LoraOptions;
  /** Whether its inputs are dropped at its rate: true in training. */
  dropout: boolean;
}

/** Which graph of the whole model: the cases that there are. */
export type WholeGraph =
  | {
      /** Every weight is fed at every run, so that it can be trained; the graph begins at the pixels. */
      weights: 'fed';
      /** There is none: all of the model trains. */
      adapter?: never;
      /** The pixels. */
      start?: never;
      /** No text is computed apart: what it becomes changes with the weights. */
      past?: never;
    }
  | {
      /** The model's own weights are mapped from the checkpoint. */
      weights: 'frozen';
      /** The adapter on top, whose factors are fed; null for none. */
      adapter: GraphAdapter | null;
      /**
       * `features`: tokens and vision features are inputs. A number above 0: the decoder layer that the graph begins at, with what the
       * frozen prefix gives for it as input; not above the first layer of the adapter.
       */
      start: 'features' | number;
      /** Whether P tokens that all clips share are fed as keys and values, as `keysValues` gives them. */
      past: boolean;
    };

/** The whole model as a graph. */
export interface ModelGraph {
  /** float32 [B·Q, V]: logits of the wanted rows. */
  logits: Value;
  /** What is fed besides a batch, by name: the adapter's factors, or all weights of a model that is not frozen. */
  parameters: ReadonlyMap<string, Value>;
}

/** The model as graphs. Their inputs are named as {@link FamilyFeeds} names what is fed; with dropout also `dropoutKeys`, uint32 [B·T, 1]. */
export interface FamilyGraphs<T extends TextConfig, V extends VisionConfig> {
  /**
   * From a batch to logits.
   * @param model - sizes and weights
   * @param which - what is frozen, where it begins
   */
  whole(model: GraphModel<T, V>, which: WholeGraph): ModelGraph;
  /**
   * The frozen tower.
   * @param model - sizes and weights
   * @returns float32: features of all images and videos. Outside, they are numbers without a shape
   */
  vision(model: Omit<GraphModel<T, V>, 'text'>): Value;
  /**
   * The frozen layers below an adapter, from tokens and features on.
   * @param model - sizes and weights
   * @param count - decoder layers, from the first
   * @returns float32 [B·T, width]: what a graph that begins at layer `count` takes
   */
  prefix(model: Omit<GraphModel<T, V>, 'vision'>, count: number): Value;
  /**
   * Keys and values of text.
   * @param model - sizes and weights
   * @param lora - the adapter, whose factors are fed; null for none
   * @returns what a graph with `past` takes, by the names of its inputs
   */
  keysValues(model: Omit<GraphModel<T, V>, 'vision'>, lora: LoraOptions | null): Record<string, Value>;
}

/** Feeds by the names of inputs. */
export type Feeds = Record<string, TensorData>;

/** A clip's rows and those whose logits are wanted. */
export interface TextItem {
  /** The rows. */
  example: TokenRows;
  /** Wanted rows of it, Q of them; as many in every item of a batch. */
  rows: ArrayLike<number>;
}

/** What is fed to the graphs. A graph may declare fewer inputs than there are feeds: only those are to be fed to its session. */
export interface FamilyFeeds<T extends TextConfig, V extends VisionConfig> {
  /**
   * For the rows of a batch. Features of the clips stand one after the other in the order of the items.
   * @param items - B clips
   * @param text - sizes of the text model
   * @param past - P, rows before those of the items, which all of them see
   */
  text(items: readonly TextItem[], text: T, past: number): Feeds;
  /**
   * For the pixels of a batch: `vision`'s inputs, and those of `whole` with weights that are fed.
   * @param visions - the images and videos of all clips, one after the other
   * @param vision - sizes of the tower
   */
  patches(visions: readonly VisionPatches[], vision: V): Feeds;
  /**
   * For features that are known.
   * @param clips - what `vision` gave for each clip
   * @param text - sizes of the text model
   */
  features(clips: readonly Float32Array[], text: T): Feeds;
  /**
   * For a graph that begins above the first layer.
   * @param clips - what `prefix` gave for each clip alone
   * @param length - T, rows of the batch
   * @param text - sizes of the text model
   */
  hidden(clips: readonly Float32Array[], length: number, text: T): Feeds;
  /**
   * For a graph with `past`, where no text is shared.
   * @param text - sizes of the text model
   */
  noPast(text: T): Feeds;
}
