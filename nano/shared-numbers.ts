// Parameters and gradients in memory that threads share: one flat array, and views of it by name.

/** Names and shapes, in a fixed order. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Memory for all of them, shared. */
export function allocate(shapes: Shapes): SharedArrayBuffer {
  return new SharedArrayBuffer(4 * [...shapes.values()].reduce((total, shape) => total + sizeOf(shape), 0));
}

/** Views by name of what {@link allocate} gave. */
export function viewsOf(buffer: SharedArrayBuffer, shapes: Shapes): Map<string, Float32Array> {
  const views = new Map<string, Float32Array>();
  let offset = 0;
  for (const [name, shape] of shapes) {
    views.set(name, new Float32Array(buffer, offset, sizeOf(shape)));
    offset += 4 * sizeOf(shape);
  }
  return views;
}

/** Copies values into views of the same names. */
export function copyInto(views: ReadonlyMap<string, Float32Array>, values: ReadonlyMap<string, Float32Array>): void {
  for (const [name, view] of views) view.set(values.get(name)!);
}
