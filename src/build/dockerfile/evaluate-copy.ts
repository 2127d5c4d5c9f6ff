/** COPY and ADD. */
import type { AddInstruction, CopyInstruction } from './ast.ts';
import { wrong } from './failure.ts';
import { fileName } from './heredoc.ts';
import { copyTarget } from './paths.ts';
import type { CopySource, CopyStep, Source } from './plan.ts';
import { checkChecksum, checkMode, copySource, type SourceFlags } from './sources.ts';
import type { StageState } from './stage-state.ts';
import { expandedTitle } from './step-title.ts';
import { goQuote } from '../../base/go-quote.ts';

export function copyFiles(stage: StageState, instruction: AddInstruction | CopyInstruction): void {
  const add = instruction.kind === 'add';
  const from = add ? ({ kind: 'context' } as const) : originOf(stage, instruction);
  const expand = (word: string) => stage.expand(word, instruction);
  const chown = expand(instruction.chown);
  const chmod = expand(instruction.chmod);
  const checksum = add ? expand(instruction.checksum) : '';
  const exclude = instruction.exclude.map(expand);
  const sources = instruction.sources.map(expand);
  const destination = expand(instruction.destination);
  const title = stage.title(expandedTitle(stage, instruction.source));

  checkMode(chmod);
  checkChecksum(sources, checksum);
  const flags: SourceFlags = { add, parents: !add && instruction.parents, checksum, keepGitDir: add ? instruction.keepGitDir : undefined };
  const planned: CopySource[] = sources.map((source) => copySource(source, flags));
  if (from.kind === 'context') planned.forEach((source, index) => checkIgnored(stage, instruction, source, sources[index]!));
  for (const heredoc of instruction.heredocs) {
    const content = heredoc.expand ? stage.expandContent(heredoc.content, instruction) : heredoc.content;
    planned.push({ kind: 'file', path: fileName(heredoc.path), content });
  }

  const written = [
    add ? 'ADD' : 'COPY',
    ...(flags.parents ? ['--parents'] : []),
    ...(chown === '' ? [] : [`--chown=${chown}`]),
    ...(chmod === '' ? [] : [`--chmod=${chmod}`]),
    ...sources,
    ...instruction.heredocs.map(({ path }) => `<<${path}`),
    destination,
  ];
  const body: Omit<CopyStep, 'title' | 'location' | 'history' | 'onbuild'> = {
    ...{ kind: 'copy', add, from, sources: planned, destination: copyTarget(stage.cwd, destination), chown, chmod, link: instruction.link },
    ...{ parents: flags.parents, exclude, unpack: add ? instruction.unpack : undefined },
  };
  stage.add(instruction, body, `${written.join(' ')} # buildkit`, title, true);
}

function originOf(stage: StageState, { from }: CopyInstruction): Source {
  if (from === '') return { kind: 'context' };
  const origin = stage.context.graph.origin(from, true);
  if (origin.kind === 'stage' && origin.index >= stage.node.stage.index) {
    throw wrong(`cannot copy from stage ${goQuote(from)}, it needs to be defined before current stage ${goQuote(stage.name)}`);
  }
  return origin;
}

/** Patterns with exceptions tell too little: a file below an ignored folder may be there all the same. */
function checkIgnored(stage: StageState, { kind, location }: AddInstruction | CopyInstruction, source: CopySource, written: string): void {
  const { ignored } = stage.context;
  if (source.kind !== 'path' || ignored === undefined || ignored.hasExceptions || source.path === '/') return;
  const path = source.path.slice(1);
  if (!ignored.matches(path)) return;
  const command = kind === 'add' ? 'Add' : 'Copy';
  const name = written.startsWith('/') ? source.path : path;
  stage.context.findings.add('CopyIgnoredFile', location, `Attempting to ${command} file ${goQuote(name)} that is excluded by .dockerignore`);
}
