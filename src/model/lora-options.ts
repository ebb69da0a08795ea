// Sizes and places of a LoRA adapter, as recipes and adapters say them.

/** Linear layers of a decoder layer that LoRA can be put on. */
export const loraTargets = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] as const;
/** One of {@link loraTargets}. */
export type LoraTarget = (typeof loraTargets)[number];

/** Sizes and placement of a LoRA adapter. */
export interface LoraOptions {
  /** Rank R of the update. */
  rank: number;
  /** The update is scaled with alpha / R, or alpha / √R with `rslora`. */
  alpha: number;
  /** Probability that an input of the update is dropped in training, 0 ≤ p < 1. */
  dropout: number;
  /** Scale with alpha / √R (Kalajdzievski 2023). */
  rslora: boolean;
  /** Linear layers that get an update. */
  targets: readonly LoraTarget[];
  /** Decoder layers whose linear layers get an update: `all` (the default), or `last N`. */
  layers?: string;
}
