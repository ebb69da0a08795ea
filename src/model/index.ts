/**
 * Model folders and adapters, and the families of models: sizes, weights, graphs and feeds of each.
 * @module model
 */
export * from './adapter-config.ts';
export * from './adapter.ts';
export * from './cache/index.ts';
export * from './card.ts';
export * from './checkpoint.ts';
export * from './embedded.ts';
export * from './families/index.ts';
export * from './families/shared/layers.ts';
export type * from './families/types.ts';
export type {
  ModelConfig,
  PatchGrid,
  PositionRule,
  ProcessorConfig,
  TokenRows,
  VisionInput,
  VisionPatches,
  VisionSpan,
  VisionTokens,
} from './families/sizes.ts';
export * from './frozen-prefix.ts';
export * from './hub/index.ts';
export * from './init.ts';
export * from './lora.ts';
export * from './merge.ts';
export * from './model-config.ts';
export * from './model-shape.ts';
export * from './non-finite.ts';
export * from './old-names.ts';
export * from './problems.ts';
export * from './shared-text.ts';
export * from './vision-encoder.ts';
export * from './weights.ts';
export * from './write-checkpoint.ts';
