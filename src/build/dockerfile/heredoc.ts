/** Here-documents: where a line begins them, and what is made of their contents. */
import type { Heredoc } from './ast.ts';
import { expand } from './expand.ts';
import { wrong } from './failure.ts';
import { goQuote } from '../../base/go-quote.ts';

const NO_VARIABLES: ReadonlyMap<string, string> = new Map();

/** What a word as `<<EOF`, `3<<-"EOF"` begins, its content empty; undefined for what begins none. Throws at an open quote. */
export function heredocOf(word: string): Heredoc | undefined {
  let at = 0;
  while (at < word.length && word[at]! >= '0' && word[at]! <= '9') at++;
  if (!word.startsWith('<<', at)) return undefined;
  const chomp = word[at + 2] === '-';
  const name = word.slice(at + (chomp ? 3 : 2));
  if (name === '' || name.includes('<') || name.includes('\n')) return undefined;
  const options = { escape: '\\', keepUnset: true };
  const plain = expand(name, NO_VARIABLES, options).words;
  if (plain.length !== 1) return undefined;
  const raw = expand(name, NO_VARIABLES, { ...options, rawQuotes: true }).words;
  const fd = Number(word.slice(0, Math.min(at, 9)));
  return { name: plain[0]!, content: '', chomp, fd, expand: quotes(plain[0]!) === quotes(raw[0] ?? '') };
}

/** As `heredocOf`; a word that cannot be read begins none. */
export function heredocOrNone(word: string): Heredoc | undefined {
  try {
    return heredocOf(word);
  } catch {
    return undefined;
  }
}

/** All that a line begins, in order. Their names are quoted as a shell quotes, whatever the escape directive says. */
export function heredocsOf(line: string): Heredoc[] {
  let words: readonly string[];
  try {
    words = expand(line, NO_VARIABLES, { escape: '\\', rawQuotes: true, rawEscapes: true, keepUnset: true }).words;
  } catch {
    return [];
  }
  return words.flatMap((word) => heredocOf(word) ?? []);
}

/** `<<-`: the tabs that lines begin with go. */
export function withoutTabs(content: string): string {
  return content.replaceAll(/(^|\n)\t+/g, '$1');
}

/** The name as a file's, in the one folder that it is made in. Throws `invalid` for a path. */
export function fileName(name: string): string {
  if (name.includes('/') || name.includes('\0') || name === '.' || name === '..')
    throw wrong(`invalid heredoc name ${goQuote(name)}: it must be the name of a file`);
  return name;
}

function quotes(text: string): number {
  let count = 0;
  for (const char of text) if (char === '"' || char === "'") count++;
  return count;
}
