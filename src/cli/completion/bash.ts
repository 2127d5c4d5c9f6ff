/** Completion for bash 4 and newer, without the bash-completion package. */
import { kindWord, NAMED, quoted, type CompletionNode } from './model.ts';

export function bashScript(name: string, nodes: readonly CompletionNode[]): string {
  const cases = nodes.map(({ paths, commands, flags, flagsFirst, args }) => {
    const all = flags.flatMap(({ long, short }) => [long, ...(short === undefined ? [] : [short])]);
    const taking = flags.filter(({ value }) => value !== undefined).flatMap(({ long, short }) => [long, ...(short === undefined ? [] : [short])]);
    return `    ${paths.map(quoted).join('|')}) commands=${quoted(commands.map((each) => each.name).join(' '))} flags=${quoted(all.join(' '))} taking=${quoted(` ${taking.join(' ')} `)} first=${flagsFirst ? 1 : ''} args=(${args.map((each) => quoted(kindWord(each))).join(' ')}) ;;`;
  });
  const values = nodes.flatMap(({ paths, flags }) =>
    flags
      .filter(({ value }) => value !== undefined && value !== 'file')
      .map(({ long, short, value }) => {
        const patterns = paths.flatMap((path) => [long, ...(short === undefined ? [] : [short])].map((flag) => quoted(`${path} ${flag}`)));
        return `    ${patterns.join('|')}) kind=${quoted(kindWord(value!))} ;;`;
      }),
  );
  return `# bash completion for ${name}: source <(${name} completion bash)

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
