// Writes a set of generated clips of one kind.
import type { RandomStream } from '../../src/core/index.ts';
import { randomStream } from '../../src/core/index.ts';
import { formatCsv } from '../../src/dataset/index.ts';
import { cameraMotion, writeClip } from '../../src/synthesis/index.ts';
import type { RgbFrame } from '../../src/video/index.ts';
import { crop } from '../sets/crop.ts';
import type { SetClip } from '../sets/photographs.ts';
import { dealPhotographs } from '../sets/photographs.ts';
import type { SetOptions, SetPlan, WrittenSet } from '../sets/write-set.ts';
import { writeSet } from '../sets/write-set.ts';
import type { Drawn, GeneratedKind, GeneratedKindName } from './kinds.ts';
import { generatedKinds } from './kinds.ts';

/** Number of what a seed gives: it changes with any formula. */
const VERSION = 1;
/** How far a camera pans in the course of a clip, in whole pixels. */
const PAN = 24;
/** Least side of a photograph, in pixels: `cameraMotion` wants 1.25 times what it shows. */
export const LEAST_SIDE: number = Math.ceil(
  1.25 * (Math.max(...Object.values(generatedKinds).map(({ size }) => size)) + PAN),
);
/** Rate factor at which no difference is seen. */
const CRF = 8;

/** A clip that is to be made. */
export interface GeneratedClip extends SetClip, Drawn {}

/**
 * The clips of a set.
 * @param name - their kind
 * @param photographs - names, at least five
 * @param options - number of clips, at least 10; seed
 */
export function planGenerated(
  name: GeneratedKindName,
  photographs: readonly string[],
  options: { count: number; seed: number },
): GeneratedClip[] {
  const kind = generatedKinds[name];
  return dealPhotographs(photographs, options).map((clip) => ({
    ...clip,
    ...kind.draw(randomStream(options.seed, 2, clip.index)),
  }));
}

/**
 * Makes a set: `manifest.csv`, and with clips of two neighbouring frames `neighbours.csv`.
 * @param name - kind of its clips
 * @param options - folder, photographs of {@link LEAST_SIDE} pixels on each side, number of clips, seed
 * @throws UserError `bad-input` for photographs that are too few or too small, and a folder that holds something else
 */
export function makeGenerated(name: GeneratedKindName, options: SetOptions): Promise<WrittenSet> {
  const { apply, draw: _draw, ...about } = generatedKinds[name];
  const { numFrames, fps, keyInterval, hasNeighbours } = about;
  const folders = hasNeighbours ? ['neighbours'] : [];
  return writeSet(options, LEAST_SIDE, folders, (photographs, count, seed): SetPlan<GeneratedClip> => {
    const clips = planGenerated(name, photographs, { count, seed });
    const encoding = { fps, crf: CRF, ...(keyInterval === null ? {} : { keyInterval }) };
    return {
      settings: { version: VERSION, kind: name },
      truth: about,
      clips,
      write: async (clip, photo, pathOf) => {
        const stream = (purpose: number): RandomStream => randomStream(seed, 3, clip.index, purpose);
        const frames = await apply(pan(photo, about, stream(0)), clip, stream(1));
        if (hasNeighbours) {
          const first = stream(2).below(numFrames - 1);
          await writeClip(pathOf(neighboursOf(clip)), frames.slice(first, first + 2), encoding);
        }
        await writeClip(pathOf(clip.file), frames, encoding);
      },
      tables: {
        'manifest.csv': tableOf(clips, ({ file }) => file),
        ...(hasNeighbours ? { 'neighbours.csv': tableOf(clips, neighboursOf) } : {}),
      },
    };
  });
}

/** A camera that pans over a part of a photograph, from one corner of its way to the opposite one. */
function pan(
  photo: RgbFrame,
  { size, numFrames }: Pick<GeneratedKind, 'size' | 'numFrames'>,
  stream: RandomStream,
): RgbFrame[] {
  const side = size + PAN;
  const [view] = cameraMotion(photo, { width: side, height: side, numFrames: 1, stream });
  const [turnX, turnY] = [stream.below(2), stream.below(2)];
  return Array.from({ length: numFrames }, (_, k) => {
    const way = Math.round((PAN * k) / Math.max(1, numFrames - 1));
    return crop(view!, turnX === 0 ? way : PAN - way, turnY === 0 ? way : PAN - way, size);
  });
}

const neighboursOf = ({ file }: SetClip): string => file.replace('clips/', 'neighbours/');

function tableOf(clips: readonly GeneratedClip[], fileOf: (clip: GeneratedClip) => string): string {
  const header = ['video', 'group', 'split', 'mos', 'fault', 'strength', 'prompt'];
  return formatCsv(
    header,
    clips.map((clip) => {
      const { photograph, split, mos, fault, strength, prompt } = clip;
      return [fileOf(clip), photograph, split, mos.toFixed(1), fault, strength.toFixed(2), prompt];
    }),
  );
}
