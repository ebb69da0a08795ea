// The model's tokenizer: text to token ids and back, with text that must stay text kept apart from special tokens.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { invariant, show, UserError } from '../core/index.ts';

/** A stretch of text to tokenize. */
export interface TextSegment {
  /** The characters. */
  text: string;
  /** True for text from outside: what looks like a special token in it stays ordinary text. */
  literal: boolean;
}

/** Token ids of a list of segments. */
export interface EncodedText {
  /** Token ids. */
  ids: number[];
  /** The text behind the last special token; what is tokenized next may depend on it. */
  tail: string;
}

/** A tokenizer of a model folder. No start or end token is ever added by itself. */
export interface TextTokenizer {
  /**
   * @param text - any text
   * @param options - `special`: whether `<|im_end|>` and its like are those tokens (true) or text (false)
   * @returns token ids
   */
  encode(text: string, options: { special: boolean }): number[];
  /**
   * Tokenizes segments as one text: borders between segments are no borders between tokens, but special tokens are looked for
   * in segments that are not literal only.
   * @param segments - the text, in order
   * @returns token ids, and the text behind the last special token
   */
  encodeSegments(segments: readonly TextSegment[]): EncodedText;
  /**
   * @param ids - token ids; special ones are written out
   * @returns the text, with U+FFFD where the tokens cut a character
   * @throws UserError `bad-input` on an id that the vocabulary lacks
   */
  decode(ids: readonly number[]): string;
  /**
   * @param token - a token's text, such as `<|im_end|>`
   * @returns its id, or undefined when the vocabulary lacks it
   */
  tokenId(token: string): number | undefined;
}

/** What is used of the library's tokenizer; its own declarations do not resolve under `nodenext`. */
interface LibraryTokenizer {
  normalizer: { normalize(text: string): string } | null;
  pre_tokenizer: { pre_tokenize(text: string): string[] } | null;
  model: { encode(tokens: string[]): string[]; tokens_to_ids: Map<string, number> } | null;
  token_to_id(token: string): number | undefined;
  id_to_token(id: number): string | undefined;
  decode(ids: number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string;
}

interface AddedTokenEntry {
  id: number;
  content: string;
  single_word?: boolean;
  lstrip?: boolean;
  rstrip?: boolean;
}

/**
 * Loads the tokenizer of a model folder.
 * @param folder - a folder with `tokenizer.json`
 * @returns the tokenizer
 * @throws UserError `bad-checkpoint` when the file is missing or damaged, `not-supported` when it is no byte-level BPE
 */
export async function loadTokenizer(folder: string): Promise<TextTokenizer> {
  const path = join(folder, 'tokenizer.json');
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new UserError('bad-checkpoint', `${path}: expected the tokenizer's JSON, got ${reason(cause)}`, { cause });
  }
  return createTokenizer(json, path);
}

/**
 * Makes a tokenizer from the parsed `tokenizer.json`.
 * @param json - the parsed file: a byte-level BPE, as all Qwen models have it
 * @param where - its name in messages
 * @returns the tokenizer
 * @throws UserError `bad-checkpoint` or `not-supported` as {@link loadTokenizer}
 */
