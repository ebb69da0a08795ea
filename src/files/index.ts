/**
 * Files: safetensors, atomic writes, pointers, JSON lines, hashes.
 * @module files
 */
export * from './atomic.ts';
export * from './half.ts';
export * from './hash.ts';
export * from './json.ts';
export * from './json-lines.ts';
export * from './pointer.ts';
export * from './safetensors.ts';
export * from './safetensors-header.ts';
