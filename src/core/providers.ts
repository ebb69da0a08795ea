/** Execution providers of ONNX Runtime that graphs can be run on. */
export const providers = ['cpu', 'cuda', 'webgpu', 'coreml', 'dml'] as const;
/** One of {@link providers}. */
export type Provider = (typeof providers)[number];
