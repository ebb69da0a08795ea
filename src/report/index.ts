/**
 * Reports: pages that need nothing but a browser.
 * @module report
 */
export {
  gainSentence,
  nextCommands,
  quickstartCaution,
  quickstartColumns,
  quickstartReport,
  quickstartRows,
} from './quickstart.ts';
