// The model's tokenizer: text to token ids and back, with text that must stay text kept apart from special tokens.
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { invariant, show, UserError } from '../core/index.ts';
import { readJson } from '../files/index.ts';
import { normalizeAsReference } from './normalize.ts';
import { requireSoundPatterns } from './pattern-check.ts';
import { checkTokenizerFile, tokenizerLimits } from './tokenizer-file.ts';

/** A stretch of text to tokenize. */
export interface TextSegment {
  /** The characters. */
  text: string;
  /**
   * True for text from outside: what looks like a special token in it stays ordinary text. Tokens that are added but not special,
   * such as `<tool_call>`, are tokens in it too, as with `split_special_tokens=True` in transformers.
   */
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
  /** One more than its largest id: the fewest rows that a model's embedding must have. */
  readonly numIds: number;
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

/**
 * Loads the tokenizer of a model folder.
 * @param folder - a folder with `tokenizer.json`
 * @returns the tokenizer
 * @throws UserError `bad-checkpoint` when the file is missing or damaged, has more than 500,000 tokens or merges, 10,000 added
 *   tokens or 32 MB, or a pattern that backtracks without end; `not-supported` when it is no byte-level BPE
 */
export async function loadTokenizer(folder: string): Promise<TextTokenizer> {
  const path = join(folder, 'tokenizer.json');
  const json = await readJson(path, 'bad-checkpoint', tokenizerLimits);
  if (json === undefined) throw new UserError('bad-checkpoint', `${folder}: expected tokenizer.json, got none`);
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
  const file = checkTokenizerFile(json, where);
  const added = file.added_tokens;
  const fail = (what: string, cause: unknown): never => {
    const got = show(cause instanceof Error ? cause.message : cause);
    throw new UserError('bad-checkpoint', `${where}: expected ${what}, got ${got}`, { cause });
  };
  let tokenizer: LibraryTokenizer;
  try {
    tokenizer = new Tokenizer(file, {}) as LibraryTokenizer; // work that the file's limits bound
  } catch (cause) {
    return fail('a tokenizer', cause);
  }
  const { normalizer, pre_tokenizer: preTokenizer, model } = tokenizer;
  if (model === null || preTokenizer === null) {
    throw new UserError('not-supported', `${where}: expected a model and a pre-tokenizer, got none`);
  }
  requireSoundPatterns(file, where);
  // Longest first: the tokenizer's own rule is leftmost-longest.
  const contents = added.map((token) => token.content).sort((a, b) => b.length - a.length);
  const pattern = new RegExp(contents.map(escapeRegExp).join('|') || '(?!)', 'gu');
  const addedIds = new Map(added.map((token) => [token.content, token.id]));
  // Tokens such as <tool_call> are added but not special: in the reference, split_special_tokens leaves them tokens.
  const special = new Set(added.filter((token) => token.special !== false).map((token) => token.content));

  const encodeText = (text: string): number[] => {
    const normalized = normalizer === null ? text : normalizeAsReference(text, (part) => normalizer.normalize(part));
    if (normalized === '') return [];
    return model.encode(preTokenizer.pre_tokenize(normalized)).map((token) => {
      const id = model.tokens_to_ids.get(token);
      invariant(id !== undefined && !addedIds.has(token), `ordinary text was tokenized to the added token ${token}`);
      return id;
    });
  };

  const encodeSegments = (segments: readonly TextSegment[]): EncodedText => {
    const ids: number[] = [];
    const append = (more: readonly number[]): void => more.forEach((id) => ids.push(id)); // a spread would overflow the stack
    let tail = '';
    for (const { text, literal } of segments) {
      let start = 0;
      for (const match of text.matchAll(pattern)) {
        if (literal && special.has(match[0])) continue;
        append(encodeText(tail + text.slice(start, match.index)));
        ids.push(addedIds.get(match[0])!);
        start = match.index + match[0].length;
        tail = '';
      }
      tail += text.slice(start);
    }
    append(encodeText(tail));
    return { ids, tail };
  };

  let numIds = 0;
  for (const id of model.tokens_to_ids.values()) numIds = Math.max(numIds, id + 1);
  return {
    numIds,
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

function escapeRegExp(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/gu, '\\$&');
}
