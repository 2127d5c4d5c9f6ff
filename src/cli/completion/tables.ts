/** The tables of bash's and zsh's scripts: both shells read the same. */
import { kindWord, quoted, type CompletionNode } from './model.ts';

/**
 * `_NAME_node PATH` sets what `assign` says of the command, and fails where there is none; `_NAME_value PATH FLAG` sets
 * `kind` to that of the flag's value.
 */
export function shellTables(name: string, nodes: readonly CompletionNode[], assign: (node: CompletionNode) => string): string {
  const cases = nodes.map((node) => {
    const { paths, flagsFirst, args } = node;
    return `    ${paths.map(quoted).join('|')}) ${assign(node)} first=${flagsFirst ? 1 : ''} args=(${args.map((each) => quoted(kindWord(each))).join(' ')}) ;;`;
  });
  const values = nodes.flatMap(({ paths, flags }) =>
    flags.flatMap(({ words, value }) => {
      if (value === undefined || value === 'file') return [];
      const patterns = paths.flatMap((path) => words.map((word) => quoted(`${path} ${word}`)));
      return [`    ${patterns.join('|')}) kind=${quoted(kindWord(value))} ;;`];
    }),
  );
  return `_${name}_node() {
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
`;
}
