// Checks a parsed tokenizer.json: what is wrong with it, what would be tokenized otherwise than meant, and what is too large.
import { z } from 'zod';
import { show, UserError } from '../core/index.ts';

/** A token beside the vocabulary, such as `<|im_end|>`. */
export interface AddedTokenEntry {
  /** Its id. */
  id: number;
  /** Its text. */
  content: string;
  /** Whether it is markup, such as `<|im_end|>`, unlike `<tool_call>`; where nothing is said it is. */
  special?: boolean | null | undefined;
}

/** What is read of tokenizer.json. */
export interface TokenizerFile {
  /** Byte-level BPE. */
  model: { vocab: Record<string, number>; merges: string[] | [string, string][] };
  /** Tokens that are looked for before anything else. */
  added_tokens: AddedTokenEntry[];
}

/**
 * Most tokens of the vocabulary and most merges (Qwen2.5 has 151,643 and 151,387), ids, added tokens (22) and their characters. Ids
 * are rows of the embedding, of which a checkpoint has at most as many.
 */
const MAX_TOKENS = 500_000;
const MAX_ID = 2 ** 20 - 1;
const MAX_ADDED = 10_000;
const MAX_ADDED_CHARACTERS = 200_000;

/** What `readJson` may read of a tokenizer: enough for the most tokens and merges. Qwen's file has 11 MB and 600,000 values. */
export const tokenizerLimits: { bytes: number; values: number } = { bytes: 32_000_000, values: 2_500_000 };

const none = z.union([z.null(), z.literal('')]).optional();
const off = z.union([z.null(), z.literal(false)]).optional();
const byteLevel = z.looseObject({
  type: z.literal('ByteLevel'),
  add_prefix_space: off,
  use_regex: z.boolean().nullish(),
});
const step = z.union([
  z.looseObject({
    type: z.literal('Split'),
    pattern: z.union([
      z.strictObject({ Regex: z.string().max(10_000) }),
      z.strictObject({ String: z.string().max(10_000) }),
    ]),
    behavior: z.literal('Isolated'),
    invert: z.literal(false),
  }),
  z.looseObject({ type: z.literal('Digits'), individual_digits: z.boolean().nullish() }),
]);
const known = z.looseObject({
  normalizer: z.union([z.null(), z.looseObject({ type: z.enum(['NFC', 'NFD', 'NFKC', 'NFKD']) })]),
  pre_tokenizer: z.union([
    byteLevel,
    z.looseObject({
      type: z.literal('Sequence'),
      pretokenizers: z
        .tuple([step, byteLevel])
        .or(z.tuple([step, step, byteLevel]))
        .or(z.tuple([byteLevel])),
    }),
  ]),
  decoder: byteLevel,
  model: z.looseObject({
    dropout: z.union([z.null(), z.literal(0)]).optional(),
    continuing_subword_prefix: none,
    continuing_subword_suffix: none,
    end_of_word_suffix: none,
    byte_fallback: off,
    ignore_merges: z.boolean().nullish(),
  }),
});
const addedSchema = z
  .array(
    z.looseObject({
      id: z.int().min(0).max(MAX_ID),
      content: z.string().min(1).max(500),
      normalized: z.boolean().nullish(),
      special: z.boolean().nullish(),
    }),
  )
  .max(MAX_ADDED);

/**
 * Checks tokenizer.json.
 * @param json - the parsed file
 * @param where - its name in messages
 * @returns the same, with nothing in it that is not used
 * @throws UserError `bad-checkpoint` for types, ids and merges that are wrong or too many; `not-supported` for anything but a
 *   byte-level BPE that is normalized by Unicode's forms and split by patterns, and for added tokens that strip
 */
