// Outlines of the things in a generated scene, with smooth edges.

type Point = readonly [number, number];

/** A thing's outline. */
export interface Shape {
  /** Left, top, right and bottom of what it can cover, in pixels. */
  bounds: readonly [number, number, number, number];
  /** How much of a pixel it covers, by the pixel's middle: 0–1. */
  cover: (x: number, y: number) => number;
}

const clamp = (value: number): number => Math.max(0, Math.min(1, value));

/**
 * An ellipse.
 * @param x - its middle
 * @param y - its middle
 * @param radius - greater half axis, in pixels
 * @param aspect - lesser half axis as a share of the greater
 * @param angle - of the greater axis, in radians
 * @param softness - width of its edge, in pixels
 * @returns the shape
 */
export function disc(x: number, y: number, radius: number, aspect: number, angle: number, softness: number): Shape {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const reach = radius + softness;
  return {
    bounds: [x - reach, y - reach, x + reach, y + reach],
    cover: (px, py) => {
      const [u, v] = [(px - x) * cos + (py - y) * sin, ((py - y) * cos - (px - x) * sin) / aspect];
      return clamp((radius - Math.sqrt(u * u + v * v)) / softness + 0.5);
    },
  };
}

/**
 * A polygon without indentations.
 * @param points - its corners, clockwise on the screen
 * @param softness - width of its edge, in pixels
 * @returns the shape
 */
export function polygon(points: readonly Point[], softness: number): Shape {
  const edges = points.map(([x, y], i) => {
    const [toX, toY] = points[(i + 1) % points.length]!;
    const length = Math.hypot(toX - x, toY - y) || 1;
    const [a, b] = [(toY - y) / length, (x - toX) / length]; // points outwards
    return { a, b, c: -(a * x + b * y) };
  });
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  return {
    bounds: [
      Math.min(...xs) - softness,
      Math.min(...ys) - softness,
      Math.max(...xs) + softness,
      Math.max(...ys) + softness,
    ],
    cover: (x, y) => {
      let outside = -Infinity;
      for (const { a, b, c } of edges) outside = Math.max(outside, a * x + b * y + c);
      return clamp(0.5 - outside / softness);
    },
  };
}

/**
 * A straight stroke with round ends.
 * @param from - where it starts
 * @param to - where it ends
 * @param thickness - in pixels
 * @returns the shape
 */
export function stroke(from: Point, to: Point, thickness: number): Shape {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length2 = dx * dx + dy * dy || 1;
  const reach = thickness / 2 + 1;
  return {
    bounds: [
      Math.min(from[0], to[0]) - reach,
      Math.min(from[1], to[1]) - reach,
      Math.max(from[0], to[0]) + reach,
      Math.max(from[1], to[1]) + reach,
    ],
    cover: (x, y) => {
      const along = clamp(((x - from[0]) * dx + (y - from[1]) * dy) / length2);
      const distance = Math.hypot(x - from[0] - along * dx, y - from[1] - along * dy);
      return clamp(thickness / 2 - distance + 0.5);
    },
  };
}
