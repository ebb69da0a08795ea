/**
 * The engine on ONNX Runtime: graphs from the model's family, compiled and run.
 * @module engine/onnx
 */
export type { AdamWState } from './adamw.ts';
export { adamWUpdate, gradientNorm, initAdamW } from './adamw.ts';
export { collate } from './collate.ts';
export { openOnnxEngine } from './engine.ts';
export { forecastRun } from './forecast.ts';
export { pickFeeds } from './model.ts';
export type { StepGraph, StepResult, TrainStep } from './step.ts';
export { compileStep, compileStepGraph } from './step.ts';
export { compileTower } from './tower.ts';
