/** Completion for bash 4 and newer, without the bash-completion package. */
import { NAMED, quoted, taking, type CompletionNode } from './model.ts';
import { shellTables } from './tables.ts';

export function bashScript(name: string, nodes: readonly CompletionNode[]): string {
  const tables = shellTables(name, nodes, (node) => {
    const { commands, flags } = node;
    const all = flags.flatMap(({ words }) => words);
    return `commands=${quoted(commands.map((each) => each.name).join(' '))} flags=${quoted(all.join(' '))} taking=${quoted(` ${taking(node).join(' ')} `)}`;
  });
  return `# bash completion for ${name}: source <(${name} completion bash)

${tables}
_${name}_offer() {
  local kind=$1 cur=$2
  case $kind in
    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    folder) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    none) ;;
    words\\ *) mapfile -t COMPREPLY < <(compgen -W "\${kind#words }" -- "$cur") ;;
    ${NAMED.join('|')})
      local line
      while IFS= read -r line; do
        [[ $line == "$cur"* ]] && COMPREPLY+=("$line")
      done < <("$program" __complete "$kind" 2>/dev/null) ;;
  esac
}

_${name}() {
  local line=\${COMP_LINE:0:COMP_POINT} words program path=${quoted(name)} flag= rest= count=0 i word
  local commands flags taking first args kind
  COMPREPLY=()
  # bash cuts words at colons: we do it ourselves, at spaces
  read -ra words <<<"$line"
  [[ $line == *' ' ]] && words+=('')
  program=\${words[0]}
  _${name}_node "$path"
  for ((i = 1; i < \${#words[@]} - 1; i++)); do
    word=\${words[i]}
    if [[ -n $flag ]]; then flag=; continue; fi
    if [[ -z $rest && $word == -- ]]; then rest=1
    elif [[ -z $rest && $word == --*=* ]]; then :
    elif [[ -z $rest && $word == --* ]]; then [[ $taking == *" $word "* ]] && flag=$word
    elif [[ -z $rest && $word == -?* ]]; then [[ $taking == *" -\${word: -1} "* ]] && flag=-\${word: -1}
    elif [[ -n $commands ]] && _${name}_node "$path $word"; then path="$path $word" count=0
    else
      ((count++))
      [[ -n $first ]] && rest=1
    fi
  done
  local cur=\${words[-1]} before=
  if [[ -n $flag ]]; then
    _${name}_value "$path" "$flag"
    _${name}_offer "$kind" "$cur"
  elif [[ -z $rest && $cur == --*=* ]]; then
    _${name}_value "$path" "\${cur%%=*}"
    before=\${cur%%=*}=
    _${name}_offer "$kind" "\${cur#*=}"
  elif [[ -z $rest && $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
  elif [[ -n $commands ]]; then mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur")
  elif ((\${#args[@]} > 0)); then
    ((count >= \${#args[@]})) && count=$((\${#args[@]} - 1))
    _${name}_offer "\${args[count]}" "$cur"
  fi
  # what bash has cut off must not be put in again
  local last=\${cur#"$before"} cut
  if [[ $last == *:* && $COMP_WORDBREAKS == *:* ]]; then
    cut=\${last%"\${last##*:}"}
    COMPREPLY=("\${COMPREPLY[@]#"$cut"}")
  fi
  if [[ -n $before && $COMP_WORDBREAKS != *=* ]]; then COMPREPLY=("\${COMPREPLY[@]/#/$before}"); fi
}

complete -F _${name} ${name}
`;
}
