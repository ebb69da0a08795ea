/**
 * Tensor graphs: values with shapes and dtypes, ops, reverse-mode gradients, the ONNX writer, sessions.
 * @module graph
 */
export * from './cost.ts';
export * from './dims.ts';
export * from './value.ts';
export * from './ops.ts';
export * from './gradients.ts';
export * from './memory.ts';
export * from './onnx.ts';
export * from './session.ts';
export * from './speed.ts';
