/** Completion for zsh, with descriptions. */
import { kindWord, NAMED, quoted, type CompletionNode } from './model.ts';

/** For `_describe`: a colon ends the name. */
function described(name: string, help: string): string {
  return quoted(`${name.replaceAll(':', '\\:')}:${help}`);
}

export function zshScript(name: string, nodes: readonly CompletionNode[]): string {
  const cases = nodes.map(({ paths, commands, flags, flagsFirst, args }) => {
    const names = flags.flatMap(({ long, short, help }) => [long, ...(short === undefined ? [] : [short])].map((flag) => described(flag, help)));
    const taking = flags.filter(({ value }) => value !== undefined).flatMap(({ long, short }) => [long, ...(short === undefined ? [] : [short])]);
    return `    ${paths.map(quoted).join('|')})
      commands=(${commands.map((each) => described(each.name, each.help)).join(' ')})
      flags=(${names.join(' ')})
      taking=(${taking.join(' ')}) first=${flagsFirst ? 1 : ''} args=(${args.map((each) => quoted(kindWord(each))).join(' ')}) ;;`;
  });
  const values = nodes.flatMap(({ paths, flags }) =>
    flags
      .filter(({ value }) => value !== undefined && value !== 'file')
      .map(({ long, short, value }) => {
        const patterns = paths.flatMap((path) => [long, ...(short === undefined ? [] : [short])].map((flag) => quoted(`${path} ${flag}`)));
        return `    ${patterns.join('|')}) kind=${quoted(kindWord(value!))} ;;`;
      }),
  );
  return `#compdef ${name}
# zsh completion for ${name}: source <(${name} completion zsh)

_${name}_node() {
  case $1 in
${cases.join('\n')}
    *) return 1 ;;
  esac
}

_${name}_value() {
  kind=file
  case "$1 $2" in
${values.join('\n')}
  esac
}

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
