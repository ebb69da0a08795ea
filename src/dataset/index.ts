/**
 * Tables of clips and opinion scores: manifests (CSV and its kin, JSON lines) read and checked row by row, presets of public data sets,
 * MOS scales, and splits in which no group of related clips is torn apart.
 * @module dataset
 */
export { isTableName, requireTableName } from './dialect.ts';
export { canonicalPath } from './find-media.ts';
export type { Dataset, Manifest, ManifestOptions } from './manifest.ts';
export { columnValue, loadManifest, readManifest } from './manifest.ts';
export { parseDecimal } from './number.ts';
export type { TableOptions } from './options.ts';
export { mergeTableOptions, parseDelimiter } from './options.ts';
export type { ColumnMap, ColumnRole } from './presets.ts';
export { columnRoles, findPreset, presetNames, presetOfColumns } from './presets.ts';
export type { Problem, ProblemKind } from './problem.ts';
export { formatProblem, problemsError } from './problem.ts';
export type { StreamedRow } from './read-rows.ts';
export { streamRows } from './row-stream.ts';
export type { ClipRow } from './row.ts';
export type { MosScale } from './scale.ts';
export { commonScales, fromMos5, parseScale, scaleName, stdFromMos5, stdToMos5, toMos5 } from './scale.ts';
export { readSidecar, sidecarNote, sidecarPath, storeTableOptions, writeSidecar } from './sidecar.ts';
export type { Grouped, Prompted, Split } from './split.ts';
export { groupedBy, groupingOf, kFold, leakingGroups, rowsOfSplit, splitByGroup } from './split.ts';
export type { OpenTable } from './table-file.ts';
export { openTable, readTableFile } from './table-file.ts';
export type { Table, TableRecord } from './table.ts';
export { formatCsv, formatCsvLine } from './table.ts';
export type { VoteTableOptions } from './vote-columns.ts';
export { readVoteTable } from './vote-table.ts';
