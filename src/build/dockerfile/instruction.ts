/** What a line says: the beginning of a stage, or an instruction, with its flags and arguments checked. */
import type { ArgPair, CommandLine, Heredoc, Instruction, InstructionBase, KeyValue, NetworkMode, SecurityMode, Stage } from './ast.ts';
import { addInstruction, copyInstruction } from './copy-instruction.ts';
import { parseDevice } from './device.ts';
import { wrong } from './failure.ts';
import { Flags } from './flags.ts';
import { healthcheckOf } from './healthcheck.ts';
import type { LogicalLine } from './lines.ts';
import { checkMount } from './mount.ts';
import { INSTRUCTIONS, type Node } from './node.ts';
import { withSuggestion } from './suggest.ts';
import { goQuote } from '../../base/go-quote.ts';
import { compareBytes, cut, trimSpace } from './text.ts';

/** A stage that has no instructions and no place among the others yet. */
export type StageHead = Omit<Stage, 'index' | 'instructions'> & {
  /** `AS`, as it is written, and the name behind it; empty where there is none. */
  readonly as: string;
  readonly written: string;
};

/** FROM begins a stage; all others are instructions. Throws `invalid`, without a place. */
export function stageHead(node: Node, line: LogicalLine): StageHead {
  const [base = '', as = '', written = ''] = node.words;
  const named = node.words.length === 3 && as.toLowerCase() === 'as';
  const name = written.toLowerCase();
  if (named && !/^[a-z][a-z0-9\-_.]*$/.test(name)) {
    throw wrong(`invalid name for build stage: ${goQuote(written)}, name can't start with a number or contain symbols`);
  }
  if (!named && node.words.length !== 1) throw wrong('FROM requires either one or three arguments');
  const platform = new Flags(node.flags, { platform: 'string' }).text('platform');
  const { keyword, source, location } = baseOf(node, line);
  return { keyword, source, location, name, base, platform, comment: commentOf(line.comments, name), as, written };
}

export function instructionOf(node: Node, line: LogicalLine): Instruction {
  const base = baseOf(node, line);
  const { words, rest } = node;
  switch (node.name) {
    case 'add':
      return addInstruction(node, base, line.heredocs);
    case 'copy':
      return copyInstruction(node, base, line.heredocs);
    case 'arg':
      atLeastOne(node, words);
      return { ...base, kind: 'arg', args: words.map((word) => argPair(word, line.comments)) };
    case 'env':
      noFlags(node);
      return { ...base, kind: 'env', pairs: keyValues(node) };
    case 'label':
      noFlags(node);
      return { ...base, kind: 'label', pairs: keyValues(node) };
    case 'run':
      return run(node, base, line.heredocs);
    case 'cmd':
      noFlags(node);
      return { ...base, kind: 'cmd', command: command(node) };
    case 'entrypoint':
      noFlags(node);
      return { ...base, kind: 'entrypoint', command: command(node) };
    case 'healthcheck':
      return { ...base, kind: 'healthcheck', health: healthcheckOf(node) };
    case 'expose':
      atLeastOne(node, words);
      noFlags(node);
      return { ...base, kind: 'expose', ports: words.toSorted(compareBytes) };
    case 'user':
      return { ...base, kind: 'user', user: onlyOne(node) };
    case 'workdir':
      return { ...base, kind: 'workdir', path: onlyOne(node) };
    case 'maintainer':
      return { ...base, kind: 'maintainer', maintainer: onlyOne(node) };
    case 'stopsignal':
      return { ...base, kind: 'stopsignal', signal: onlyOne(node) };
    case 'volume': {
      atLeastOne(node, words);
      noFlags(node);
      const volumes = words.map(trimSpace);
      if (volumes.includes('')) throw wrong('VOLUME specified can not be an empty string');
      return { ...base, kind: 'volume', volumes };
    }
    case 'shell':
      noFlags(node);
      atLeastOne(node, words);
      if (!node.json) throw wrong(`SHELL requires the arguments to be in JSON form`);
      return { ...base, kind: 'shell', shell: words };
    case 'onbuild':
      return { ...base, kind: 'onbuild', expression: trigger(node, rest, line.heredocs) };
    default:
      throw wrong(withSuggestion(`unknown instruction: ${node.keyword}`, node.keyword, INSTRUCTIONS, false));
  }
}

function baseOf(node: Node, line: LogicalLine): InstructionBase {
  return { keyword: node.keyword, source: trimSpace(line.text), location: line.location, comments: line.comments };
}

function noFlags(node: Node): void {
  void new Flags(node.flags, {});
}

function atLeastOne(node: Node, words: readonly unknown[]): void {
  if (words.length === 0) throw wrong(`${node.name.toUpperCase()} requires at least one argument`);
}

function onlyOne(node: Node): string {
  if (node.words.length !== 1) throw wrong(`${node.name.toUpperCase()} requires exactly one argument`);
  // STOPSIGNAL looks at none
  if (node.name !== 'stopsignal') noFlags(node);
  return node.words[0]!;
}

function keyValues(node: Node): KeyValue[] {
  atLeastOne(node, node.pairs);
  if (node.pairs.some(({ key }) => key === '')) throw wrong(`${node.name.toUpperCase()} names can not be blank`);
  return [...node.pairs];
}

function argPair(word: string, comments: readonly string[]): ArgPair {
  const [key, value] = cut(word, '=') ?? [word, undefined];
  if (key === '') throw wrong('ARG names can not be blank');
  return { key, value, comment: commentOf(comments, key) };
}

/** What the comment says of a name that it begins with; empty where none does. */
function commentOf(comments: readonly string[], name: string): string {
  const found = name === '' ? undefined : comments.find((comment) => comment.startsWith(`${name} `));
  return found === undefined ? '' : found.slice(name.length + 1);
}

/** In shell form there is one word, which may be empty. */
function command(node: Node): CommandLine {
  return node.json ? { shell: false, words: node.words } : { shell: true, words: [node.words.join(' ')] };
}

function run(node: Node, base: InstructionBase, heredocs: readonly Heredoc[]): Instruction {
  const flags = new Flags(node.flags, { mount: 'list', network: 'string', security: 'string', device: 'list' });
  const mounts = flags.list('mount');
  for (const mount of mounts) checkMount(mount);
  const network = flags.text('network') || 'default';
  if (!isNetwork(network)) throw wrong(`invalid network mode ${goQuote(network)}`);
  const security = flags.text('security') || 'sandbox';
  if (!isSecurity(security)) throw wrong(`security ${goQuote(security)} is not valid`);
  const devices = flags.list('device').map(parseDevice);
  return { ...base, kind: 'run', command: command(node), heredocs, mounts, network, security, devices };
}

function isNetwork(text: string): text is NetworkMode {
  return text === 'default' || text === 'none' || text === 'host';
}

function isSecurity(text: string): text is SecurityMode {
  return text === 'sandbox' || text === 'insecure';
}

function trigger(node: Node, rest: string, heredocs: readonly Heredoc[]): string {
  if (node.trigger === undefined) throw wrong('ONBUILD requires at least one argument');
  noFlags(node);
  const name = node.trigger.name.toUpperCase();
  if (name === 'ONBUILD') throw wrong("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (name === 'MAINTAINER' || name === 'FROM') throw wrong(`${name} isn't allowed as an ONBUILD trigger`);
  return rest + heredocs.map((heredoc) => `\n${heredoc.content}${heredoc.name}`).join('');
}
