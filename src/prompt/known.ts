// Patterns and chat templates of published models that are known to be sound, so that loading them costs no process of its own.
import { createHash } from 'node:crypto';

/** Patterns that split text into words, by tokenizer. */
const patterns: ReadonlySet<string> = new Set([
  // Qwen2, Qwen2.5, Qwen2.5-VL, Qwen3 and the model that ships
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  // GPT-2
  String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
  // Llama 3
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
]);

/** SHA-256 of chat templates. */
const templates: ReadonlySet<string> = new Set([
  'a0bc6f6fc7a29a80017a433e8f03a1cc1236e838a944a2d034295a60c4f2fddb', // Qwen2.5-VL, and the model that ships
]);

/**
 * Whether a pattern is known to split any text in time that grows with its length alone.
 * @param pattern - of a tokenizer's `Split`
 */
export const isKnownPattern = (pattern: string): boolean => patterns.has(pattern);

/**
 * Whether a chat template is known to end.
 * @param source - Jinja
 */
export const isKnownTemplate = (source: string): boolean => templates.has(sha256(source));

/**
 * SHA-256 of a text.
 * @param text - any text
 * @returns 64 hexadecimal digits
 */
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
