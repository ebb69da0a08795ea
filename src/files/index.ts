/**
 * Files: safetensors, writes that are whole or an error, atomic writes, locks, pointers, JSON lines, YAML, hashes.
 * @module files
 */
export * from './atomic.ts';
export * from './codes.ts';
export * from './faults.ts';
export * from './folder.ts';
export * from './half.ts';
export * from './hash.ts';
export * from './json.ts';
export * from './json-lines.ts';
export * from './leftovers.ts';
export * from './lock.ts';
export * from './output.ts';
export * from './pointer.ts';
export * from './process.ts';
export * from './safetensors.ts';
export * from './safetensors-header.ts';
export * from './yaml.ts';
