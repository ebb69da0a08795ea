// Scores against labels, a dot a clip, as SVG.
import type { Html } from './html.ts';
import { text } from './html.ts';

/** A dot. */
export interface ScatterPoint {
  /** The label. */
  x: number;
  /** The score. */
  y: number;
  /** Shown when it is pointed at. */
  name: string;
}

const [WIDTH, HEIGHT, LEFT, BOTTOM, EDGE] = [380, 300, 42, 36, 10];

/**
 * A figure of scores against labels, both on one scale, with the line on which they are equal.
 * @param caption - what it shows
 * @param points - a dot each
 * @param scale - lowest and highest value of both axes
 * @param axes - what stands at them
 */
export function scatter(
  caption: string,
  points: readonly ScatterPoint[],
  scale: readonly [number, number],
  axes: { x: string; y: string },
): Html {
  const [low, high] = scale;
  const across = (value: number): number => LEFT + ((value - low) / (high - low)) * (WIDTH - LEFT - EDGE);
  const up = (value: number): number => HEIGHT - BOTTOM - ((value - low) / (high - low)) * (HEIGHT - BOTTOM - EDGE);
  const at = (value: number): string => value.toFixed(1);
  const ticks = Array.from({ length: 5 }, (_, i) => low + ((high - low) * i) / 4);
  const grid = ticks.flatMap((tick) => {
    const label = text(Number(tick.toFixed(2)));
    return [
      `<line class="axis" x1="${at(across(tick))}" x2="${at(across(tick))}" y1="${at(up(low))}" y2="${at(up(high))}"/>`,
      `<line class="axis" x1="${at(across(low))}" x2="${at(across(high))}" y1="${at(up(tick))}" y2="${at(up(tick))}"/>`,
      `<text x="${at(across(tick))}" y="${at(up(low) + 14)}" text-anchor="middle">${label}</text>`,
      `<text x="${LEFT - 6}" y="${at(up(tick) + 4)}" text-anchor="end">${label}</text>`,
    ];
  });
  const dots = points.map(
    ({ x, y, name }) =>
      `<circle class="dot" cx="${at(across(x))}" cy="${at(up(y))}" r="3.5"><title>${text(name)}: ${text(x.toFixed(2))}, ${text(y.toFixed(2))}</title></circle>`,
  );
  return `<figure><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${text(caption)}">
${grid.join('')}
<line class="even" x1="${at(across(low))}" y1="${at(up(low))}" x2="${at(across(high))}" y2="${at(up(high))}"/>
${dots.join('')}
<text x="${at((across(low) + across(high)) / 2)}" y="${HEIGHT - 4}" text-anchor="middle">${text(axes.x)}</text>
<text transform="translate(11 ${at((up(low) + up(high)) / 2)}) rotate(-90)" text-anchor="middle">${text(axes.y)}</text>
</svg><figcaption>${text(caption)}</figcaption></figure>`;
}
