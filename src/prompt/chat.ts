// The model's chat template: the question wrapped as one user turn, with the question itself kept apart as a literal.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Template } from '@huggingface/jinja';
import { runApart, show, UserError } from '../core/index.ts';
import { readJson, readText } from '../files/index.ts';
import { isKnownTemplate, sha256 } from './known.ts';
import type { VisionKind } from './templates.ts';
import type { TextSegment } from './tokenizer.ts';

/** A model's chat template. */
export interface ChatTemplate {
  /**
   * Wraps one user turn (images or videos and the question) and opens the assistant's turn.
   * @param question - plain text; nothing in it is taken for markup
   * @param visions - what goes in with it, in order
   * @param framesLast - whether it goes in behind the question; default: before it
   * @returns segments: the template's own text, and the question as a literal
   * @throws UserError `bad-checkpoint` when the template fails or does not hold the question exactly once
   */
  render(question: string, visions: readonly VisionKind[], framesLast?: boolean): TextSegment[];
}

// Stands for the question while the template runs: private-use characters that no template holds (checked).
const sentinel = '\u{F8F0}\u{F8F1}question\u{F8F2}';

/** Most characters of a template; Qwen's longest, for tools, has 6,000. */
const MAX_SOURCE = 100_000;

/** Most characters of the chat around a question; attention takes memory by the square of it. Qwen2.5-VL's has 200. */
const MAX_CHAT = 10_000;

/**
 * Loads the chat template of a model folder: `chat_template.jinja`, else `chat_template.json`, else the `chat_template` of
 * `tokenizer_config.json` (the order of transformers 5).
 * @param folder - the model's folder
 * @returns the template
 * @throws UserError `bad-checkpoint` when there is none, it has more than 100,000 characters or cannot be parsed
 */
export async function loadChatTemplate(folder: string): Promise<ChatTemplate> {
  const config = await readRecord(join(folder, 'tokenizer_config.json'));
  const jinjaPath = join(folder, 'chat_template.jinja');
  const jinja = await readText(jinjaPath, 'bad-checkpoint', 4 * MAX_SOURCE);
  if (jinja !== undefined) return createChatTemplate(jinja, jinjaPath, config);
  for (const name of ['chat_template.json', 'tokenizer_config.json']) {
    const path = join(folder, name);
    const source = namedTemplate((await readRecord(path))?.['chat_template'], path);
    if (source !== undefined) return createChatTemplate(source, path, config);
  }
  throw new UserError('bad-checkpoint', `${folder}: expected a chat template, got none`, {
    hint: 'It is in chat_template.jinja, chat_template.json or tokenizer_config.json of the model.',
  });
}

/** Most memory of a template's values, in MB, and most processor time, in milliseconds. */
const MAX_MEMORY = 64;
const MAX_CPU = 3000;

/** Runs in a process of its own, which is all that can be stopped when its memory grows: `range(10**9)` is a list in one call. */
const child = `({ jinja, source, given }) => {
  const { Template } = require(jinja);
  const template = new Template(source);
  return given.map(({ values, maxLength }) => {
    try {
      const text = template.render(values);
      return text.length > maxLength ? { problem: 'more than ' + maxLength + ' characters of text' } : { text };
    } catch (error) {
      return { problem: String(error?.message).slice(0, 500) };
    }
  });
}`;

/** A template with what it is filled with. */
interface Filled {
  values: Record<string, unknown>;
  maxLength: number;
}
type Rendered = { text: string; problem?: undefined } | { text?: undefined; problem: string };

/** Texts of unknown templates, rendered before in this process. */
const renderedApart = new Map<string, Rendered[]>();

/** Renders a template several times: here where it is known to end, else in a process of its own. */
function renderAll(source: string, given: readonly Filled[]): Rendered[] {
  if (isKnownTemplate(source)) {
    const template = new Template(source);
    return given.map(({ values }) => ({ text: template.render(values) }));
  }
  const key = sha256(JSON.stringify([source, given]));
  let rendered = renderedApart.get(key);
  if (rendered === undefined) {
    const jinja = createRequire(import.meta.url).resolve('@huggingface/jinja');
    const maxReply = given.reduce((total, { maxLength }) => total + 2 * maxLength + 1000, 0);
    const limits = { cpuMs: MAX_CPU, memoryMb: MAX_MEMORY, maxReply };
    rendered = runApart(child, { jinja, source, given }, limits) as Rendered[];
    renderedApart.set(key, rendered);
  }
  return rendered;
}

/** What goes in with nearly every question: nothing (for the answers' tokens alone), a picture, a video. */
const usual: readonly (readonly VisionKind[])[] = [[], ['image'], ['video']];

