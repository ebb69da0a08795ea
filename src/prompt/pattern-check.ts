// Whether somebody's pattern splits text in bounded time: tried once, in a process of its own, on texts that make bad ones backtrack.
import { createRequire } from 'node:module';
import { UserError, runApart, show } from '../core/index.ts';
import { isKnownPattern, sha256 } from './known.ts';
import type { TokenizerFile } from './tokenizer-file.ts';

/** Processor time for all trials, in milliseconds: sound patterns take a tenth of it. */
const MAX_CPU = 3000;

/** Runs in the other process. Runs of one character, of two, and of all that the pattern names, each before what ends no word. */
const child = `({ library, file, characters }) => {
  const { Tokenizer } = require(library);
  const step = new Tokenizer(file, {}).pre_tokenizer;
  const ends = ['', '!', 'z', '0', ' ', '\\n', '\\u00e9'];
  const split = (text) => { step.pre_tokenize(text); };
  for (const end of ends) {
    for (const a of characters) {
      split(a.repeat(60) + end);
      for (const b of characters) split((a + b).repeat(30) + end);
    }
  }
  for (const end of ends) {
    for (const a of characters) split(a.repeat(1000) + end);
    split(characters.join('').repeat(Math.ceil(2000 / characters.length)) + end);
  }
  return true;
}`;

/** Letters, digits, spaces and signs of several kinds; a pattern's own characters are tried besides. */
const usual = ['a', 'A', '1', ' ', '\n', '\t', '.', "'", '-', '\u00e9', '\u4e2d', '\u0301', '\u{1F600}'];

/** Verdicts of this process, by pattern: null for a sound one. */
const verdicts = new Map<string, string | null>();

/** The patterns of a file that are not known to be sound. */
function unknownPatterns(file: object): string[] {
  const found: string[] = [];
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, item] of Object.entries(value)) {
      if (key === 'Regex' && typeof item === 'string' && !isKnownPattern(item)) found.push(item);
      else walk(item);
    }
  };
  walk((file as { pre_tokenizer?: unknown }).pre_tokenizer);
  return found;
}

/**
 * Refuses a tokenizer whose pattern takes too long. Known ones pass at once; another one costs about half a second, once in a process.
 * @param file - the checked file
 * @param where - its name in messages
 * @throws UserError `bad-checkpoint`
 */
export function requireSoundPatterns(file: TokenizerFile, where: string): void {
  const patterns = unknownPatterns(file);
  if (patterns.length === 0) return;
  const key = sha256(JSON.stringify(patterns));
  if (!verdicts.has(key)) verdicts.set(key, tryOut(file, patterns));
  const problem = verdicts.get(key)!;
  if (problem === null) return;
  throw new UserError(
    'bad-checkpoint',
    `${where}: expected a pattern that splits any text, got ${show(patterns.join(' '))} (${problem})`,
  );
}

function tryOut(file: TokenizerFile, patterns: readonly string[]): string | null {
  const own = new Set(Array.from(patterns.join('')).filter((character) => !/[\\^$.*+?()[\]{}|]/u.test(character)));
  const characters = [...new Set([...usual, ...own])].slice(0, 40);
  const { vocab } = file.model;
  const bytes = Object.fromEntries(Object.entries(vocab).filter(([token]) => token.length === 1));
  // The pattern as the library takes it, without the vocabulary, which takes time to load.
  const small = { ...file, model: { ...file.model, vocab: bytes, merges: [] }, added_tokens: [] };
  const library = createRequire(import.meta.url).resolve('@huggingface/tokenizers');
  try {
    runApart(child, { library, file: small, characters }, { cpuMs: MAX_CPU, memoryMb: 128, maxReply: 1000 });
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
