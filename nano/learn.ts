// Samples and questions as prepared examples.
import { hashKey, randomStream } from '../src/core/index.ts';
import type { PreparedExample, PreparedPicture, PromptProcessor } from '../src/inputs/index.ts';
import { buildExample, joinQuestions, positionsOf, sharedRows } from '../src/inputs/index.ts';
import type { Checkpoint, VisionInput } from '../src/model/index.ts';
import type { EncodedPrompt } from '../src/prompt/index.ts';
import { encodePrompt } from '../src/prompt/index.ts';
import type { RgbFrame } from '../src/video/index.ts';
import { patchGrid } from '../src/video/index.ts';
import type { Question } from './questions.ts';
import { questionsAbout } from './questions.ts';
import type { Sample } from './samples.ts';

/** Frames a second of pretraining's videos. */
export const FPS = 8;

/** What turns samples into examples. */
export interface LearnOptions {
  /** The model's folder, opened. */
  checkpoint: Checkpoint;
  /** Its tokenizer and chat template. */
  processor: Pick<PromptProcessor, 'tokenizer' | 'chat' | 'endTokenId'>;
}

/** Prompts by question and size: there are a few thousand, and tokenizing takes as long as a part of the step. */
const known = new Map<string, EncodedPrompt>();

/** A sample with its questions. */
export interface Lesson {
  /** Rows and pictures. */
  example: PreparedExample;
  /** What is asked, in the order of the example's targets. */
  questions: Question[];
}

/**
 * A sample and its questions as one example: the clip once, each question behind it without seeing the others.
 * @param options - model and tokenizer
 * @param key - integers that fix which questions
 */
export function lessonOf(sample: Sample, { checkpoint, processor }: LearnOptions, ...key: number[]): Lesson {
  const questions = questionsAbout(sample, randomStream(...key, 7));
  const { pictures, shapes } = seen(sample, checkpoint);
  const { tokenizer, chat, endTokenId } = processor;
  const positions = positionsOf(checkpoint);
  let shared = 0;
  const examples = questions.map(({ question, answer }) => {
    const name = JSON.stringify([question, shapes]);
    const prompt = known.get(name) ?? encodePrompt({ tokenizer, chat, question, visions: shapes, model: checkpoint });
    known.set(name, prompt);
    shared = sharedRows(prompt);
    return buildExample({ prompt, answer, tokenizer, endTokenId, targets: 'response', positions });
  });
  const { targets, answer: _answer, ...rows } = joinQuestions(examples, shared);
  const vision = { kind: 'pictures', pictures } as const;
  return { example: { rows, vision, wanted: { kind: 'tokens', targets }, dropoutKey: hashKey(...key) }, questions };
}

/** What the model sees of a sample. */
function seen(
  { shape, frames }: Pick<Sample, 'shape' | 'frames'>,
  { processor: patches }: Checkpoint,
): { pictures: PreparedPicture[]; shapes: VisionInput[] } {
  const kind = shape === 'video' ? 'video' : 'image';
  const groups = shape === 'video' ? [frames] : frames.map((frame) => [frame]);
  const pictures = groups.map((group): PreparedPicture => pictureOf(kind, group, patches));
  const time = shape === 'video' ? { secondsPerGrid: patches.temporalPatchSize / FPS } : {};
  return { pictures, shapes: pictures.map(({ grid }) => ({ kind, grid, ...time })) };
}

/**
 * Frames as an image or video for the model.
 * @param kind - which
 * @param frames - of one size
 * @param patches - the model's picture settings
 */
export function pictureOf(
  kind: PreparedPicture['kind'],
  frames: readonly RgbFrame[],
  patches: Checkpoint['processor'],
): PreparedPicture {
  return { kind, frames, grid: patchGrid(frames, patches), patches };
}
