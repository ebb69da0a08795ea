// What a thread of pretraining learns from, by stage: the tower from cells of pictures, the whole model from questions.
import type { Checkpoint } from '../src/model/index.ts';
import type { StepResult, TrainStep } from '../src/engine/onnx/index.ts';
import { collate, compileStep, compileStepGraph } from '../src/engine/onnx/index.ts';
import { loadPromptProcessor } from '../src/inputs/index.ts';
import { objectives } from '../src/objectives/index.ts';
import { cutPatches } from '../src/video/index.ts';
import { targetsOf } from './cells.ts';
import { towerOf } from './family.ts';
import { lessonOf } from './learn.ts';
import type { Content, Sample, SampleGroup, Stage } from './samples.ts';
import { makePictures, makeSample } from './samples.ts';
import type { TowerItem } from './tower.ts';
import { towerFeeds, towerGraph } from './tower.ts';

/** One core: an op that two cores share waits more than it gains in a model of this size. */
const run = { threads: 1, prepack: false };

/**
 * Learns from a group that was made.
 * @param parameters - current values by name
 * @param all - what the whole update is made of, in all threads: the loss is its mean
 * @param key - integers that fix what is asked; the sample's place comes behind them
 * @returns loss and gradients, in arrays that the next call writes over
 */
type Learn = (
  parameters: ReadonlyMap<string, Float32Array>,
  all: readonly SampleGroup[],
  ...key: number[]
) => Promise<StepResult>;

/** Learns from groups of samples. */
export interface StageLearner {
  /** Names and shapes of what trains. */
  parameters: TrainStep['parameters'];
  /**
   * Makes all samples of a group.
   * @param content - photographs
   * @param group - shape, size and count
   * @param key - integers that name it; the sample's place comes behind them
   */
  make: (content: Content, group: SampleGroup, ...key: number[]) => Promise<Learn>;
  /** Frees the session. */
  [Symbol.asyncDispose]: () => Promise<void>;
}

/** Makes the learner of a stage. */
export async function openLearner(stage: Stage, checkpoint: Checkpoint): Promise<StageLearner> {
  return stage === 'cells' ? openCells(checkpoint) : openQuestions(checkpoint);
}

async function openCells(checkpoint: Checkpoint): Promise<StageLearner> {
  const { stored, processor } = checkpoint;
  const vision = towerOf(checkpoint);
  const side = vision.patchSize * vision.spatialMergeSize;
  const graph = towerGraph(vision, (name) => stored(name).shape);
  const step = await compileStepGraph(graph, { run });
  return {
    parameters: step.parameters,
    make: async (content, group, ...key) => {
      const items: TowerItem[] = [];
      for (let i = 0; i < group.count; i++) {
        const { originals, versions } = await makePictures(content, group, ...key, i);
        const { frames, applied } = versions[0]!;
        const targets = targetsOf(originals[0]!, frames[0]!, applied, side);
        items.push({ vision: cutPatches('image', [frames[0]!], processor), targets });
      }
      return (parameters, all) => {
        const cells = all.reduce((total, { size, count }) => total + count * (size / side) ** 2, 0);
        return step.run(parameters, towerFeeds(items, cells, vision));
      };
    },
    [Symbol.asyncDispose]: () => step[Symbol.asyncDispose](),
  };
}

async function openQuestions(checkpoint: Checkpoint): Promise<StageLearner> {
  const processor = await loadPromptProcessor(checkpoint, {
    prompt: { template: 'four-dimensions', source: null },
    answer: { kind: 'integer', step: null },
  });
  const { form } = objectives.response;
  const step = await compileStep({ model: checkpoint, lora: null, form, numColumns: 0, run });
  return {
    parameters: step.parameters,
    make: async (content, group, ...key) => {
      const samples: Sample[] = [];
      for (let i = 0; i < group.count; i++) samples.push(await makeSample(content, group, ...key, i));
      return (parameters, all, ...asked) => {
        const clips = all.reduce((total, { count }) => total + count, 0);
        const examples = samples.map((sample, i) => lessonOf(sample, { checkpoint, processor }, ...asked, i).example);
        // The weights of an example's answers add up to 1.
        return step.run(parameters, collate(examples, { form, batchWeight: clips, model: checkpoint, dropout: false }));
      };
    },
    [Symbol.asyncDispose]: () => step[Symbol.asyncDispose](),
  };
}
