/** Examples of a batch where nothing else is asked for: of predictions by length, and of clips that are scored. */
export const DEFAULT_BATCH = 4;
