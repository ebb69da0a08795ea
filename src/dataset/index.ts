/**
 * Tables of clips and opinion scores: manifests (CSV and its kin, JSON lines) read and checked row by row, presets of public data sets,
 * MOS scales, and splits in which no group of related clips is torn apart.
 * @module dataset
 */
export { isTableName, requireTableName, tableEndings } from './dialect.ts';
export { canonicalPath, mediaFinder } from './find-media.ts';
export type { Dataset, Manifest, ManifestOptions } from './manifest.ts';
export { columnValue, loadManifest, readManifest, requireNoProblems } from './manifest.ts';
export type { TableOptions } from './options.ts';
export { mergeTableOptions, parseDelimiter } from './options.ts';
export type { ColumnMap, ColumnRole, Preset } from './presets.ts';
export { columnRoles, findPreset, presetNames, presetOfColumns } from './presets.ts';
export type { Problem, ProblemKind } from './problem.ts';
export { causeOf, formatProblem, listProblems, problemsError } from './problem.ts';
export type { StreamedRow } from './read-rows.ts';
export type { StreamOptions } from './row-stream.ts';
export { streamRows } from './row-stream.ts';
export type { ClipRow } from './row.ts';
export { parseDecimal } from './number.ts';
export type { MosScale } from './scale.ts';
export { commonScales, fromUnit5, parseScale, scaleName, stdFromUnit5, stdToUnit5, toUnit5 } from './scale.ts';
export type { Sidecar } from './sidecar.ts';
export { readSidecar, sidecarNote, sidecarPath, storeTableOptions, writeSidecar } from './sidecar.ts';
export type { Grouped, Grouping, Leak, Split } from './split.ts';
export { groupedBy, groupingOf, kFold, leakingGroups, rowsOfSplit, splitByGroup } from './split.ts';
export type { Table, TableFormat, TableRecord } from './table.ts';
export { formatCsv, formatCsvLine, readTable } from './table.ts';
export type { OpenTable } from './table-file.ts';
export { openTable, readTableFile } from './table-file.ts';
export type { OtherColumn, VoteColumns } from './vote-columns.ts';
export type { VoteTable, VoteTableOptions } from './vote-table.ts';
export { readVoteTable } from './vote-table.ts';
