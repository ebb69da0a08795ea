// Keys and sections that were renamed. An old key in a new recipe is an error that names the new key; a run's own recipe is read as it is.

/** New names by old ones, joined by dots. */
export const renamedKeys: ReadonlyMap<string, string> = new Map([
  ['run', 'runtime'],
  ['train.recompute', 'train.gradientCheckpointing'],
]);
