// Pieces of reports: text stays text, figures stand where their numbers say.
import { describe, expect, test } from 'vitest';
import { commands, page, paragraph, table, text } from '../../src/report/html.ts';
import { scatter } from '../../src/report/scatter.ts';

const hostile = `<script>alert("1")</script> & 'more'`;

describe('text of a report', () => {
  test('is never markup', () => {
    const pieces = [
      text(hostile),
      paragraph(hostile),
      commands([hostile]),
      table([hostile], [[hostile, hostile]]),
      scatter(hostile, [{ x: 1, y: 1, name: hostile }], [1, 5], { x: hostile, y: hostile }),
      page(hostile, hostile, [{ title: hostile, body: [] }]),
    ];
    for (const piece of pieces) expect(piece).not.toMatch(/<script|"1"|'more'/);
  });
});

test('dots stand where their numbers say', () => {
  const figure = scatter(
    'f',
    [
      { x: 1, y: 5, name: 'a' },
      { x: 5, y: 1, name: 'b' },
    ],
    [1, 5],
    { x: 'x', y: 'y' },
  );
  const dots = [...figure.matchAll(/cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [Number(x), Number(y)]);
  expect(dots).toEqual([
    [42, 10],
    [370, 264],
  ]);
});
