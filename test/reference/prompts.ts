// A thousand prompts that try a tokenizer: a fixed list, then seeded mixtures of all scripts and of everything that looks like
// markup. The characters are of Unicode 12 or older, so that the tables of the JavaScript engine at hand do not matter.
import { randomStream, type RandomStream } from '../../src/core/index.ts';

/** Draws one stretch of text. */
type Piece = (random: RandomStream) => string;

const pick = <T>(random: RandomStream, list: readonly T[]): T => list[random.below(list.length)]!;
const times = (random: RandomStream, least: number, most: number, draw: () => string): string =>
  Array.from({ length: least + random.below(most - least + 1) }, draw).join('');
const among = (list: readonly string[]): Piece => {
  return (random) => pick(random, list);
};
/** Of `41-5a 61`, in hexadecimal: first and last character. */
const ranges = (text: string): readonly (readonly [number, number])[] =>
  text
    .trim()
    .split(/\s+/u)
    .map((range) => range.split('-').map((hex) => Number.parseInt(hex, 16)))
    .map(([low, high]) => [low!, high ?? low!]);

/** A character of one of the ranges, each as likely as the others. */
const character = (random: RandomStream, list: readonly (readonly [number, number])[]): string => {
  const [low, high] = pick(random, list);
  return String.fromCodePoint(low + random.below(high - low + 1));
};

/** Letters and signs: Latin, phonetic, Greek, Cyrillic, Armenian, Hebrew, Arabic, Syriac, Thaana, the scripts of India, Thai, Lao,
 * Tibetan, Myanmar, Georgian, Hangul, Ethiopic, Cherokee, Canadian, Khmer, Mongolian, accents, letterlike signs, mathematics, boxes,
 * kana, Bopomofo, Han and what NFC replaces of it, ligatures, half and full widths, ancient scripts, tiles, pictures, faces. */
const scripts = ranges(`
  61-7a c0-24f 250-2af 370-3ff 400-52f 531-556 5d0-5ea 620-64a 710-74a 780-7b1 904-94f 985-9b9 a05-a4d a85-acd b85-bcd
  c05-c39 c85-ccd d05-d39 d85-ddf e01-e4e e81-eb9 f40-fb9 1000-1049 10a0-10ff 1100-11ff 1200-137f 13a0-13f5 1401-167f
  1780-17d3 1820-1877 1e00-1fff 2070-20bf 2100-218b 2190-23ff 2460-27bf 2c60-2c7f 3041-30ff 3105-312f 3200-33ff
  4e00-9fa5 a4d0-a4ff ac00-d7a3 f900-fa6d fb00-fb4f fe70-fefc ff01-ffdc 10330-1034a 10400-1044f 12000-12399 13000-1342e
  1d400-1d7ff 1f000-1f02b 1f100-1f1ff 1f300-1f64f 1f680-1f6d5 1f900-1f971 20000-2a6d6 2f800-2fa1d`);
/** Marks that combine with what is before them; variation selectors. */
const marks = ranges(`
  300-36f 300-36f 483-489 591-5bd 64b-65f 93c 94d e34-e3a f71-f84 1ab0-1abe 1dc0-1df5 20d0-20f0 302a-302d 3099-309a
  fe00-fe0f fe20-fe2f`);
/** Where ten digits, or other numbers, begin. */
const zeros = ranges(`
  30 30 30 660 6f0 7c0 966 9e6 be6 e50 f20 1040 17e0 1810 2080 2150 2160 2460 3021 ff10 104a0 1d7ce 1d7e2 1f101`);
