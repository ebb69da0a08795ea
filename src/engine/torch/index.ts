/**
 * The engine on PyTorch: worker processes that compute and decide nothing.
 * @module engine/torch
 */
export { openTorchEngine } from './engine.ts';
export { forecastDevices } from './forecast.ts';
export type { TorchPart, TorchSetup } from './setup.ts';
export { inspectTorch, settledPrecision } from './setup.ts';
