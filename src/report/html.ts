// Pieces of a report: one HTML file that needs nothing else, readable in light and dark, on paper and on a phone.

/** A piece of HTML; text that comes from outside is in it only through {@link text}. */
export type Html = string;

/**
 * Text as HTML.
 * @param value - any text
 */
export function text(value: string | number): Html {
  return String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A cell that is HTML already. */
export interface HtmlCell {
  /** What stands in it. */
  html: Html;
}

/** A cell of a table. */
export type ReportCell = string | number | HtmlCell;

/**
 * A table.
 * @param header - names of the columns
 * @param rows - cells, as many as there are columns; numbers and what follows the first column stand to the right
 */
export function table(header: readonly string[], rows: readonly (readonly ReportCell[])[]): Html {
  const cell = (value: ReportCell): Html => (typeof value === 'object' ? value.html : text(value));
  const head = header.map((name) => `<th scope="col">${text(name)}</th>`).join('');
  const body = rows.map(
    ([first, ...rest]) =>
      `<tr><th scope="row">${cell(first ?? '')}</th>${rest.map((value) => `<td>${cell(value)}</td>`).join('')}</tr>`,
  );
  return `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>${body.join('\n')}</tbody></table></div>`;
}

/** A paragraph of plain text. */
export function paragraph(value: string): Html {
  return `<p>${text(value)}</p>`;
}

/**
 * Lines of a shell, as they are typed.
 * @param lines - without line ends
 */
export function commands(lines: readonly string[]): Html {
  return `<pre>${lines.map(text).join('\n')}</pre>`;
}

/** A part of a report. */
export interface ReportSection {
  /** Its heading. */
  title: string;
  /** What stands under it. */
  body: readonly Html[];
}

const style = `:root{color-scheme:light dark;--ink:#1c2024;--dim:#60646c;--line:#d9d9e0;--paper:#fff;--mark:#0d6e8c;--soft:#f2f4f6}
@media(prefers-color-scheme:dark){:root{--ink:#edeef0;--dim:#b0b4ba;--line:#3a3f45;--paper:#15171a;--mark:#52b9d6;--soft:#1f2226}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:2rem 1.25rem 4rem}h1{font-size:1.7rem;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2.2rem 0 .5rem}
p{max-width:46rem;margin:.5rem 0}.lead{color:var(--dim)}.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.5rem 0}
th,td{padding:.3rem .8rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}th:first-child{text-align:left;padding-left:0}
thead th{color:var(--dim);font-weight:500}tbody th{font-weight:400}
pre{background:var(--soft);padding:.8rem 1rem;overflow-x:auto;border-radius:6px;font:13px/1.6 ui-monospace,monospace}
.row{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0;flex:1 1 20rem;min-width:0}figcaption{color:var(--dim);font-size:.9rem}svg{width:100%;height:auto;display:block}
svg text{fill:var(--dim);font:11px system-ui,sans-serif}svg .axis{stroke:var(--line)}svg .dot{fill:var(--mark);fill-opacity:.55}svg .even{stroke:var(--dim);stroke-dasharray:4 4}
@media print{main{max-width:none}pre{white-space:pre-wrap}}`;

/**
 * A whole page.
 * @param lead - what it says, in a sentence or two
 * @param sections - its parts
 */
export function page(title: string, lead: string, sections: readonly ReportSection[]): Html {
  const parts = sections.map(({ title, body }) => `<section><h2>${text(title)}</h2>\n${body.join('\n')}</section>`);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${text(title)}</title><style>${style}</style></head>
<body><main><h1>${text(title)}</h1>
<p class="lead">${text(lead)}</p>
${parts.join('\n')}
</main></body></html>
`;
}
