/**
 * Qwen2.5-VL: its sizes, weights and graphs.
 * @module model
 */
export * from './adapter-config.ts';
export * from './adapter.ts';
export * from './cache/index.ts';
export * from './card.ts';
export * from './checkpoint-config.ts';
export * from './checkpoint.ts';
export * from './embedded.ts';
export * from './hub/index.ts';
export * from './init.ts';
export * from './lora.ts';
export * from './lower-layers.ts';
export * from './merge.ts';
export * from './model-graph.ts';
export * from './model-shape.ts';
export * from './model-sizes.ts';
export * from './non-finite.ts';
export * from './problems.ts';
export * from './qwen2-5-vl/config.ts';
export * from './qwen2-5-vl/feeds.ts';
export * from './qwen2-5-vl/layers.ts';
export * from './qwen2-5-vl/text.ts';
export * from './qwen2-5-vl/vision.ts';
export * from './shared-text.ts';
export * from './vision-encoder.ts';
export * from './weights.ts';
export * from './write-checkpoint.ts';
