// What the process of a run is told to do, and what it tells.
import type { RecipeSources } from '../../train/index.ts';
import type { RowToScore } from '../score-rows.ts';
import type { HashedTable } from './identity.ts';

/** What a process is told to do: plain data. */
export interface RunWork {
  /** Name of the study's file, absolute. */
  study: string;
  /** What the run's recipe is put together from. */
  sources: RecipeSources;
  /** What the run depends on. */
  identity: string;
  /** Whether it trains. */
  isTrained: boolean;
  /** The arms that have this run, one by one. */
  parts: RunPart[];
  /** How many of the reported clips are answered freely, too. */
  freeAnswers: number;
  /** Its GPUs, as `CUDA_VISIBLE_DEVICES` has them; null: all. */
  gpus: string | null;
  /** Folder of the results. */
  results: string;
}

/** What an arm wants of a run. */
export interface RunPart {
  /** The arm. */
  arm: string;
  /** Its seed. */
  seed: number;
  /** `ARM/seed-N`. */
  name: string;
  /** What its scores depend on. */
  identity: string;
  /** The tables, which must stay as they are. */
  tables: HashedTable[];
  /** What the recipe of scoring is put together from; null: that of the run. */
  scoring: RecipeSources | null;
  /** Clips to score; none in a trial of a learning rate. */
  report: ReportedClip[];
}

/** A clip to score. */
export type ReportedClip = RowToScore;

/** How a run goes on. */
export type RunTold =
  | {
      /** How far it is. */
      type: 'progress';
      /** What it does. */
      what: 'reading clips' | 'training' | 'scoring' | 'answering freely';
      /** Clips or updates so far. */
      done: number;
      /** Of how many. */
      total: number;
    }
  | {
      /** What a user should know. */
      type: 'note';
      /** One line. */
      text: string;
    };
