// A plot with logarithmic axes as an SVG, in colours that can be told apart on light and dark pages; and the exponent of a growth.

/** A line of a plot. */
export interface Series {
  name: string;
  points: readonly (readonly [x: number, y: number])[];
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [560, 340, 64, 150, 34, 46];
const COLOURS = ['#2f6fdb', '#d9622b', '#2a9d6f', '#a04fc4'];

/**
 * Draws lines over logarithmic axes.
 * @param title - above the plot
 * @param labels - of both axes, with units
 * @param series - positive numbers
 */
export function logPlot(title: string, labels: { x: string; y: string }, series: readonly Series[]): string {
  const all = series.flatMap(({ points }) => points);
  const xs = [...new Set(all.map(([x]) => x))].sort((a, b) => a - b);
  const [low, high] = [Math.min(...all.map(([, y]) => y)), Math.max(...all.map(([, y]) => y))];
  const [bottom, top] = [Math.floor(Math.log10(low) * 2) / 2, Math.ceil(Math.log10(high) * 2) / 2];
  const share = (value: number, from: number, to: number): number =>
    (Math.log(value) - Math.log(from)) / (Math.log(to) - Math.log(from));
  const px = (x: number): string => (LEFT + share(x, xs[0]!, xs.at(-1)!) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const py = (y: number): string =>
    (HEIGHT - BOTTOM - share(y, 10 ** bottom, 10 ** top) * (HEIGHT - TOP - BOTTOM)).toFixed(1);
  const text = (x: number | string, y: number | string, what: string, more = ''): string =>
    `<text x="${x}" y="${y}" ${more}>${what.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`;
  const lines: string[] = [];
  for (let tick = bottom; tick <= top + 1e-9; tick += 0.5) {
    const y = py(10 ** tick);
    lines.push(`<path d="M${LEFT} ${y}H${WIDTH - RIGHT}" stroke="#8884"/>`);
    lines.push(text(LEFT - 8, Number(y) + 4, Number((10 ** tick).toPrecision(2)).toString(), 'text-anchor="end"'));
  }
  for (const x of xs) lines.push(text(px(x), HEIGHT - BOTTOM + 18, x.toLocaleString('en'), 'text-anchor="middle"'));
  series.forEach(({ name, points }, i) => {
    const colour = COLOURS[i % COLOURS.length]!;
    const path = points.map(([x, y], k) => `${k === 0 ? 'M' : 'L'}${px(x)} ${py(y)}`).join('');
    lines.push(`<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const [x, y] of points) lines.push(`<circle cx="${px(x)}" cy="${py(y)}" r="3" fill="${colour}"/>`);
    const [, y] = points.at(-1)!;
    lines.push(text(WIDTH - RIGHT + 10, Number(py(y)) + 4, name, `style="fill:${colour}"`));
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<style>text{fill:#555}@media(prefers-color-scheme:dark){text{fill:#bbb}}</style>
${text(LEFT, 18, title, 'font-size="14" font-weight="bold"')}
${text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, labels.x, 'text-anchor="middle"')}
${text(14, (TOP + HEIGHT - BOTTOM) / 2, labels.y, `text-anchor="middle" transform="rotate(-90 14 ${(TOP + HEIGHT - BOTTOM) / 2})"`)}
${lines.join('\n')}
</svg>
`;
}

/**
 * The exponent of a growth: the slope of log y over log x by least squares.
 * @param points - positive numbers
 */
export function exponent(points: readonly (readonly [x: number, y: number])[]): number {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const);
  const mean = (k: 0 | 1): number => logs.reduce((sum, point) => sum + point[k], 0) / logs.length;
  const [mx, my] = [mean(0), mean(1)];
  const [top, below] = logs.reduce(([a, b], [x, y]) => [a + (x - mx) * (y - my), b + (x - mx) ** 2], [0, 0]);
  return top / below;
}
