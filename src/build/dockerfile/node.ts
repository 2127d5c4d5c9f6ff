/** A line taken apart by the grammar of its instruction, before its meaning is checked. */
import type { Pair } from './words.ts';
import { blankWords, commandArguments, listArguments, pairs, quotedWords } from './words.ts';
import { splitLine } from './flags.ts';
import { findSpace, skipSpace } from './text.ts';

export interface Node {
  /** Lower case. */
  readonly name: string;
  /** As it is written. */
  readonly keyword: string;
  readonly flags: readonly string[];
  readonly words: readonly string[];
  readonly json: boolean;
  /** ENV's and LABEL's instead of words. */
  readonly pairs: readonly Pair[];
  /** ONBUILD's instruction. */
  readonly trigger: Node | undefined;
  /** What follows the keyword, as it is written. */
  readonly rest: string;
}

export const INSTRUCTIONS: readonly string[] = [
  ...['ADD', 'ARG', 'CMD', 'COPY', 'ENTRYPOINT', 'ENV', 'EXPOSE', 'FROM', 'HEALTHCHECK', 'LABEL', 'MAINTAINER', 'ONBUILD', 'RUN', 'SHELL'],
  ...['STOPSIGNAL', 'USER', 'VOLUME', 'WORKDIR'],
];

/** ONBUILD of ONBUILD of … is refused later; here it goes no deeper. */
const MAX_DEPTH = 3;

export function parseNode(line: string, escape: string, depth = 0): Node {
  const { keyword, flags, rest } = splitLine(line);
  const name = keyword.toLowerCase();
  const trigger = name === 'onbuild' && rest !== '' && depth < MAX_DEPTH ? parseNode(rest, escape, depth + 1) : undefined;
  const base = { name, keyword, flags, rest, trigger, pairs: [] as Pair[] };
  switch (name) {
    case 'env':
    case 'label':
      return { ...base, words: [], json: false, pairs: pairs(rest, name.toUpperCase(), escape) };
    case 'arg':
      return { ...base, words: quotedWords(rest, escape), json: false };
    case 'add':
    case 'copy':
    case 'volume':
      return { ...base, ...listArguments(rest) };
    case 'cmd':
    case 'entrypoint':
    case 'run':
    case 'shell':
      return { ...base, ...commandArguments(rest) };
    case 'expose':
    case 'from':
      return { ...base, words: blankWords(rest), json: false };
    case 'healthcheck': {
      const end = findSpace(rest);
      const command = commandArguments(rest.slice(skipSpace(rest, end)));
      return { ...base, words: end === 0 ? [] : [rest.slice(0, end), ...command.words], json: command.json };
    }
    default:
      return { ...base, words: rest === '' ? [] : [rest], json: false };
  }
}

/** RUN, COPY and ADD that are no JSON array may hold here-documents, also as a trigger. */
export function holdsHeredocs(node: Node): boolean {
  const { name, json } = node.trigger ?? node;
  return !json && (name === 'run' || name === 'copy' || name === 'add');
}
