// The tokenizer of a randomly initialised model: a small byte-level BPE with Qwen2.5-VL's special tokens and chat template.

/** Qwen2's pre-tokenizer: digits one by one, words with the space before them (Apache-2.0, from its tokenizer.json). */
const pattern = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/** The same for JavaScript, which has no `(?i:` on Node 20. */
const words =
  /'(?:s|t|re|ve|m|ll|d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+/giu;

/** Special tokens, in the order of their ids behind the bytes. */
export const specialTokens = [
  '<|endoftext|>',
  '<|im_start|>',
  '<|im_end|>',
  '<|vision_start|>',
  '<|vision_end|>',
  '<|vision_pad|>',
  '<|image_pad|>',
  '<|video_pad|>',
] as const;

/** A tokenizer to be written. */
export interface InitTokenizer {
  /** tokenizer.json. */
  json: unknown;
  /** Ids of the special tokens by their text. */
  ids: ReadonlyMap<string, number>;
  /** Number of tokens. */
  size: number;
}

/** Text that the merges are learned from: what the built-in templates say, so that their prompts stay short. */
const builtIn = `Rate the overall quality of this video. Rate the overall quality of this image. Consider four dimensions:
1. visual quality: sharpness, noise, artifacts and distortions;
2. text-video alignment: how well the content matches the text prompt below;
2. text-image alignment: how clearly the content shows what it is meant to show;
3. aesthetics: composition, colour and light;
4. temporal quality: smooth, consistent and natural motion, as far as the frames show it.
Answer with one two-digit integer from 10 (worst) to 50 (best) and nothing else.
Text prompt of the video: Text prompt of the image: a man and a woman in the city, people on a street with cars, trees, water and sky
You are a helpful assistant. system user assistant excellent good fair poor bad
assistant
user
system
excellent
good
fair
poor
bad`;

/** Byte-level BPE writes each byte as a printable character (GPT-2's `bytes_to_unicode`). */
function byteCharacters(): string[] {
  let shifted = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCharCode(printable ? byte : shifted++);
  });
}

/** Learns merges as BPE does (Sennrich et al. 2016): the commonest pair first; the first met where two are as common. */
function learnMerges(text: string, characters: readonly string[], count: number): string[] {
  const pieces = (text.match(words) ?? []).map((word) =>
    Array.from(new TextEncoder().encode(word), (byte) => characters[byte]!),
  );
  const merges: string[] = [];
  while (merges.length < count) {
    const pairs = new Map<string, number>();
    for (const word of pieces) {
      for (let i = 1; i < word.length; i++) {
        const pair = `${word[i - 1]} ${word[i]}`;
        pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
      }
    }
    let best: string | undefined;
    for (const [pair, times] of pairs) if (times > (best === undefined ? 0 : pairs.get(best)!)) best = pair;
    if (best === undefined) break;
    merges.push(best);
    const [left, right] = best.split(' ');
    for (const word of pieces) {
      for (let i = 1; i < word.length; i++) {
        if (word[i - 1] === left && word[i] === right) word.splice(i - 1, 2, `${left}${right}`);
      }
    }
  }
  return merges;
}

/** Merges at most, more than the built-in text has. */
const MAX_MERGES = 1000;

/**
 * Makes a byte-level BPE: 256 bytes, merges learned from the built-in prompts, special tokens. Digits stay apart.
 * @param corpus - more text to learn from; default none
 */
export function byteTokenizer(corpus = ''): InitTokenizer {
  const characters = byteCharacters();
  const merges = learnMerges(`${builtIn}\n${corpus}`.trimEnd(), characters, MAX_MERGES);
  const vocab: Record<string, number> = Object.fromEntries(characters.map((character, byte) => [character, byte]));
  let next = 256;
  for (const merge of merges) vocab[merge.replace(' ', '')] = next++;
  const ids = new Map(specialTokens.map((token) => [token, next++]));
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content) => ({
      id: ids.get(content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: { type: 'NFC' },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
      ],
    },
    post_processor: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges,
    },
  };
  return { json, ids, size: next };
}

/** Qwen2.5-VL's chat template (Apache-2.0, as its checkpoints ship it). */
export const chatTemplate: string = [
  '{% set image_count = namespace(value=0) %}',
  '{% set video_count = namespace(value=0) %}',
  '{% for message in messages %}',
  "{% if loop.first and message['role'] != 'system' %}<|im_start|>system\n",
  'You are a helpful assistant.<|im_end|>\n',
  "{% endif %}<|im_start|>{{ message['role'] }}\n",
  "{% if message['content'] is string %}",
  "{{ message['content'] }}<|im_end|>\n",
  '{% else %}',
  "{% for content in message['content'] %}",
  "{% if content['type'] == 'image' or 'image' in content or 'image_url' in content %}",
  '{% set image_count.value = image_count.value + 1 %}',
  "{% if add_vision_id %}Picture {{ image_count.value }}: {% endif %}<|vision_start|><|image_pad|><|vision_end|>{% elif content['type'] == 'video' or 'video' in content %}",
  '{% set video_count.value = video_count.value + 1 %}',
  "{% if add_vision_id %}Video {{ video_count.value }}: {% endif %}<|vision_start|><|video_pad|><|vision_end|>{% elif 'text' in content %}",
  "{{ content['text'] }}{% endif %}",
  '{% endfor %}<|im_end|>\n',
  '{% endif %}',
  '{% endfor %}',
  '{% if add_generation_prompt %}<|im_start|>assistant\n',
  '{% endif %}',
].join('');
