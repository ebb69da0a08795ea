/**
 * The quick start: clips of real photographs with known distortions, five adapters trained on them, and what they reach. It loads
 * encoders.
 * @module quickstart
 */
export { findPhotographs } from './clips.ts';
export { heldOutStrengths } from './levels.ts';
export type { QuickstartResult, QuickstartScores, QuickstartStage } from './quickstart.ts';
export { quickstart } from './quickstart.ts';
