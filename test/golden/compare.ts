// Compares with a golden: bit by bit on the machine that made it, within tolerances elsewhere.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { machine, versionOf } from '../../src/model/index.ts';
import { here } from './measure.ts';

/** What of a machine moves the last bits. */
interface Fingerprint {
  /** SHA-256 of what the cache's keys say of processor and engine. */
  machine: string;
  /** Version of onnxruntime-node. */
  onnxruntime: string;
}

async function fingerprint(): Promise<Fingerprint> {
  const hash = createHash('sha256').update(await machine());
  return { machine: hash.digest('hex'), onnxruntime: versionOf('onnxruntime-node') };
}

/** Goldens of one file, and whether they must be met to the bit. */
export interface Goldens<T> {
  /** By name. */
  values: Readonly<Record<string, T>>;
  /** Whether they were made on this machine. */
  isExact: boolean;
  /** For the names of tests. */
  how: string;
}

/** Reads goldens. */
export async function readGoldens<T>(name: string): Promise<Goldens<T>> {
  const file = here('goldens', `${name}.json`);
  if (!existsSync(file)) throw new Error(`${file}: expected goldens; ${here('README.md')} says how they are made`);
  const { fingerprint: made, values } = JSON.parse(readFileSync(file, 'utf8')) as {
    fingerprint: Fingerprint;
    values: Record<string, T>;
  };
  const mine = await fingerprint();
  const isExact = made.machine === mine.machine && made.onnxruntime === mine.onnxruntime;
  const how = isExact ? 'to the bit' : 'within tolerances: the goldens are of another machine or onnxruntime';
  return { values, isExact, how };
}

/** Writes goldens, a line each. */
export async function writeGoldens(name: string, values: Readonly<Record<string, unknown>>): Promise<void> {
  await mkdir(here('goldens'), { recursive: true });
  const lines = Object.entries(values).map(([key, value]) => `    ${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  const print = JSON.stringify(await fingerprint());
  const text = `{\n  "fingerprint": ${print},\n  "values": {\n${lines.join(',\n')}\n  }\n}\n`;
  writeFileSync(here('goldens', `${name}.json`), text);
}

/**
 * Relative tolerance of losses. On other processors sums are taken in another order, which moves a loss by about 1e-6; four updates
 * carry it on. What is mistaken moves it by more than 1e-3.
 */
export const LOSS_TOLERANCE = 1e-4;
/** Tolerance of scores as a share of their scale: that of an adapter's golden scores. */
export const SCORE_TOLERANCE = 2e-3;

/** How far a number may be off, by its place in the tree; Infinity where another machine says nothing of it. */
type Allowed = (want: number, place: string) => number;

/**
 * Where a value is not its golden.
 * @param got - what was measured
 * @param want - the golden
 * @param allowed - how far numbers may be off; null for a comparison to the bit, of everything. Else what is no number is not compared
 * @returns a line for each place; none where all is well
 */
export function differences(got: unknown, want: unknown, allowed: Allowed | null): string[] {
  return want === undefined ? ['no golden of that name'] : walk(JSON.parse(JSON.stringify(got)), want, allowed, '');
}

function walk(got: unknown, want: unknown, allowed: Allowed | null, place: string): string[] {
  const different = [`${place}: expected ${JSON.stringify(want)}, got ${JSON.stringify(got)}`];
  if (isTree(got) && isTree(want)) {
    const keys = new Set([...Object.keys(got), ...Object.keys(want)]);
    return [...keys].flatMap((key) => walk(got[key], want[key], allowed, `${place}/${key}`));
  }
  if (allowed === null) return got === want ? [] : different;
  if (typeof got !== 'number' || typeof want !== 'number') return [];
  return Math.abs(got - want) <= allowed(want, place) ? [] : different;
}

const isTree = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** Tolerances of a run: those of ranks, hashes and single weights are none, since rounding decides them. */
export function allowedInRun(want: number, place: string): number {
  if (/^\/steps\/\d+\/0$/.test(place)) return LOSS_TOLERANCE * Math.abs(want) + 1e-7;
  if (/^\/steps\/\d+\/1$/.test(place)) return 1e-2 * Math.abs(want);
  if (/^\/evaluations\/\d+\/[23]$|^\/card\//.test(place)) return SCORE_TOLERANCE * 4;
  return Infinity;
}

/** Tolerances of scores on a scale of some width: score and spread, legal mass, probabilities; the integer may tip over. */
export function allowedInScores(range: number): Allowed {
  return (_, place) => {
    if (/\/[01]$/.test(place)) return SCORE_TOLERANCE * range;
    return /\/[25](\/\d)?$/.test(place) ? SCORE_TOLERANCE * range : Infinity;
  };
}