const characters = (text: string): string[] => ranges(text).map(([one]) => String.fromCodePoint(one));
const spaces = characters('20 20 20 a a d 9 b c 85 a0 1680 2002 2009 200a 2028 2029 202f 205f 3000 feff').concat([
  '\r\n',
  '\r\n',
]);
const invisible = characters('200b 200c 200d 2060 feff ad 34f 180e 61c');
const bidi = characters('200e 200f 202a 202b 202c 202d 202e 2066 2069');
const joined = `👩‍👩‍👧‍👦 🏳️‍🌈 🏴‍☠️ 👨🏽‍🚀 👍🏿 🇩🇪🇫🇷🇯 1️⃣#️⃣ ❤️‍🔥 ☺︎☺️ 🏴󠁧󠁢󠁳󠁣󠁴󠁿 🧑🏻‍❤️‍💋‍🧑🏿 🦔 🏽 🇦`.split(' ').concat('\u{200D}👧');
const contractions = `'s 't 're 've 'm 'll 'd 'ſ ’s 'st ' ''ll 'RE 'lL 'dx 'µ`.split(' ');
const words =
  `a corgi runs over the wet beach at dawn while neon signs flicker cinematic 4K slow-motion close-up of two astronauts
  playing chess in Zürich café naïve coöperate Don't DO that they'd we've I'M you'll rock'n'roll o'clock`.split(/\s+/u);
const markup =
  `<|im_start|> <|im_end|> <|endoftext|> <|image_pad|> <|video_pad|> <|vision_start|> <|vision_end|> <|vision_pad|>
  <|object_ref_start|> <|box_end|> <|quad_start|> <tool_call> </tool_call> <think> </think> <tool_response> <|fim_prefix|>
  <|repo_name|> <|file_sep|> <s> </s> <|assistant|> [INST]`.split(/\s+/u);
const jinja =
  `{{ messages }}~{% raw %}~{% endraw %}~{%- if true -%}~{# note #}~{{~}}~{%~%}~{{ 7*7 }}~{prompt}~{answer_format}
~{{ raise_exception("x") }}~$& $1 $$ \`~\\1 \\n %s {0}~\u{F8F0}\u{F8F1}question\u{F8F2}`.split('~');
const code = [
  'https://example.org/a%20b/?q=1&r=ä#frag-2.1',
  'mailto:who@example.com',
  'C:\\Users\\x\\clip (1).mp4',
  '../../etc/passwd',
  'for (let i = 0; i < n; i++) { a[i] ??= b?.c; }',
  'def f(x):\n    return x ** 2  # square\n\n\n',
  '\tif (x != NULL)\r\n\t\treturn -1;\r\n',
  "SELECT * FROM clips WHERE mos >= 3.5; --'",
  '{"a": [1, 2.5e-3, null], "b": "\\u00e9"}',
  '<p class="x">&amp;&nbsp;</p><!-- -->',
  '^(?:[^\\r\\n]|\\p{L})+$',
  '# Title\n\n- one\n  - two\n\n```js\n```\n| a | b |',
  '2024-02-29T23:59:60Z',
  '1.234.567,89 € / -0.5e+10 / 0x1F600',
  '~~~ ___ *** === ... ,,, !!! ??? ;;; ---->>>',
];
const unpaired = '( ) [ ] { } < > « » „ “ ” ‘ ’ " \\ ` | ¿ ¡ 「 」'.split(' ');

const script: Piece = (random) => {
  const [low, high] = pick(random, scripts);
  return times(random, 1, 12, () => String.fromCodePoint(low + random.below(high - low + 1)));
};
const marked: Piece = (random) =>
  times(random, 1, 6, () => character(random, scripts) + times(random, 0, 4, () => character(random, marks)));
const normalised: Piece = (random) => {
  const text =
    pick(random, [script, marked])(random) + pick(random, ['é', 'Å', 'Ω', '각', 'क़', 'ΐ', '\u{344}', 'ﬃ', 'ậ', '豈']);
  return text.normalize(pick(random, ['NFC', 'NFD', 'NFKC', 'NFKD']));
};
const number: Piece = (random) => {
  const zero = pick(random, zeros)[0];
  const one = (): string => String.fromCodePoint(zero + random.below(10));
  return random.below(4) === 0
    ? times(random, 20, 90, one)
    : times(random, 1, 6, one) + pick(random, ['', '.5', ',', '%', 'km', '²', '½']);
};
const white: Piece = (random) => {
  const one = pick(random, spaces);
  return random.below(2) === 0 ? one.repeat(1 + random.below(9)) : times(random, 1, 8, () => pick(random, spaces));
};
const control: Piece = (random) => times(random, 1, 4, () => character(random, [[0, 0x1f], [0x7f, 0x9f]])); // prettier-ignore
const hidden: Piece = (random) =>
  times(random, 1, 5, () => pick(random, random.below(3) === 0 ? words : pick(random, [invisible, bidi])));
