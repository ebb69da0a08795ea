/**
 * Files: safetensors, writes that are whole or an error, atomic writes, locks, pointers, JSON lines, YAML, hashes.
 * @module files
 */
export { removeFolderAtomic, writeFileAtomic, writeFolderAtomic } from './atomic.ts';
export { isCode } from './codes.ts';
export { asWriteError, environmentFault } from './faults.ts';
export { makeFolder, realPlace } from './folder.ts';
export type { FloatDtype } from './half.ts';
export { narrow, widen } from './half.ts';
export { sha256File } from './hash.ts';
export type { JsonLinesWriter } from './json-lines.ts';
export { openJsonLines, readJsonLines, truncateJsonLines } from './json-lines.ts';
export { readJson, readText } from './json.ts';
export { isLeftover, makeTemporaryFolder, removeLeftovers, temporaryFor } from './leftovers.ts';
export type { Lock } from './lock.ts';
export { acquireLock, lockBeside } from './lock.ts';
export type { OutputFile } from './output.ts';
export { openOutput, writeNewFile } from './output.ts';
export { pointTo, readPointer } from './pointer.ts';
export { isRunning } from './process.ts';
export type { SafetensorsHeader } from './safetensors-header.ts';
export { readSafetensorsHeader } from './safetensors-header.ts';
export type { TensorToWrite, TypedTensor } from './safetensors.ts';
export { bytesOf, readTensor, readTypedTensor, writeSafetensors, writeTypedSafetensors } from './safetensors.ts';
export type { SettingsProblem, Tree } from './yaml.ts';
export { parseYaml, showValue, treeOf } from './yaml.ts';