/**
 * Makes a chat template from its Jinja source. It is rendered for a picture and a video at once; for other lists of images and videos
 * when they are first asked for, each once.
 * @param source - Jinja
 * @param where - its name in messages
 * @param config - the parsed `tokenizer_config.json`, for `bos_token` and its like
 * @returns the template. One that is not known is rendered in a process of its own, within 3 s of processor time and 64 MB
 * @throws UserError `bad-checkpoint` when it is too long or cannot be parsed, or takes more than that
 */
export function createChatTemplate(
  source: string,
  where = 'chat template',
  config: Record<string, unknown> = {},
): ChatTemplate {
  const fail = (cause: unknown): never => {
    const got = show(cause instanceof Error ? cause.message : cause);
    throw new UserError('bad-checkpoint', `${where}: expected a chat template, got ${got}`, { cause });
  };
  if (source.length > MAX_SOURCE) fail(new Error(`${source.length} characters, more than ${MAX_SOURCE}`));
  if (source.includes(sentinel)) fail(new Error('one that holds the mark of the question'));
  const tokens = specialTokens(config);
  const fill = (visions: readonly VisionKind[], framesLast: boolean): Filled => {
    const frames = visions.map((type) => ({ type }));
    const text = { type: 'text', text: sentinel };
    const messages = [{ role: 'user', content: framesLast ? [text, ...frames] : [...frames, text] }];
    // What transformers passes; null is its None, which templates tell from undefined.
    const given = { messages, tools: null, documents: null, add_generation_prompt: true };
    return { values: { ...tokens, ...given }, maxLength: MAX_CHAT + 200 * visions.length };
  };
  const rendered = new Map<string, Rendered>();
  const keyOf = (visions: readonly VisionKind[], framesLast: boolean): string => `${framesLast} ${visions.join()}`;
  const render = (lists: readonly (readonly VisionKind[])[], orders: readonly boolean[]): void => {
    const wanted = orders.flatMap((framesLast) => lists.map((visions) => ({ visions, framesLast })));
    try {
      const texts = renderAll(
        source,
        wanted.map(({ visions, framesLast }) => fill(visions, framesLast)),
      );
      wanted.forEach(({ visions, framesLast }, i) => rendered.set(keyOf(visions, framesLast), texts[i]!));
    } catch (cause) {
      fail(cause);
    }
  };
  render(usual, [false, true]);

  const around = (visions: readonly VisionKind[], framesLast: boolean): [before: string, after: string] => {
    const key = keyOf(visions, framesLast);
    if (!rendered.has(key)) render([visions], [framesLast]);
    const { text, problem } = rendered.get(key)!;
    if (problem !== undefined) return fail(new Error(problem));
    const parts = text.split(sentinel);
    const [before, after] = parts;
    if (before !== undefined && after !== undefined && parts.length === 2) return [before, after];
    const got = `${parts.length - 1} times`;
    throw new UserError('bad-checkpoint', `${where}: expected the question once in the chat text, got it ${got}`);
  };
  return {
    render: (question, visions, framesLast = false) => {
      const [before, after] = around(visions, framesLast);
      return [
        { text: before, literal: false },
        { text: question, literal: true },
        { text: after, literal: false },
      ];
    },
  };
}

/** `bos_token` and its like, each a string or an added-token record. */
function specialTokens(config: Record<string, unknown>): Record<string, string> {
  const tokens: Record<string, string> = {};
  for (const [key, value] of Object.entries(config)) {
    if (!key.endsWith('_token')) continue;
    const text = typeof value === 'object' && value !== null ? (value as { content?: unknown }).content : value;
    if (typeof text === 'string') tokens[key] = text;
  }
  return tokens;
}

/** The template itself, or the one named `default` of a list of named ones. */
function namedTemplate(value: unknown, path: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  const list = Array.isArray(value) ? (value as ({ name?: unknown; template?: unknown } | null)[]) : [];
  const template = list.find((entry) => entry?.name === 'default')?.template;
  if (typeof template === 'string') return template;
  throw new UserError(
    'bad-checkpoint',
    `${path}: expected chat_template to be text or hold a default, got ${show(value)}`,
  );
}

async function readRecord(path: string): Promise<Record<string, unknown> | undefined> {
  const json = await readJson(path, 'bad-checkpoint');
  if (json === undefined || (typeof json === 'object' && json !== null && !Array.isArray(json))) {
    return json as Record<string, unknown> | undefined;
  }
  throw new UserError('bad-checkpoint', `${path}: expected a record, got ${show(json)}`);
}