const rightToLeft: Piece = (random) =>
  times(random, 1, 8, () => character(random, [[0x5d0, 0x5ea], [0x621, 0x64a], [0x5b0, 0x5bd], [0x64b, 0x652]])) + // prettier-ignore
  pick(random, ['', ' ', '،', '؟', ' 123 ', ...bidi]);
const contraction: Piece = (random) => {
  const text = pick(random, words) + pick(random, contractions);
  return pick(random, [text, text.toUpperCase(), text + pick(random, contractions)]);
};
/** A token's text, whole or slightly wrong. */
const lookAlike: Piece = (random) => {
  const text = pick(random, markup);
  const at = random.below(text.length + 1);
  const changes = [
    text,
    text,
    text,
    text.slice(0, at) + text.slice(at + 1),
    text.slice(0, at) + pick(random, [...invisible, ' ', '\n', '|', 'é']) + text.slice(at),
    text.slice(0, at) + pick(random, markup) + text.slice(at),
    text.toUpperCase(),
    text.replaceAll('|', '｜'),
    text.replaceAll('_', '▁'),
    text.repeat(1 + random.below(4)),
    ` ${text} `,
  ];
  return pick(random, changes);
};
const longWord: Piece = (random) => {
  const few = [0, 1, 2].map(() => character(random, scripts));
  const length = 40 + random.below(400);
  const kind = random.below(4);
  if (kind === 0) return few[0]!.repeat(length);
  if (kind === 1) return times(random, length, length, () => character(random, [[0x61, 0x7a], [0x41, 0x5a]])); // prettier-ignore
  if (kind === 2) return times(random, length, length, () => pick(random, few));
  return times(random, length, length, () => character(random, [[0x4e00, 0x9fa5]]));
};
const sentence: Piece = (random) =>
  `${times(random, 2, 12, () => `${pick(random, words)} `)}${pick(random, ['', '.', '…', ' - '])}`;

/** Every kind of text; prompt i has one of kind i modulo their number, and others around it. */
const pieces: readonly Piece[] = [
  script,
  marked,
  normalised,
  number,
  white,
  control,
  hidden,
  rightToLeft,
  contraction,
  lookAlike,
  lookAlike,
  longWord,
  sentence,
  among(joined),
  among(jinja),
  among(code),
  among(unpaired),
];

/** The ends of a text and other single cases. */
const fixed: readonly string[] = [
  '',
  ' ',
  '\n',
  '\r\n',
  '\u{0}',
  '0',
  'Rate this video.',
  "Text prompt: A corgi's DON'T-stop 2024 run; 3.14 km,\n\n  at   dawn…",
  '日本の桜 — ежик в тумане 🦔👩‍👩‍👧 e\u{301}\u{e9} \u{200b} end\t',
  '   leading and trailing   \n',
  "\u{301}combining first, 'S and 'LL, \u{a0}nbsp\u{3000}wide ½ ² ١٢٣",
  '<|im_end|>\n<|im_start|>assistant\n50<|im_end|>',
  '<|vision_start|><|image_pad|><|video_pad|><|vision_end|>',
  'a<|endoftext|>b <|im_end|',
  '<|<|im_end|>im_end|>',
  'e\u{301}'.repeat(300),
  'x'.repeat(5000),
  `${' '.repeat(3000)}x`,
  '\n'.repeat(1000),
  '7'.repeat(2000),
  '\u{115f}\u{1160}\u{11ff}가\u{11a8}\u{1100}\u{1161}',
  ...markup,
  ...jinja,
  ...code,
];

/**
 * @param count - how many
 * @returns different prompts, always the same ones
 */
export function makePrompts(count: number): string[] {
  const prompts = new Set(fixed);
  for (let i = 0; prompts.size < count; i++) {
    const random = randomStream(3, i);
    const own = pieces[i % pieces.length]!;
    const parts = Array.from({ length: random.below(6) }, () => pick(random, pieces)(random));
    parts.splice(random.below(parts.length + 1), 0, own(random));
    const between = pick(random, ['', '', ' ', ' ', '\n', ', ', '\r\n\r\n']);
    prompts.add(parts.join(between));
  }
  return [...prompts];
}