export function createTokenizer(json: unknown, where = 'tokenizer.json'): TextTokenizer {
  const added = checkedAddedTokens(json, where);
  let tokenizer: LibraryTokenizer;
  try {
    tokenizer = new Tokenizer(json, {}) as LibraryTokenizer;
  } catch (cause) {
    throw new UserError('bad-checkpoint', `${where}: expected a tokenizer, got ${reason(cause)}`, { cause });
  }
  const { normalizer, pre_tokenizer: preTokenizer, model } = tokenizer;
  if (model === null || preTokenizer === null) {
    throw new UserError('not-supported', `${where}: expected a model and a pre-tokenizer, got none`);
  }
  // Longest first: the tokenizer's own rule is leftmost-longest.
  const contents = added.map((token) => token.content).sort((a, b) => b.length - a.length);
  const pattern = new RegExp(contents.map(escapeRegExp).join('|') || '(?!)', 'gu');
  const specialIds = new Map(added.map((token) => [token.content, token.id]));
  const addedIds = new Set(specialIds.values());

  const encodeText = (text: string): number[] => {
    const normalized = normalizer === null ? text : normalizer.normalize(text);
    if (normalized === '') return [];
    const tokens = model.encode(preTokenizer.pre_tokenize(normalized));
    return tokens.map((token) => {
      const id = model.tokens_to_ids.get(token);
      invariant(id !== undefined && !addedIds.has(id), `ordinary text was tokenized to the special token ${token}`);
      return id;
    });
  };

  const encodeSegments = (segments: readonly TextSegment[]): EncodedText => {
    const ids: number[] = [];
    const append = (more: readonly number[]): void => more.forEach((id) => ids.push(id)); // a spread would overflow the stack
    let tail = '';
    for (const { text, literal } of segments) {
      let start = 0;
      for (const match of literal ? [] : text.matchAll(pattern)) {
        append(encodeText(tail + text.slice(start, match.index)));
        ids.push(specialIds.get(match[0])!);
        start = match.index + match[0].length;
        tail = '';
      }
      tail += text.slice(start);
    }
    append(encodeText(tail));
    return { ids, tail };
  };

  return {
    encode: (text, { special }) => encodeSegments([{ text, literal: !special }]).ids,
    encodeSegments,
    decode: (ids) => {
      if (ids.length === 0) return '';
      const unknown = ids.find((id) => tokenizer.id_to_token(id) === undefined);
      if (unknown !== undefined) {
        throw new UserError('bad-input', `${where}: expected token ids of its vocabulary, got ${unknown}`);
      }
      return tokenizer.decode([...ids], { skip_special_tokens: false, clean_up_tokenization_spaces: false });
    },
    tokenId: (token) => tokenizer.token_to_id(token),
  };
}

/** Refuses what would be tokenized wrongly without a word: other models, missing bytes, added tokens that eat spaces. */
function checkedAddedTokens(json: unknown, where: string): AddedTokenEntry[] {
  const file = json as {
    model?: { type?: string; vocab?: Record<string, number>; merges?: (string | [string, string])[] };
    decoder?: { type?: string } | null;
    added_tokens?: AddedTokenEntry[];
  } | null;
  if (file === null || typeof file !== 'object' || file.model?.vocab === undefined) {
    throw new UserError('bad-checkpoint', `${where}: expected a tokenizer with model.vocab, got ${show(file)}`);
  }
  if (file.model.type !== 'BPE' || file.decoder?.type !== 'ByteLevel') {
    const got = `${file.model.type} with ${file.decoder?.type} decoder`;
    throw new UserError('not-supported', `${where}: expected a byte-level BPE, got ${got}`);
  }
  const { vocab } = file.model;
  const missing = byteCharacters().filter((character) => vocab[character] === undefined);
  if (missing.length > 0) {
    const count = `${missing.length} missing (first: ${show(missing[0])})`;
    throw new UserError('bad-checkpoint', `${where}: expected a token for every byte of UTF-8, got ${count}`);
  }
  // The library drops a merged token that has no id, without a word.
  for (const merge of file.model.merges ?? []) {
    const merged = typeof merge === 'string' ? merge.replace(' ', '') : merge.join('');
    if (vocab[merged] !== undefined) continue;
    throw new UserError('bad-checkpoint', `${where}: expected a token for every merge, got none for ${show(merged)}`);
  }
  const added = file.added_tokens ?? [];
  const odd = added.find((token) => token.lstrip === true || token.rstrip === true || token.single_word === true);
  if (odd !== undefined) {
    throw new UserError('not-supported', `${where}: expected plain added tokens, got ${show(odd.content)} that strips`);
  }
  return added;
}

/** The characters that byte-level BPE writes for the bytes that UTF-8 can contain (GPT-2's `bytes_to_unicode`). */
function byteCharacters(): string[] {
  const characters: string[] = [];
  let shifted = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    const character = String.fromCharCode(printable ? byte : shifted++);
    const inUtf8 = byte !== 0xc0 && byte !== 0xc1 && byte <= 0xf4;
    if (inUtf8) characters.push(character);
  }
  return characters;
}

function escapeRegExp(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/gu, '\\$&');
}

function reason(cause: unknown): string {
  return show(cause instanceof Error ? cause.message : cause);
}
