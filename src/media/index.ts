/**
 * What a media file is, before any decoder touches it: its format by its content, the one table of formats and of their names'
 * endings, what a folder holds, and the one list of what a careful user should know of pixels.
 * @module media
 */
export type { ColourCoding } from './coding.ts';
export { hdrTransfers, widePrimariesOfPictures } from './coding.ts';
export type { FolderListing, FoundFile } from './folder.ts';
export { describeSkipped, listFolder } from './folder.ts';
export { expectedMedia, formats } from './formats.ts';
export type { ColourProfile } from './icc.ts';
export { readProfile, srgbEncode } from './icc.ts';
export type { FilePlace, MediaFile } from './media-file.ts';
export { checkFile, inspectFile, kindOfFile, placeOf, readingOf, unreadable } from './media-file.ts';
export type { MediaNote } from './notes.ts';
export { NoteCounter, noteOf } from './notes.ts';
