/**
 * The question put to the model and the answers it may give: templates, the model's chat template and tokenizer, answer codecs
 * (MOS to text and back), and the trie of legal answers over tokens.
 * @module prompt
 */
export * from './answer.ts';
export * from './chat.ts';
export * from './encode-prompt.ts';
export * from './templates.ts';
export * from './tokenizer.ts';
export * from './trie.ts';
