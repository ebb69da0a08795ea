/**
 * From a clip to a prepared example: frames, vision features and their cache, prompt, tokens, positions, target rows and the tree of
 * legal answers. What engines take, whatever computes it.
 * @module inputs
 */
export { buildScoringExample } from './answer-tree.ts';
export type { Clip, ClipData } from './clip.ts';
export { createClipCache } from './clip-cache.ts';
export { withClipFile } from './clip-data.ts';
export type { ClipPreparer, PreparedClip, PreparedClipPicture } from './clip-preparer.ts';
export { createClipPreparer } from './clip-preparer.ts';
export type { PromptProcessor } from './clip-prompt.ts';
export { promptAbout, promptAboutClip, smallestPicture, withClipName } from './clip-prompt.ts';
export type { ClipViewer, ViewedClip, VisionEncoder } from './clip-viewer.ts';
export { createClipViewer } from './clip-viewer.ts';
export { commonPrefixes } from './common-prefix.ts';
export { decoderVersions } from './decoders.ts';
export { joinQuestions, sharedRows } from './join-questions.ts';
export type { MaskEntry } from './mask.ts';
export { assertMask, formatMaskReport, maskReport, summarizeMask } from './mask.ts';
export type {
  AnswerTarget,
  AnswerTree,
  PreparedExample,
  PreparedPicture,
  PreparedVision,
  Wanted,
} from './prepared-example.ts';
export { readPreparedExample, writePreparedExample } from './prepared-example-file.ts';
export type { PromptedModel } from './prompt-processor.ts';
export { answerTrie, loadPromptProcessor } from './prompt-processor.ts';
export type { AnswerSettings, FrameSettings, PromptSettings, ScorerSettings } from './settings.ts';
export { frameOptions, positionsOf, withDecoder } from './settings.ts';
export type { TextLimits } from './text-limit.ts';
export { MAX_TEXT_TOKENS } from './text-limit.ts';
export type { Positions, Target, TargetRule, TokenRows } from './token-rows.ts';
export { buildExample, continueRows, promptRows, rowsAfter, trimToTargets } from './token-rows.ts';
