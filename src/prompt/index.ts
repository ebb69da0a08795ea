/**
 * The question put to the model and the answers it may give: templates, the model's chat template and tokenizer, answer codecs
 * (MOS to text and back), and the trie of legal answers over tokens.
 * @module prompt
 */
export type { AnswerCodec, AnswerKind, AnswerOptions, AnswerSentence, AnswerStep } from './answer.ts';
export { createAnswerCodec } from './answer.ts';
export type { ChatTemplate } from './chat.ts';
export { loadChatTemplate } from './chat.ts';
export type { EncodedPrompt, VisionSpan } from './encode-prompt.ts';
export { beforeSentence, encodePrompt } from './encode-prompt.ts';
export type { PromptTemplate, VisionKind } from './templates.ts';
export { builtInTemplate, parseTemplate, resolveTemplate } from './templates.ts';
export type { TextTokenizer } from './tokenizer.ts';
export { loadTokenizer } from './tokenizer.ts';
export type { AnswerTrie, TrieAnswer } from './trie.ts';
export { buildAnswerTrie, tokenizeAnswer } from './trie.ts';
