/**
 * Tensor graphs: values with shapes and dtypes, ops, reverse-mode gradients, the ONNX writer, sessions.
 * @module graph
 */
export type { GraphCost } from './cost.ts';
export { graphCost } from './cost.ts';
export type { Dim } from './dims.ts';
export { dimProduct, dimSum } from './dims.ts';
export { gradients } from './gradients.ts';
export { ARENA, forecastMemory } from './memory.ts';
export {
  add,
  bitXor,
  cast,
  checkpointBoundary,
  concat,
  constant,
  controlDependency,
  div,
  erf,
  expand,
  external,
  gather,
  gelu,
  hardSigmoid,
  input,
  logSoftmax,
  matmul,
  mul,
  neg,
  reshape,
  rmsNorm,
  scalar,
  scatterAdd,
  shiftRight,
  silu,
  slice,
  softmax,
  sqrt,
  sub,
  sum,
  transpose,
  where,
} from './ops.ts';
export type { RunOptions, Session, TensorData } from './session.ts';
export { compile } from './session.ts';
export type { MachineSpeed } from './speed.ts';
export { measureSpeed, runSeconds } from './speed.ts';
export type { ExternalSource, Value } from './value.ts';
