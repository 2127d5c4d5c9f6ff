/** COPY and ADD: their flags, sources, here-documents and destination. */
import type { AddInstruction, AddOrCopy, CopyInstruction, Heredoc, InstructionBase } from './ast.ts';
import { wrong } from './failure.ts';
import { Flags, type FlagKinds } from './flags.ts';
import { heredocOrNone, withoutTabs } from './heredoc.ts';
import type { Node } from './node.ts';

const BOTH = { chown: 'string', chmod: 'string', link: 'bool', exclude: 'list' } as const satisfies FlagKinds;

export function copyInstruction(node: Node, base: InstructionBase, heredocs: readonly Heredoc[]): CopyInstruction {
  needDestination(node, 'COPY');
  const flags = new Flags(node.flags, { ...BOTH, from: 'string', parents: 'bool' });
  const from = flags.text('from');
  return { ...base, kind: 'copy', ...common(node, 'COPY', flags, heredocs), from, parents: flags.bool('parents') === true };
}

export function addInstruction(node: Node, base: InstructionBase, heredocs: readonly Heredoc[]): AddInstruction {
  needDestination(node, 'ADD');
  const flags = new Flags(node.flags, { ...BOTH, 'keep-git-dir': 'bool', checksum: 'string', unpack: 'bool' });
  return {
    ...base,
    kind: 'add',
    ...common(node, 'ADD', flags, heredocs),
    checksum: flags.text('checksum'),
    keepGitDir: flags.bool('keep-git-dir'),
    unpack: flags.bool('unpack'),
  };
}

function needDestination(node: Node, name: string): void {
  if (node.words.length >= 2) return;
  throw wrong(`${name} requires at least two arguments, but only one was provided. Destination could not be determined`);
}

function common(node: Node, name: string, flags: Flags, heredocs: readonly Heredoc[]): AddOrCopy {
  const destination = node.words.at(-1)!;
  if (!node.json && heredocOrNone(destination) !== undefined) throw wrong(`${name} cannot accept a heredoc as a destination`);
  const contents = new Map(heredocs.map((heredoc) => [heredoc.name, heredoc.content]));
  const sources: string[] = [];
  const files: { path: string; content: string; expand: boolean }[] = [];
  for (const word of node.words.slice(0, -1)) {
    const heredoc = node.json ? undefined : heredocOrNone(word);
    if (heredoc === undefined) {
      sources.push(word);
      continue;
    }
    const content = contents.get(heredoc.name) ?? '';
    files.push({ path: heredoc.name, content: heredoc.chomp ? withoutTabs(content) : content, expand: heredoc.expand });
  }
  return {
    sources,
    destination,
    heredocs: files,
    chown: flags.text('chown'),
    chmod: flags.text('chmod'),
    link: flags.bool('link') === true,
    exclude: flags.list('exclude'),
  };
}
