/**
 * The quick start: clips of real photographs with known distortions, five adapters trained on them, and what they reach. Apart from
 * the rest of study, since it loads encoders.
 * @module study/quickstart
 */
export * from './clips.ts';
export * from './levels.ts';
export * from './members.ts';
export * from './quickstart.ts';
