/**
 * iovqa: integer-only fine-tuning of vision-language models for video quality, in Node.js.
 * @module iovqa
 */
export * from './core/index.ts';
