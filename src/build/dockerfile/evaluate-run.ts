/** RUN: the command with its here-documents, mounts and variables. */
import type { RunInstruction } from './ast.ts';
import { wrong } from './failure.ts';
import { fileName, heredocOrNone, withoutTabs } from './heredoc.ts';
import { parseMount } from './mount.ts';
import { absolute } from './paths.ts';
import type { PlannedMount, RunStep, Source } from './plan.ts';
import { proxyVariables } from './scope.ts';
import type { StageState } from './stage-state.ts';
import { expandedTitle } from './step-title.ts';
import { goQuote } from '../../base/go-quote.ts';
import { trimSpace } from './text.ts';

const PIPES = '/dev/pipes/';

export function runCommand(stage: StageState, instruction: RunInstruction): void {
  const { context, settings } = stage;
  const mounts = instruction.mounts.map((mount) => plannedMount(stage, instruction, mount));
  stage.chargeScope();
  const { argv, files, summary } = commandOf(stage, instruction);
  const hidden = mounts.flatMap(({ env }) => env ?? []);
  const title = stage.title(expandedTitle(stage, instruction.source + summary, hidden, true));
  const body: Omit<RunStep, 'title' | 'location' | 'history' | 'onbuild'> = {
    kind: 'run',
    argv,
    files,
    env: [...stage.env].map(([name, value]) => `${name}=${value}`),
    proxyEnv: proxyVariables(context.buildArgs),
    cwd: stage.cwd,
    user: settings.User ?? '',
    mounts,
    network: instruction.network === 'default' ? (context.options.network ?? 'default') : instruction.network,
    security: instruction.security,
    devices: instruction.devices,
  };
  stage.add(instruction, body, `RUN ${[...argsInHistory(stage), ...argv].join(' ')} # buildkit`, title, true);
}

/** `|2 A=1 B=2`, where ARGs are in scope; each once, with the value that it has now. */
function argsInHistory(stage: StageState): string[] {
  const values = new Map<string, string>();
  for (const { key, value } of stage.args) values.set(key, stage.env.get(key) ?? value ?? '');
  return values.size === 0 ? [] : [`|${values.size}`, ...[...values].map(([name, value]) => `${name}=${value}`)];
}

function commandOf(stage: StageState, { command, heredocs }: RunInstruction): { argv: string[]; files: RunStep['files']; summary: string } {
  if (!command.shell) return { argv: [...command.words], files: [], summary: '' };
  const [line = ''] = command.words;
  const [first] = heredocs;
  if (first === undefined) return { argv: stage.withShell(line), files: [], summary: '' };
  if (heredocOrNone(line) === undefined) {
    // the shell reads them itself
    const text = line + heredocs.map(({ name, content }) => `\n${content}${name}`).join('');
    return { argv: stage.withShell(text), files: [], summary: '' };
  }
  const content = first.chomp ? withoutTabs(first.content) : first.content;
  const summary = ` (${summarize(first.content)})`;
  if (!content.startsWith('#!')) return { argv: stage.withShell(content), files: [], summary };
  const path = PIPES + fileName(first.name);
  return { argv: stage.withShell(path), files: [{ path, content, mode: 0o755 }], summary };
}

function summarize(content: string): string {
  const [line = '', ...more] = trimSpace(content).replaceAll('\r\n', '\n').split('\n');
  return more.length === 0 ? line : `${line}...`;
}

function plannedMount(stage: StageState, instruction: RunInstruction, text: string): PlannedMount {
  const mount = parseMount(text, (value) => stage.expand(value, instruction));
  if (mount.type === 'secret' || mount.type === 'ssh') {
    const target = mount.target === '' ? '' : absolute(stage.cwd, mount.target);
    return { ...mount, origin: undefined, target };
  }
  const target = absolute(stage.cwd, mount.target);
  if (target === '/') throw wrong(`invalid mount target ${goQuote(target)}`);
  const origin = mount.type === 'tmpfs' ? undefined : originOf(stage, mount.from, target, mount.type === 'cache');
  return { ...mount, origin, source: absolute('/', mount.source), target };
}

function originOf(stage: StageState, from: string, target: string, cache: boolean): Source {
  if (from === '') return cache ? { kind: 'scratch' } : { kind: 'context' };
  const origin = stage.context.graph.origin(from, false);
  if (origin.kind === 'stage' && origin.index >= stage.node.stage.index) {
    throw wrong(`cannot mount from stage ${goQuote(from)} to ${goQuote(target)}, stage needs to be defined before current command`);
  }
  return origin;
}