export function checkTokenizerFile(json: unknown, where: string): TokenizerFile {
  const wrong = (expected: string, got: string): never => {
    throw new UserError('bad-checkpoint', `${where}: expected ${expected}, got ${got}`);
  };
  const file = json as Partial<TokenizerFile & { decoder: { type?: unknown } | null }> | null;
  const model = file?.model as (Partial<TokenizerFile['model']> & { type?: unknown; ignore_merges?: unknown }) | null;
  if (!isRecord(json) || !isRecord(model?.vocab)) return wrong('a tokenizer with model.vocab', show(json));
  if (model.type !== 'BPE' || file?.decoder?.type !== 'ByteLevel') {
    const got = `${show(model.type)} with decoder ${show(file?.decoder?.type)}`;
    throw new UserError('not-supported', `${where}: expected a byte-level BPE, got ${got}`);
  }
  const parsed = known.safeParse(json);
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues as [z.core.$ZodIssue];
    const got = path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], json);
    const text = `${where}: ${path.join('.')}: expected what Qwen's tokenizers have, got ${show(got)} (${message})`;
    throw new UserError('not-supported', text);
  }
  const given = addedSchema.safeParse(file.added_tokens ?? []);
  if (!given.success) {
    const [{ path, message }] = given.error.issues as [z.core.$ZodIssue];
    return wrong(`added_tokens of id and content: ${path.join('.')}: ${message}`, show(file.added_tokens));
  }
  const added = given.data;
  const odd = added.find((token) => ['lstrip', 'rstrip', 'single_word'].some((key) => Boolean(token[key])));
  if (odd !== undefined) {
    throw new UserError('not-supported', `${where}: expected plain added tokens, got ${show(odd.content)} that strips`);
  }
  const { vocab } = model;
  checkVocabulary(vocab, added, wrong);
  const merges = checkedMerges(model.merges ?? [], vocab, wrong);
  checkAdded(added, vocab, model.ignore_merges === true ? null : merges, wrong);
  // What is not read here, such as the post-processor, is not given on.
  const { normalizer, pre_tokenizer, decoder } = parsed.data;
  const rest = { normalizer, pre_tokenizer, decoder, post_processor: null };
  return { ...rest, model: { ...model, vocab, merges }, added_tokens: added };
}

type Wrong = (expected: string, got: string) => never;

function checkVocabulary(
  vocab: Record<string, unknown>,
  added: readonly AddedTokenEntry[],
  wrong: Wrong,
): asserts vocab is Record<string, number> {
  const tokens = Object.keys(vocab);
  if (tokens.length > MAX_TOKENS) wrong(`at most ${MAX_TOKENS} tokens`, `${tokens.length}`);
  const missing = byteCharacters().filter((character) => !Object.hasOwn(vocab, character));
  if (missing.length > 0) {
    wrong('a token for every byte of UTF-8', `${missing.length} missing (first: ${show(missing[0])})`);
  }
  const addedById = new Map(added.map(({ id, content }) => [id, content]));
  const seen = new Uint8Array(MAX_ID + 1);
  for (const token of tokens) {
    const id = vocab[token];
    if (!isId(id)) return wrong(`ids from 0 to ${MAX_ID}`, `${show(id)} for ${show(token)}`);
    if (seen[id] === 1) wrong('an id for every token', `${id} again for ${show(token)}`);
    seen[id] = 1;
    const other = addedById.get(id) ?? token;
    if (other !== token) wrong(`an id of its own for the added token ${show(other)}`, `that of ${show(token)}`);
  }
}

/** The library drops a merged token that has no id, without a word. */
function checkedMerges(given: unknown, vocab: Record<string, number>, wrong: Wrong): [string, string][] {
  if (!Array.isArray(given)) return wrong('a list of merges', show(given));
  if (given.length > MAX_TOKENS) wrong(`at most ${MAX_TOKENS} merges`, `${given.length}`);
  return given.map((merge: unknown) => {
    const pair: unknown[] = typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? merge : [];
    const [left, right] = pair;
    if (pair.length !== 2 || typeof left !== 'string' || typeof right !== 'string')
      return wrong('merges of two', show(merge));
    const unknown = [left, right, left + right].find((token) => !Object.hasOwn(vocab, token));
    if (unknown !== undefined) wrong('a token for every merge', `none for ${show(unknown)}`);
    return [left, right];
  });
}

/** Ids and texts that mean two things, and texts that ordinary text could be tokenized to. */
function checkAdded(
  added: readonly AddedTokenEntry[],
  vocab: Record<string, number>,
  merges: readonly [string, string][] | null,
  wrong: Wrong,
): void {
  const characters = added.reduce((total, { content }) => total + content.length, 0);
  if (characters > MAX_ADDED_CHARACTERS)
    wrong(`at most ${MAX_ADDED_CHARACTERS} characters of added tokens`, `${characters}`);
  const [ids, contents] = [new Set(added.map(({ id }) => id)), new Set(added.map(({ content }) => content))];
  if (ids.size < added.length || contents.size < added.length)
    wrong('every added token once', `one of ${added.length} twice`);
  const shared = new Set([...contents].filter((content) => Object.hasOwn(vocab, content)));
  for (const { id, content } of added) {
    if (shared.has(content) && vocab[content] !== id)
      wrong(`id ${vocab[content]} for ${show(content)}, as in vocab`, `${id}`);
  }
  const reached =
    byteCharacters().find((character) => shared.has(character)) ??
    (merges === null ? [...shared][0] : merges.find((pair) => shared.has(pair.join('')))?.join(''));
  if (reached !== undefined) wrong('added tokens that ordinary text does not give', show(reached));
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isId = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_ID;

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
