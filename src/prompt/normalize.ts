// Unicode normalisation with the tables of the reference's tokenizer, which are older than those of JavaScript engines.

/**
 * Characters younger than Unicode 9 that newer tables reorder (marks) or compose: to the `tokenizers` library, whose tables are
 * those of Unicode 9 (crate unicode-normalization-alignments 0.1.12, in tokenizers 0.23.2), they are letters without properties.
 * Found by comparing every character, alone and in company, with Unicode 17; `test/reference/tokens.test.ts` does so again.
 */
const younger: RegExp = new RegExp(
  `[${[
    '7fd 897-89f 8ca-8d3 9fe c3c d3b-d3c eba 1715 1abf-1add 1ae0-1aeb 1df6-1dfa a82c 105d2 105da 10d24-10d27 10d69-10d6d',
    '10eab-10eac 10efa-10efb 10efd-10eff 10f46-10f50 10f82-10f85 11070 1133b 113b8 113bb 113c2 113c9 113ce-113d0 1145e',
    '11839-1183a 11930 1193d-1193e 11943 119e0 11a34 11a47 11a99 11d42 11d44-11d45 11d97 11f41-11f42 1611e-16120 16129 1612f',
    '16d67 16ff0-16ff1 1e08f 1e130-1e136 1e2ae 1e2ec-1e2ef 1e4ec-1e4ef 1e5ee-1e5ef 1e6e3 1e6e6 1e6ee-1e6ef 1e6f5',
  ]
    .join(' ')
    .replaceAll(/[\da-f]+/gu, String.raw`\u{$&}`)
    .replaceAll(' ', '')}]`,
  'u',
);
const older: RegExp = new RegExp(younger.source.replace('[', '[^') + '+', 'gu');

/**
 * Normalises text as the reference's tokenizer does, whatever version of Unicode the JavaScript engine has.
 * @param text - any text
 * @param normalize - a form of normalisation of the engine's, such as NFC
 * @returns the normalised text
 */
export function normalizeAsReference(text: string, normalize: (text: string) => string): string {
  return younger.test(text) ? text.replaceAll(older, (part) => normalize(part)) : normalize(text);
}
