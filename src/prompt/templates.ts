// The question put to the model about a clip: built-in templates and the user's own.
import { nearest, show, UserError } from '../core/index.ts';
import { readText } from '../files/index.ts';
import type { AnswerCodec, AnswerKind } from './answer.ts';

/** How the frames go in: one as an `image`, two or more as a `video` (or as several images). */
export type VisionKind = 'image' | 'video';

/** One of the quality dimensions that a template asks for. */
export type QualityDimension = 'image-quality' | 'alignment' | 'aesthetics' | 'temporal-quality';

/** All quality dimensions, in the order in which `four-dimensions` names them. */
export const qualityDimensions: readonly QualityDimension[] = [
  'image-quality',
  'alignment',
  'aesthetics',
  'temporal-quality',
];

/** What a template is filled with for one clip. */
export interface QuestionInput {
  /** How the frames go in; the wording says image or video accordingly. */
  kind: VisionKind;
  /** The text that the clip was generated from, where there is one; put in verbatim, trimmed. */
  prompt?: string | undefined;
  /** The codec of the answer that is asked for. */
  codec: AnswerCodec;
}

/** A question with its gaps. */
export interface PromptTemplate {
  /** `four-dimensions`, `single-dimension:NAME`, or the file it came from. */
  readonly name: string;
  /** The text of a user's own template, from which it can be made again; null for a built-in one. */
  readonly source: string | null;
  /** Whether the frames stand behind the question instead of before it. */
  readonly framesLast: boolean;
  /**
   * @param input - the clip and the wanted answer
   * @returns the question as plain text
   * @throws UserError `bad-input` when the template needs the clip's text prompt and there is none
   */
  render(input: QuestionInput): string;
}

/**
 * What to answer with, in words; the `{answer_format}` of a user's own template.
 * @param codec - the codec of the wanted answer
 * @param medium - how the frames go in
 * @returns one sentence
 */
export function answerFormat(codec: AnswerCodec, medium: VisionKind): string {
  const { kind, step } = codec;
  const sentence = codec.sentence(medium);
  if (sentence !== null) {
    const { word, what } = gaps[kind];
    const form = `${sentence.before.trim()} ${word}${sentence.after}`;
    return `Answer with the sentence "${form}" and nothing else, where ${word} is ${what}${inSteps(codec)}.`;
  }
  if (kind === 'level') return 'Answer with one word: excellent, good, fair, poor or bad.';
  if (kind === 'raw') return 'Answer with a decimal number from 1 (worst) to 5 (best) and nothing else.';
  const [low, high] = kind === 'integer' ? ['10', '50'] : ['1.0', '5.0'];
  const form = kind === 'integer' ? 'two-digit integer' : 'number with one decimal';
  const steps = step === 0.1 ? '' : `${inSteps(codec)},`;
  return `Answer with one ${form} from ${low} (worst) to ${high} (best)${steps} and nothing else.`;
}

/** What goes into the gap of a sentence. */
const gaps: Readonly<Record<AnswerKind, { word: string; what: string }>> = {
  integer: { word: 'N', what: 'a two-digit integer from 10 (worst) to 50 (best)' },
  decimal: { word: 'N', what: 'a number with one decimal from 1.0 (worst) to 5.0 (best)' },
  level: { word: 'WORD', what: 'excellent, good, fair, poor or bad' },
  raw: { word: 'N', what: 'a decimal number from 1 (worst) to 5 (best)' },
};

/** The distance of two answers, where it is not what the form itself says. */
function inSteps({ kind, step }: AnswerCodec): string {
  if (step === undefined || step === 0.1) return '';
  return `, in steps of ${Number((step * (kind === 'integer' ? 10 : 1)).toFixed(1))}`;
}

/** Names all four dimensions and asks for one overall score; the clip's text prompt is quoted where there is one. */
export const fourDimensions: PromptTemplate = {
  name: 'four-dimensions',
  source: null,
  framesLast: false,
  render: ({ kind, prompt, codec }) => {
    const text = cleanPrompt(prompt);
    return [
      `Rate the overall quality of this ${kind}.`,
      'Consider four dimensions:',
      `1. visual quality: sharpness, noise, artifacts and distortions;`,
      text === undefined
        ? `2. text-${kind} alignment: how clearly the content shows what it is meant to show;`
        : `2. text-${kind} alignment: how well the content matches the text prompt below;`,
      '3. aesthetics: composition, colour and light;',
      '4. temporal quality: smooth, consistent and natural motion, as far as the frames show it.',
      ...promptLines(text, kind),
      answerFormat(codec, kind),
    ].join('\n');
  },
};

const dimensionQuestions: Record<QualityDimension, (kind: VisionKind) => string> = {
  'image-quality': (kind) =>
    `Rate the visual quality of this ${kind}: sharpness, noise, artifacts and distortions. Ignore what it shows.`,
  alignment: (kind) => `Rate the text-${kind} alignment: how well this ${kind} matches the text prompt below.`,
  aesthetics: (kind) => `Rate the aesthetics of this ${kind}: composition, colour and light.`,
  'temporal-quality': (kind) =>
    `Rate the temporal quality of this ${kind}: smooth, consistent and natural motion, as far as the frames show it.`,
};

/**
 * A template that asks for one dimension alone.
 * @param dimension - which one; `alignment` needs the clip's text prompt
 * @returns the template
 * @throws UserError `bad-recipe` on an unknown dimension
 */
