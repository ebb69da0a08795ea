// What a description says of an opened model, of how graphs are run, and of this machine.
import { createHash } from 'node:crypto';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { UserError, packageVersion } from '../../core/index.ts';
import type { MosScale } from '../../dataset/index.ts';
import { fromMos5 } from '../../dataset/index.ts';
import { sha256File } from '../../files/index.ts';
import type { RuntimeOptions } from '../../engine/index.ts';
import { DEFAULT_BATCH } from '../../engine/index.ts';
import type { PromptProcessor, ScorerSettings } from '../../inputs/index.ts';
import { decoderVersions } from '../../inputs/index.ts';
import type { Checkpoint, LoraOptions } from '../../model/index.ts';
import { adapterTensorsFile, machine, versionOf } from '../../model/index.ts';
import type { VisionKind } from '../../prompt/index.ts';
import type { DecoderName } from '../../video/index.ts';
import type { ScoresMeta, ScoresModel } from './meta.ts';

/** What is known of a model that is open. */
export interface DescribedModel {
  /** Its folder. */
  folder: string;
  /** The model, or the adapter's base. */
  checkpoint: Checkpoint;
  /** The adapter's shape; null without one. */
  lora: LoraOptions | null;
  /** Name of the engine that computes. */
  engine: string;
  /** Makes its prompts. */
  processor: PromptProcessor;
  /** How it is prompted. */
  settings: ScorerSettings;
}

function decoderOf({ frames }: ScoresModel): DecoderName {
  return frames['decoder'] === 'ffmpeg' ? 'ffmpeg' : 'node-av';
}

const sha256 = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');

/**
 * What a description says of a model.
 * @returns all but its path, as the user named it, and its weight among others
 */
export async function describeModel(model: DescribedModel): Promise<Omit<ScoresModel, 'path' | 'weight'>> {
  const { folder, checkpoint, lora, processor, settings } = model;
  const { answer, positions, scale } = settings;
  const { assumedFps, ...frames } = settings.frames;
  return {
    modelHash: await checkpoint.hash(),
    tokenizerHash: await sha256File(join(checkpoint.folder, 'tokenizer.json')),
    adapterHash: lora === null ? null : await sha256File(adapterTensorsFile(folder)),
    loraHash: lora === null ? null : sha256(Object.entries(lora).sort(([a], [b]) => (a < b ? -1 : 1))),
    template: { name: processor.template.name, sha256: sha256(promptsInWords(processor, settings.frames.as)) },
    answer: { ...answer, values: valuesOf(processor, scale) },
    positions,
    maxTextTokens: processor.maxTextTokens,
    frames: { ...frames, assumedFps: assumedFps ?? null },
    ...(model.engine === 'onnx' ? {} : { engine: model.engine }),
  };
}

/** What the legal answers stand for on a scale, without the rounding noise that the map to it leaves in the last bits. */
function valuesOf({ codec }: PromptProcessor, scale: MosScale): number[] | null {
  const answers = codec.legalAnswers();
  return answers === null ? null : answers.map(({ value }) => Number(fromMos5(scale, value).toPrecision(12)));
}

/** The chat text of questions about a picture and a video, with and without a prompt. */
function promptsInWords({ template, chat, codec }: PromptProcessor, as: ScorerSettings['frames']['as']): unknown[] {
  const several: VisionKind[] = as === 'images' ? ['image', 'image'] : ['video'];
  return (['image', 'video'] as const).flatMap((kind) =>
    [undefined, 'PROMPT'].map((prompt) => {
      try {
        const question = template.render({ kind, prompt, codec });
        return chat.render(question, kind === 'image' ? ['image'] : several, template.framesLast);
      } catch (error) {
        if (error instanceof UserError) return null; // it needs a prompt
        throw error;
      }
    }),
  );
}

/** How scores are made, besides by which models. */
export interface DescribedRun {
  /** How models are run. */
  runtime?: RuntimeOptions;
  /** Most clips of a run of the graph; default 4. */
  batchSize?: number;
  /** Most memory of a run of the graph, in bytes. */
  maxMemory?: number;
}

/**
 * Completes a description.
 * @param made - models, scale, and what their cards say
 * @param options - how models are run
 */
export async function describeScores(
  made: Pick<ScoresMeta, 'models' | 'isEnsemble' | 'scale' | 'basis'>,
  { runtime = {}, batchSize = DEFAULT_BATCH, maxMemory }: DescribedRun,
): Promise<ScoresMeta> {
  const { min, max, higherIsBetter }: MosScale = made.scale;
  const { provider = 'cpu', threads = 0 } = runtime;
  return {
    format: 2,
    ...made,
    scale: { min, max, higherIsBetter },
    runtime: {
      provider,
      threads,
      batchSize,
      maxMemory: maxMemory ?? null,
      decoders: Object.fromEntries(await decoderVersions(made.models.map(decoderOf))),
      onnxruntime: versionOf('onnxruntime-node'),
    },
    machine: { cpu: cpus()[0]?.model ?? process.arch, hash: sha256(await machine()) },
    writtenBy: packageVersion,
  };
}
