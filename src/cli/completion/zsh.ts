/** Completion for zsh, with descriptions. */
import { NAMED, quoted, taking, type CompletionNode } from './model.ts';
import { shellTables } from './tables.ts';

/** For `_describe`: a colon ends the name. */
function described(name: string, help: string): string {
  return quoted(`${name.replaceAll(':', '\\:')}:${help}`);
}

export function zshScript(name: string, nodes: readonly CompletionNode[]): string {
  const tables = shellTables(name, nodes, (node) => {
    const commands = node.commands.map((each) => described(each.name, each.help));
    const flags = node.flags.flatMap(({ words, help }) => words.map((word) => described(word, help)));
    return `commands=(${commands.join(' ')}) flags=(${flags.join(' ')}) taking=(${taking(node).join(' ')})`;
  });
  return `#compdef ${name}
# zsh completion for ${name}: source <(${name} completion zsh)

${tables}
_${name}_offer() {
  local kind=$1
  local -a found
  case $kind in
    file) _files ;;
    folder) _files -/ ;;
    none) _message 'no more arguments' ;;
    words\\ *) found=(\${(s: :)\${kind#words }}); compadd -a found ;;
    ${NAMED.join('|')}) found=("\${(@f)$(\${words[1]} __complete $kind 2>/dev/null)}"); found=(\${found:#}); compadd -a found ;;
  esac
}

_${name}() {
  local node=${quoted(name)} flag= rest= count=1 word kind first
  local -a commands flags taking args
  local i
  _${name}_node "$node"
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    if [[ -n $flag ]]; then flag=; continue; fi
    if [[ -z $rest && $word == -- ]]; then rest=1
    elif [[ -z $rest && $word == --*=* ]]; then :
    elif [[ -z $rest && $word == --* ]]; then (( \${taking[(Ie)$word]} )) && flag=$word
    elif [[ -z $rest && $word == -?* ]]; then (( \${taking[(Ie)-\${word[-1]}]} )) && flag=-\${word[-1]}
    elif (( \${#commands} )) && _${name}_node "$node $word"; then node="$node $word" count=1
    else
      ((count++))
      [[ -n $first ]] && rest=1
    fi
  done
  word=\${words[CURRENT]}
  if [[ -n $flag ]]; then
    _${name}_value "$node" "$flag"
    _${name}_offer "$kind"
  elif [[ -z $rest && $word == --*=* ]]; then
    _${name}_value "$node" "\${word%%=*}"
    compset -P '*='
    _${name}_offer "$kind"
  elif [[ -z $rest && $word == -* ]]; then _describe -o option flags
  elif (( \${#commands} )); then _describe command commands
  elif (( \${#args} )); then
    (( count > \${#args} )) && count=\${#args}
    _${name}_offer "\${args[count]}"
  fi
}

if [[ "\${funcstack[1]}" == _${name} ]]; then _${name} "$@"; else compdef _${name} ${name}; fi
`;
}
