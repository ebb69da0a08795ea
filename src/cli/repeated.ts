// Mistakes that come thousands of times from one cause: the first few are told, and at the end how many more there were.

/** Tells each cause a few times. */
export interface RepeatedNotes {
  /**
   * Tells a mistake, unless its cause was told often enough.
   * @param line - one line
   * @param cause - what mistakes of one cause have in common; default: the line
   */
  tell: (line: string, cause?: string) => void;
  /** Says how many were not told. */
  end: () => void;
}

/** Lines of one cause that are told. */
const TOLD = 5;

/** Causes that are counted each; whatever comes after them is counted together. */
const MOST_CAUSES = 1000;

/**
 * Starts telling.
 * @param tell - takes a line
 */
export function repeatedNotes(tell: (line: string) => void): RepeatedNotes {
  const counts = new Map<string, { count: number; first: string }>();
  return {
    tell(line, cause = line) {
      const key = counts.has(cause) || counts.size < MOST_CAUSES ? cause : '';
      const entry = counts.get(key) ?? { count: 0, first: line };
      counts.set(key, entry);
      if (++entry.count <= TOLD) tell(line);
    },
    end() {
      for (const { count, first } of counts.values()) {
        if (count > TOLD) tell(`… and ${count - TOLD} more like ${first}`);
      }
    },
  };
}

/**
 * What the error of a row or clip has in common with others: what was expected, without the place; of a clip also what came.
 * @param clip - its name in the scores: that of a row is the table and the line
 */
export function causeOfError(clip: string, error: string): string {
  const isRow = error.startsWith(`${clip}: `);
  const what = isRow ? error.slice(clip.length) : error.slice(Math.max(0, error.indexOf('expected ')));
  return isRow && /:\d+$/.test(clip) ? what.replace(/, got .*$/s, '') : what;
}
