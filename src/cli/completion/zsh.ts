// Completion for zsh, with what each word means.
import type { CommandWords } from './words.ts';
import { quoted } from './words.ts';

/** A word with its meaning, as _describe reads it. */
const described = ({ name, about }: { name: string; about: string }): string =>
  quoted(`${name.replaceAll(':', '\\:')}:${about}`);

/**
 * Writes the script.
 * @param table - from `completionWords`
 */
export function zshCompletion(table: readonly CommandWords[]): string {
  const words = table.map(({ path, commands, flags, argument }) => {
    const known = Array.isArray(argument) ? argument.map((name: string) => quoted(name)).join(' ') : '';
    return [
      `    ${quoted(path.join(' '))})`,
      `      commands=(${commands.map(described).join(' ')})`,
      `      flags=(${flags.map(described).join(' ')})`,
      `      operand=${argument === 'files' ? 'files' : ''} operands=(${known})`,
      `      ;;`,
    ].join('\n');
  });
  const values = table.flatMap(({ path, flags }) =>
    flags.flatMap(({ name, value }) => {
      if (value === null) return [];
      const known = Array.isArray(value) ? value.map((word: string) => quoted(word)).join(' ') : '';
      return [
        `    ${quoted(`${path.join(' ')}:${name}`)}) valued=${value === 'files' ? 'files' : 'words'} values=(${known}) ;;`,
      ];
    }),
  );
  return `#compdef iovqa
# Completion of iovqa for zsh, written by: iovqa completion zsh

# What may stand behind a command.
_iovqa_at() {
  commands=() flags=() operand= operands=()
  case $1 in
${words.join('\n')}
  esac
}

# Whether a flag of a command has a value, and which ones are known.
_iovqa_value() {
  valued= values=()
  case $1 in
${values.join('\n')}
  esac
}

_iovqa_values() {
  if [[ $valued == files ]]; then
    _files
  else
    # Behind "key=" a value follows.
    compadd -S '' -- \${(M)values:#*=}
    compadd -- \${values:#*=}
  fi
}

_iovqa() {
  local at= flag= word valued operand
  local -a commands flags values operands
  _iovqa_at ''
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if [[ -n $flag ]]; then
      flag=
    elif [[ $word == -*=* ]]; then
      continue
    elif [[ $word == -* ]]; then
      _iovqa_value "$at:$word"
      [[ -z $valued ]] || flag=$word
    elif (( \${commands[(I)$word:*]} )); then
      at=\${at:+$at }$word
      _iovqa_at "$at"
    fi
  done
  word=$words[CURRENT]
  if [[ -n $flag ]]; then
    _iovqa_value "$at:$flag"
    _iovqa_values
  elif [[ $word == --*=* ]]; then
    _iovqa_value "$at:\${word%%=*}"
    compset -P 1 '*='
    _iovqa_values
  elif [[ $word == -* ]]; then
    _describe flag flags
  elif (( \${#commands} )); then
    _describe command commands
  elif (( \${#operands} )); then
    compadd -- $operands
  elif [[ $operand == files ]]; then
    _files
  fi
}

# Read from a file of fpath it is called, else registered.
if [[ \${funcstack[1]} == _iovqa ]]; then
  _iovqa "$@"
else
  compdef _iovqa iovqa
fi
`;
}