export function singleDimension(dimension: QualityDimension): PromptTemplate {
  const question = dimensionQuestions[dimension] as ((kind: VisionKind) => string) | undefined;
  if (question === undefined) {
    throw new UserError(
      'bad-recipe',
      `template: expected one of ${qualityDimensions.join(', ')}, got ${show(dimension)}`,
    );
  }
  const name = `single-dimension:${dimension}`;
  return {
    name,
    source: null,
    framesLast: false,
    render: ({ kind, prompt, codec }) => {
      const text = dimension === 'alignment' ? requiredPrompt(prompt, name) : undefined;
      return [question(kind), ...promptLines(text, kind), answerFormat(codec, kind)].join('\n');
    },
  };
}

/**
 * A built-in template by its name.
 * @param name - `four-dimensions` or `single-dimension:NAME`
 * @returns the template
 * @throws UserError `bad-recipe` on an unknown name, with the nearest known one
 */
export function builtInTemplate(name: string): PromptTemplate {
  const known = [fourDimensions, ...qualityDimensions.map(singleDimension)];
  const found = known.find((template) => template.name === name);
  if (found !== undefined) return found;
  const names = known.map((template) => template.name);
  const guess = nearest(name, names);
  throw new UserError('bad-recipe', `template: expected one of ${names.join(', ')} or a file, got ${show(name)}`, {
    hint: guess === undefined ? 'A file name has a dot or a slash in it.' : `Did you mean ${guess}?`,
  });
}

const placeholders = ['prompt', 'answer_format'];
/** At the end of a template: the frames stand behind it. */
const FRAMES = '{frames}';

/** Most characters of a template; attention takes memory by the square of it, and an adapter's card brings its own. */
const MAX_TEMPLATE = 20_000;

/**
 * A user's own template. `{prompt}` stands for the clip's text prompt, `{answer_format}` for what to answer with, in a sentence. The
 * frames stand before the text, or behind it with `{frames}` at its end: what all clips are asked is then computed once for all when
 * scoring. Any other name in braces is an error. Braces around anything but a bare name are left as they are.
 * @param source - the template's text; white space around it is dropped
 * @param name - what to call it in messages, such as its file name
 * @returns the template
 * @throws UserError `bad-recipe` when it is empty, has more than 20,000 characters or holds unknown placeholders (all are named)
 */
export function parseTemplate(source: string, name: string): PromptTemplate {
  const whole = source.replace(/^\uFEFF/u, '').trim();
  const framesLast = whole.endsWith(FRAMES);
  const text = framesLast ? whole.slice(0, -FRAMES.length).trim() : whole;
  if (text === '') throw new UserError('bad-recipe', `${name}: expected a question, got an empty template`);
  if (text.length > MAX_TEMPLATE) {
    throw new UserError('bad-recipe', `${name}: expected at most ${MAX_TEMPLATE} characters, got ${text.length}`);
  }
  const pattern = /\{([A-Za-z_][\w-]*)\}/gu;
  const unknown = [...text.matchAll(pattern)].map((match) => match[1]!).filter((key) => !placeholders.includes(key));
  if (unknown.length > 0) {
    const got = [...new Set(unknown)].map((key) => `{${key}}`).join(', ');
    const known = '{prompt}, {answer_format}, and {frames} at the end';
    throw new UserError('bad-recipe', `${name}: expected the placeholders ${known}, got ${got}`);
  }
  return {
    name,
    source: whole,
    framesLast,
    // One pass, so that braces inside a clip's prompt are not placeholders.
    render: ({ kind, prompt, codec }) =>
      text.replaceAll(pattern, (_, key: string) =>
        key === 'prompt' ? requiredPrompt(prompt, name) : answerFormat(codec, kind),
      ),
  };
}

/**
 * Reads a user's own template (see {@link parseTemplate}).
 * @param path - a UTF-8 text file
 * @returns the template, named by its path
 * @throws UserError `bad-recipe` when the file cannot be read or is no template
 */
export async function loadTemplate(path: string): Promise<PromptTemplate> {
  const source = await readText(path, 'bad-recipe', 4 * MAX_TEMPLATE + 1000);
  if (source === undefined) {
    throw new UserError('bad-recipe', `template: expected a readable text file, got ${show(path)}`);
  }
  return parseTemplate(source, path);
}

/**
 * The template that a recipe names: a built-in one, or a file where the name has a dot or a slash in it.
 * @param name - `four-dimensions`, `single-dimension:NAME`, or the path of a text file
 * @returns the template
 * @throws UserError `bad-recipe` as {@link builtInTemplate}; for a file that is no template
 */
export async function resolveTemplate(name: string): Promise<PromptTemplate> {
  return /[./\\]/.test(name) ? loadTemplate(name) : builtInTemplate(name);
}

function cleanPrompt(prompt: string | undefined): string | undefined {
  const text = prompt?.trim();
  return text === '' ? undefined : text;
}

function requiredPrompt(prompt: string | undefined, name: string): string {
  const text = cleanPrompt(prompt);
  if (text !== undefined) return text;
  throw new UserError('bad-input', `${name}: expected the clip's text prompt, got none`, {
    hint: 'Add a prompt column to the manifest, or choose a template that needs none.',
  });
}

function promptLines(prompt: string | undefined, kind: VisionKind): string[] {
  return prompt === undefined ? [] : [`Text prompt of the ${kind}: ${prompt}`];
}
