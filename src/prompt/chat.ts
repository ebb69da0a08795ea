// The model's chat template: the question wrapped as one user turn, with the question itself kept apart as a literal.
import { join } from 'node:path';
import { Template } from '@huggingface/jinja';
import { show, UserError } from '../core/index.ts';
import { readJson, readText } from '../files/index.ts';
import { renderApart, withTimeLimit } from './confine.ts';
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

/**
 * Makes a chat template from its Jinja source.
 * @param source - Jinja
 * @param where - its name in messages
 * @param config - the parsed `tokenizer_config.json`, for `bos_token` and its like
 * @returns the template; each different list of images and videos is rendered once, in a process of its own, within 1 s and 64 MB
 * @throws UserError `bad-checkpoint` when it is too long or cannot be parsed
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
  try {
    withTimeLimit(1000, () => new Template(source));
  } catch (cause) {
    return fail(cause);
  }
  const rendered = new Map<string, [before: string, after: string]>();
  const around = (visions: readonly VisionKind[], framesLast: boolean): [before: string, after: string] => {
    const frames = visions.map((type) => ({ type }));
    const text = { type: 'text', text: sentinel };
    const content = framesLast ? [text, ...frames] : [...frames, text];
    const messages = [{ role: 'user', content }];
    // What transformers passes; null is its None, which templates tell from undefined.
    const given = { messages, tools: null, documents: null, add_generation_prompt: true };
    let parts: string[];
    try {
      parts = renderApart(source, { ...specialTokens(config), ...given }, MAX_CHAT + 200 * visions.length).split(
        sentinel,
      );
    } catch (cause) {
      return fail(cause);
    }
    const [before, after] = parts;
    if (before !== undefined && after !== undefined && parts.length === 2) return [before, after];
    const got = `${parts.length - 1} times`;
    throw new UserError('bad-checkpoint', `${where}: expected the question once in the chat text, got it ${got}`);
  };
  return {
    render: (question, visions, framesLast = false) => {
      const key = `${framesLast} ${visions.join()}`;
      if (!rendered.has(key)) rendered.set(key, around(visions, framesLast));
      const [before, after] = rendered.get(key)!;
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
