// Samples and questions as what the training step is fed.
import { hashKey, randomStream } from '../src/core/index.ts';
import { buildExample, joinQuestions } from '../src/example/index.ts';
import type { Checkpoint } from '../src/model/index.ts';
import type { EncodedPrompt } from '../src/prompt/index.ts';
import { encodePrompt } from '../src/prompt/index.ts';
import type { Questioner } from '../src/score/index.ts';
import type { TokenItem } from '../src/train/index.ts';
import type { VisionPixels } from '../src/video/index.ts';
import { cutPatches } from '../src/video/index.ts';
import type { Question } from './questions.ts';
import { questionsAbout } from './questions.ts';
import type { Sample } from './samples.ts';

/** Frames a second of pretraining's videos. */
export const FPS = 8;

/** What turns samples into feeds. */
export interface LearnOptions {
  /** The model's folder, opened. */
  checkpoint: Checkpoint;
  /** Its tokenizer and chat template. */
  questioner: Pick<Questioner, 'tokenizer' | 'chat' | 'endTokenId'>;
}

/** Prompts by question and size: there are a few thousand, and tokenizing takes as long as a part of the step. */
const known = new Map<string, EncodedPrompt>();

/** A sample with its questions. */
export interface Lesson {
  /** Rows and patches. */
  item: TokenItem;
  /** What is asked, in the order of the example's targets. */
  questions: Question[];
}

/**
 * A sample and its questions as one example: the clip once, each question behind it without seeing the others.
 * @param sample - the clip
 * @param options - model and tokenizer
 * @param key - integers that fix which questions
 */
export function lessonOf(sample: Sample, { checkpoint, questioner }: LearnOptions, ...key: number[]): Lesson {
  const questions = questionsAbout(sample, randomStream(...key, 7));
  const visions = cut(sample, checkpoint);
  const { tokenizer, chat, endTokenId } = questioner;
  const { spatialMergeSize: mergeSize, tokensPerSecond } = checkpoint.vision;
  let shared = 0;
  const shapes = visions.map(({ pixels: _pixels, ...rest }) => rest);
  const examples = questions.map(({ question, answer }) => {
    const name = JSON.stringify([question, shapes]);
    const prompt =
      known.get(name) ??
      encodePrompt({ tokenizer, chat, question, visions: shapes, padTokens: checkpoint.tokens, mergeSize });
    known.set(name, prompt);
    const last = prompt.visions.at(-1)!;
    shared = last.start + last.length + 1; // and the marker of its end
    return buildExample({ prompt, answer, tokenizer, endTokenId, targets: 'response', mergeSize, tokensPerSecond });
  });
  const example = joinQuestions(examples, shared);
  return { item: { example, vision: { kind: 'patches', cut: () => visions }, dropoutKey: hashKey(...key) }, questions };
}

function cut({ shape, frames }: Sample, { processor }: Checkpoint): VisionPixels[] {
  if (shape !== 'video') return frames.map((frame) => cutPatches('image', [frame], processor));
  return [{ ...cutPatches('video', frames, processor), secondsPerGrid: processor.temporalPatchSize / FPS }];
}
