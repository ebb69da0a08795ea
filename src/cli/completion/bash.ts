// Completion for bash: from 3.2 on, which macOS has, and without the package bash-completion.
import type { CommandWords } from './words.ts';
import { quoted } from './words.ts';

/**
 * Writes the script.
 * @param table - from `completionWords`
 */
export function bashCompletion(table: readonly CommandWords[]): string {
  const words = table.map(({ path, commands, flags, argument }) => {
    const known = commands.length > 0 ? commands.map(({ name }) => name) : Array.isArray(argument) ? argument : [];
    const [first, second] = [known, flags.map(({ name }) => name)].map((list) => quoted(list.join(' ')));
    return `    ${quoted(path.join(' '))}) commands=${first} flags=${second} ;;`;
  });
  const values = table.flatMap(({ path, flags }) =>
    flags.flatMap(({ name, value }) =>
      value === null
        ? []
        : [
            `    ${quoted(`${path.join(' ')}:${name}`)}) valued=1 values=${quoted(Array.isArray(value) ? value.join(' ') : '')} ;;`,
          ],
    ),
  );
  return `# Completion of iovqa for bash, written by: iovqa completion bash

# What may stand behind a command.
_iovqa_at() {
  commands= flags=
  case $1 in
${words.join('\n')}
  esac
}

# Whether a flag of a command has a value, and which ones are known.
_iovqa_value() {
  valued= values=
  case $1 in
${values.join('\n')}
  esac
}

_iovqa() {
  local cur=\${COMP_WORDS[COMP_CWORD]} at= flag= word i commands flags valued values
  COMPREPLY=()
  _iovqa_at ''
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ -n $flag && $word == = ]]; then
      continue # bash gives --flag=value as three words
    elif [[ -n $flag ]]; then
      flag=
    elif [[ $word == -* ]]; then
      _iovqa_value "$at:$word"
      [[ -z $valued ]] || flag=$word
    elif [[ " $commands " == *" $word "* ]]; then
      at=\${at:+$at }$word
      _iovqa_at "$at"
    fi
  done
  [[ $cur != = ]] || cur=
  if [[ -n $flag ]]; then
    _iovqa_value "$at:$flag"
    COMPREPLY=($(compgen -W "$values" -- "$cur"))
  elif [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$cur"))
  else
    COMPREPLY=($(compgen -W "$commands" -- "$cur"))
  fi
  # Behind "key=" a value follows.
  [[ \${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null || true
}

# Where nothing is known, bash goes on with names of files.
complete -o bashdefault -o default -F _iovqa iovqa
`;
}
