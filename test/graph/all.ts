// All of the layer, also what no other layer uses.
export * from '../../src/graph/cost.ts';
export * from '../../src/graph/dims.ts';
export * from '../../src/graph/gradients.ts';
export * from '../../src/graph/memory.ts';
export * from '../../src/graph/onnx.ts';
export * from '../../src/graph/ops.ts';
export * from '../../src/graph/session.ts';
export * from '../../src/graph/speed.ts';
export * from '../../src/graph/value.ts';
