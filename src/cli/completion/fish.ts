/** Completion for fish, with descriptions. */
import type { Completion } from '../flags.ts';
import { quoted, taking, type CompletionNode } from './model.ts';

/** fish knows only two escapes between single quotes. */
function text(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

function offer(name: string, kind: Completion): string {
  if (typeof kind !== 'string') return `-f -a ${text(kind.join(' '))}`;
  if (kind === 'file') return '-F';
  if (kind === 'folder') return "-f -a '(__fish_complete_directories (commandline -ct))'";
  return kind === 'none' ? '-f' : `-f -a ${text(`(${name} __complete ${kind} 2>/dev/null)`)}`;
}

export function fishScript(name: string, nodes: readonly CompletionNode[]): string {
  const paths = nodes.flatMap((node) => node.paths);
  const takers = nodes.flatMap((node) => node.paths.flatMap((path) => taking(node).map((word) => `${path} ${word}`)));
  const first = nodes.filter(({ flagsFirst }) => flagsFirst).flatMap((node) => node.paths);
  const lines = nodes.flatMap((node) => {
    const at = (condition: string) => `complete -c ${name} -n ${text(`__${name}_at ${condition} ${node.paths.map(quoted).join(' ')}`)}`;
    return [
      ...node.commands.map((each) => `${at('any')} -f -a ${text(each.name)} -d ${text(each.help)}`),
      ...node.flags.map(
        ({ words: [long, short], help, value }) =>
          `${at('flags')} -l ${long!.slice(2)}${short === undefined ? '' : ` -s ${short.slice(1)}`}${value === undefined ? '' : ` -r ${offer(name, value)}`} -d ${text(help)}`,
      ),
      ...(node.commands.length > 0 ? [] : node.args.map((kind, i) => `${at(i === node.args.length - 1 ? `${i}+` : String(i))} ${offer(name, kind)}`)),
    ];
  });
  return `# fish completion for ${name}: ${name} completion fish | source

# the command so far, and how many arguments it has
function __${name}_state
    set -l path ${text(name)}
    set -l count 0
    set -l flag ''
    set -l rest no
    set -l words (commandline -opc)
    for word in $words[2..-1]
        if test -n "$flag"
            set flag ''
        else if test $rest = no; and string match -q -- '-*' $word
            if test "$word" = --
                set rest yes
            else if string match -q -- '--*' $word
                contains -- "$path $word" $__${name}_taking; and set flag $word
            else
                contains -- "$path -"(string sub -s -1 -- $word) $__${name}_taking; and set flag $word
            end
        else if contains -- "$path $word" $__${name}_paths
            set path "$path $word"
            set count 0
        else
            set count (math $count + 1)
            contains -- $path $__${name}_first; and set rest yes
        end
    end
    echo $path
    echo $count
    echo $rest
end

# any, flags, N or N+ (the argument's place), then the paths
function __${name}_at
    set -l line (commandline -opc | string join \\n)
    if test "$line" != "$__${name}_line"
        set -g __${name}_line $line
        set -g __${name}_now (__${name}_state)
    end
    contains -- $__${name}_now[1] $argv[2..-1]; or return 1
    switch $argv[1]
        case any
            return 0
        case flags
            test $__${name}_now[3] = no
        case '*+'
            test $__${name}_now[2] -ge (string replace + '' -- $argv[1])
        case '*'
            test $__${name}_now[2] -eq $argv[1]
    end
end

set -g __${name}_paths ${paths.map(text).join(' ')}
set -g __${name}_taking ${takers.map(text).join(' ')}
set -g __${name}_first ${first.map(text).join(' ')}

complete -c ${name} -f
${lines.join('\n')}
`;
}
