/**
 * What a media file is, before any decoder touches it: its format by its content, the one table of formats and of their names'
 * endings, what a folder holds, and the one list of what a careful user should know of pixels.
 * @module media
 */
export type { ColourCoding } from './coding.ts';
export { hdrTransfers, widePrimariesOfPictures } from './coding.ts';
export type { FolderListing, FoundFile } from './folder.ts';
export { describeSkipped, listFolder } from './folder.ts';
export type { FormatName, MediaFormat, Reading } from './formats.ts';
export { expectedMedia, formats, formatsTable, mediaEndings } from './formats.ts';
export type { ColourProfile, Curve, Matrix } from './icc.ts';
export { readProfile, srgbEncode } from './icc.ts';
export type { FilePlace, MediaFile } from './media-file.ts';
export { checkFile, inspectFile, kindOfFile, placeOf, readingOf, unreadable } from './media-file.ts';
export type { MediaNote, NoteKind, NoteKindInfo } from './notes.ts';
export { countNotes, kindOfNote, NoteCounter, noteKinds, noteKindsTable, noteOf } from './notes.ts';
export { sniff } from './sniff.ts';
