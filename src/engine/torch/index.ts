/**
 * The engine on PyTorch: worker processes that compute and decide nothing.
 * @module engine/torch
 */
export { openTorchEngine } from './engine.ts';
export { forecastDevices } from './forecast.ts';
export type { TorchPart, TorchSetup } from './setup.ts';
export { inspectTorch, settledPrecision } from './setup.ts';
export type { JoinOptions } from './join.ts';
export { joinMachines } from './join.ts';
export type { Machines, MachinesOptions } from './machines.ts';
export { openMachines } from './machines.ts';
