/**
 * Reports: pages that need nothing but a browser.
 * @module report
 */
export * from './html.ts';
export * from './quickstart.ts';
export * from './scatter.ts';
