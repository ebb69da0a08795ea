// Which files belong to a model besides its weights: those that this project and other loaders of a checkpoint read, never code, never
// pickle. Pulled models and exported ones have the same.

/** Names of settings, tokenizer, chat templates and licence, with slashes where they lie in a folder below. */
const besideWeights: readonly RegExp[] = [
  /^(?:config|generation_config|(?:video_)?preprocessor_config|processor_config)\.json$/,
  /^(?:tokenizer|tokenizer_config|vocab|special_tokens_map|added_tokens)\.json$/,
  /^merges\.txt$/,
  /^chat_template\.(?:json|jinja)$/,
  /^additional_chat_templates\/[\w-]+\.jinja$/,
];
const licence = /^(?:LICENSE|NOTICE)(?:\.(?:txt|md))?$/i;

/**
 * Whether a file belongs to a model besides its weights and iovqa's card.
 * @param name - path below the model's folder, with slashes
 */
export const isModelFile = (name: string): boolean =>
  isLicence(name) || besideWeights.some((pattern) => pattern.test(name));

/**
 * Whether a file is the licence of a model or adapter.
 * @param name - path below its folder, with slashes
 */
export const isLicence = (name: string): boolean => licence.test(name);
