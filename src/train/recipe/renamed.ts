// Keys and sections that had other names. A new recipe with an old one is told the new one; a run's own recipe is read as it is.

/** New names by old ones, joined by dots. */
export const renamedKeys: ReadonlyMap<string, string> = new Map([
  ['run', 'runtime'],
  ['train.recompute', 'train.gradientCheckpointing'],
]);
