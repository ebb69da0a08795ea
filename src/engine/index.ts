/**
 * Who computes: the interface that training and scoring know, and what opens an engine.
 * @module engine
 */
import type { ForecastOptions, RunForecast } from './forecast.ts';
import type { DeviceForecast, DeviceForecastOptions } from './torch/forecast.ts';
import type { JoinOptions, Machines, MachinesOptions, TorchSetup } from './torch/index.ts';
import type { OpenEngine, Precision, RuntimeOptions } from './types.ts';

export type { Provider } from '../core/index.ts';
export { providers } from '../core/index.ts';
export type { MachineSpeed } from '../graph/index.ts';
export { DEFAULT_BATCH } from './default-batch.ts';
export { isWorkerLog } from './worker-log.ts';
export type { Machines } from './torch/index.ts';
export type { AnswerDistribution } from './distribution.ts';
export type { ForecastSample, WorkCost } from './forecast.ts';
export type { MemoryLimits } from './memory-limit.ts';
export type { DeviceForecast } from './torch/forecast.ts';
export type { DeviceMemory } from './torch/memory.ts';
export type { TorchSetup } from './torch/index.ts';
export type {
  AdamWOptions,
  AnswerTreeSizes,
  AttachedModel,
  AttachOptions,
  ClipSize,
  Engine,
  EngineName,
  EngineOptions,
  EngineWork,
  ExampleSize,
  GenerateLimits,
  InputWait,
  OpenEngine,
  Precision,
  PredictOptions,
  RuntimeOptions,
  StatePart,
  StateTensor,
  TrainingOptions,
  TrainingWork,
  UpdateResult,
} from './types.ts';

/** Opens a base model with the engine that `options.runtime.engine` names; by default that of the project, on ONNX Runtime. */
export const openEngine: OpenEngine = async (checkpoint, options) =>
  options?.runtime?.engine === 'torch'
    ? (await import('./torch/index.ts')).openTorchEngine(checkpoint, options)
    : (await import('./onnx/index.ts')).openOnnxEngine(checkpoint, options);

/**
 * Looks for what the engine on PyTorch needs.
 * @param python - path or command of the Python; default: as {@link openEngine} finds it
 */
export const inspectTorch = async (python?: string): Promise<TorchSetup> =>
  (await import('./torch/index.ts')).inspectTorch(python);

/**
 * The element type that an engine computes in with these settings; `auto` depends on the devices.
 * @throws UserError `not-supported` where the devices must be known and the Python does not run
 */
export const settledPrecision = async (runtime: RuntimeOptions): Promise<Precision> =>
  runtime.engine === 'torch' ? (await import('./torch/index.ts')).settledPrecision(runtime) : 'float32';

/**
 * Forecasts what a run costs with that engine. Measures the machine for a second or two.
 * @param options - model, adapter, a few examples
 */
export const forecastRun = async (options: ForecastOptions): Promise<RunForecast> =>
  (await import('./onnx/index.ts')).forecastRun(options);

/**
 * Forecasts what each device of the PyTorch engine holds. Needs neither devices nor Python.
 * @param options - sizes of the model, work, devices
 */
export const forecastDevices = async (options: DeviceForecastOptions): Promise<DeviceForecast[]> =>
  (await import('./torch/index.ts')).forecastDevices(options);

/**
 * Opens several machines for the torch engine, on the first of them.
 * @param options - address, how many
 * @returns what `RuntimeOptions.machines` takes
 */
export const openMachines = async (options: MachinesOptions): Promise<Machines> =>
  (await import('./torch/index.ts')).openMachines(options);

/**
 * Computes for other machines' runs, until the first machine says that there is nothing more to do.
 * @param options - address of the first machine
 * @returns the error that it has ended with; null for none
 */
export const joinMachines = async (options: JoinOptions): Promise<string | null> =>
  (await import('./torch/index.ts')).joinMachines(options);
