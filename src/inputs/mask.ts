// The mask made visible: which tokens of an example are trained, and the refusal of a mask that trains the wrong ones.
import { invariant, show } from '../core/index.ts';
import type { TextTokenizer } from '../prompt/index.ts';
import type { Example, TargetRule } from './token-rows.ts';

/** One token of an example. */
export interface MaskEntry {
  /** Its row. */
  row: number;
  /** Token id. */
  token: number;
  /** Its text; U+FFFD where the token is a part of a character. */
  text: string;
  /** True when it stands for a patch of an image or video. */
  vision: boolean;
  /** True when the row before is trained to predict it. */
  trained: boolean;
}

/**
 * What is trained and what is not, token by token.
 * @param example - a training example
 * @param tokenizer - the model's tokenizer
 * @returns one entry per row
 */
export function maskReport(example: Example, tokenizer: TextTokenizer): MaskEntry[] {
  const trained = new Map(example.targets.map((target) => [target.row + 1, target.token]));
  return Array.from(example.tokenIds, (token, row) => ({
    row,
    token,
    text: tokenizer.decode([token]),
    vision: example.visionSlots[row] !== -1,
    trained: trained.get(row) === token,
  }));
}

/**
 * The report as text: one line per token, runs of patches drawn together.
 * @param report - from {@link maskReport}
 * @returns lines of row, token id, `trained` or `ignored`, and the token's text quoted
 */
export function formatMaskReport(report: readonly MaskEntry[]): string {
  const lines: string[] = [];
  for (let i = 0; i < report.length; i++) {
    const entry = report[i]!;
    let count = 1;
    while (entry.vision && report[i + 1]?.vision === true && report[i + 1]!.token === entry.token) {
      i++;
      count++;
    }
    const state = entry.trained ? 'trained' : 'ignored';
    const times = count > 1 ? ` × ${count}` : '';
    lines.push(
      `${String(entry.row).padStart(6)}  ${String(entry.token).padStart(7)}  ${state}  ${show(entry.text)}${times}`,
    );
  }
  return lines.join('\n');
}

/**
 * The report in short: a line for each run of tokens that are all trained or all ignored.
 * @param report - from {@link maskReport}
 * @returns lines of `trained` or `ignored`, how many tokens, and their text; patches are left out of it
 */
export function summarizeMask(report: readonly MaskEntry[]): string {
  const lines: string[] = [];
  for (let start = 0; start < report.length;) {
    let end = start;
    while (report[end]?.trained === report[start]!.trained) end++;
    const run = report.slice(start, end);
    const text = run.map((entry) => (entry.vision ? '' : entry.text)).join('');
    const shown = text.length > 72 ? `${text.slice(0, 32)} … ${text.slice(-32)}` : text;
    lines.push(`${run[0]!.trained ? 'trained' : 'ignored'}  ${String(run.length).padStart(5)}  ${show(shown)}`);
    start = end;
  }
  return lines.join('\n');
}

/**
 * Refuses a mask that is empty, that predicts other tokens than those that follow, or whose targets are anything but what the rule says.
 * @param example - a training example, not trimmed
 * @param tokenizer - the model's tokenizer
 * @param endTokenId - id of the token that ends a turn; but for `integer-only` it is the last target
 * @param rule - which tokens are to be targets. Default `integer-only`
 * @throws Error (a bug, not the user's mistake) that names what the targets decode to
 */
export function assertMask(
  example: Example,
  tokenizer: TextTokenizer,
  endTokenId: number,
  rule: TargetRule = 'integer-only',
): void {
  const { targets, tokenIds, visionSlots, promptLength } = example;
  invariant(targets.length > 0, 'mask: expected targets, got none');
  const isText = (i: number): boolean => visionSlots[i]! < 0;
  const textRows = [...tokenIds.keys()].filter((i) => i > 0 && isText(i)).map((i) => i - 1);
  // A sentence begins in the prompt, and ends with the turn.
  const first = rule === 'sentence' ? tokenIds.length - 1 - targets.length : promptLength - 1;
  const rowAt = (i: number): number | undefined => (rule === 'sequence' ? textRows[i] : first + i);
  targets.forEach(({ row, token, weight }, i) => {
    const place = `mask: target ${i}`;
    invariant(row === rowAt(i), `${place}: expected row ${rowAt(i)}, got ${row}`);
    invariant(tokenIds[row + 1] === token, `${place}: expected the next token ${tokenIds[row + 1]}, got ${token}`);
    invariant(weight > 0, `${place}: expected a positive weight, got ${weight}`);
  });
  const ids = targets.map((target) => target.token);
  if (rule !== 'integer-only') invariant(ids.pop() === endTokenId, 'mask: expected the end token as the last target');
  const [text, wanted] = [tokenizer.decode(ids), spelled(example, rule)];
  if (rule === 'sequence') {
    const [all, got] = [textRows.length, targets.length];
    invariant(got === all && text.endsWith(wanted), `mask: expected ${all} targets up to ${show(wanted)}, got ${got}`);
  } else invariant(text === wanted, `mask: expected targets that spell ${show(wanted)}, got ${show(text)}`);
}

/** What the targets behind the question spell, the end of the turn aside. */
function spelled({ answer, sentence }: Example, rule: TargetRule): string {
  if (rule === 'integer-only' || sentence === undefined) return answer;
  return `${rule === 'response' ? '' : sentence.before}${answer}${sentence.after}`;
}
