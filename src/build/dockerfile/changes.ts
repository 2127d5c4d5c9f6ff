/** `--change` of import and commit: the Dockerfile instructions that only change an image's config. */
import { EngineError } from '../../base/errors.ts';
import { shellOf } from '../../base/shell-of.ts';
import { signalNumber } from '../../base/signals.ts';
import type { ContainerConfig } from '../../image/contract.ts';
import type { CommandLine, Instruction } from './ast.ts';
import { healthSettings } from './evaluate.ts';
import { expand } from './expand.ts';
import { wrong } from './failure.ts';
import { instructionOf } from './instruction.ts';
import { joinLines } from './lines.ts';
import { parseNode } from './node.ts';
import { absolute } from './paths.ts';
import { parseExposed } from './ports.ts';
import { variablesOf } from './scope.ts';

const ALLOWED = new Set(['cmd', 'entrypoint', 'env', 'expose', 'healthcheck', 'label', 'onbuild', 'stopsignal', 'user', 'volume', 'workdir']);
/** Characters, of the changes and of what their variables make of them. Keeps hostile ones from growing without end. */
const MAX_WORK = 4 << 20;
/** What a port weighs among them: `EXPOSE 0-65535` is short. */
const PORT_WEIGHT = 16;

/**
 * The config after these changes, each a line or more of a Dockerfile, in their order; variables are those of the config
 * and of the changes before. Throws `invalid` in Docker's words for other instructions, and for malformed ones.
 */
export function applyChanges(config: ContainerConfig, changes: readonly string[]): ContainerConfig {
  if (changes.length === 0) return config;
  try {
    return new Changes(config).apply(changes.join('\n'));
  } catch (error) {
    // no file is quoted: places in it mean nothing
    throw error instanceof EngineError ? wrong(error.message) : error;
  }
}

class Changes {
  #config: ContainerConfig;
  #escape = '\\';
  #work = 0;
  #hasCommand = false;

  constructor(config: ContainerConfig) {
    this.#config = config;
  }

  apply(text: string): ContainerConfig {
    this.#charge(text.length);
    const { lines, directives } = joinLines(text, () => false);
    this.#escape = directives.escape;
    const nodes = lines.map((line) => ({ line, node: parseNode(line.text, directives.escape) }));
    for (const { node } of nodes) if (!ALLOWED.has(node.name)) throw wrong(`${node.keyword} is not a valid change command`);
    for (const { line, node } of nodes) this.#config = { ...this.#config, ...this.#change(instructionOf(node, line)) };
    return this.#config;
  }

  #change(instruction: Instruction): Partial<ContainerConfig> {
    const { Env, Labels, ExposedPorts, Volumes, OnBuild, WorkingDir = '' } = this.#config;
    const env = variablesOf(Env ?? []);
    const expanded = (word: string) => this.#charged(expand(word, env, { escape: this.#escape }).text);
    switch (instruction.kind) {
      case 'cmd':
        this.#hasCommand = true;
        return { Cmd: this.#command(instruction.command, true) };
      case 'entrypoint': {
        const Entrypoint = this.#command(instruction.command, false);
        // a new entry point does not get the old one's arguments
        return this.#hasCommand ? { Entrypoint } : { Entrypoint, Cmd: null };
      }
      case 'env': {
        const out = new Map((Env ?? []).map((entry) => [entry.split('=', 1)[0]!, entry]));
        for (const { key, value } of instruction.pairs) {
          const name = expanded(key);
          out.set(name, `${name}=${expanded(value)}`);
        }
        return { Env: [...out.values()] };
      }
      case 'label':
        return { Labels: { ...Labels, ...Object.fromEntries(instruction.pairs.map(({ key, value }) => [expanded(key), expanded(value)])) } };
      case 'expose': {
        const words = instruction.ports.flatMap((word) => expand(word, env, { escape: this.#escape }).words);
        return { ExposedPorts: { ...ExposedPorts, ...Object.fromEntries(words.flatMap((word) => this.#ports(word)).map((port) => [port, {}])) } };
      }
      case 'volume': {
        const folders = instruction.volumes.map(expanded);
        if (folders.includes('')) throw wrong('VOLUME specified can not be an empty string');
        return { Volumes: { ...Volumes, ...Object.fromEntries(folders.map((folder) => [folder, {}])) } };
      }
      case 'user':
        return { User: expanded(instruction.user) };
      case 'workdir': {
        const path = expanded(instruction.path);
        if (path === '') throw wrong('cannot normalize nothing');
        return { WorkingDir: absolute(WorkingDir, path) };
      }
      case 'stopsignal': {
        const signal = expanded(instruction.signal);
        signalNumber(signal);
        return { StopSignal: signal };
      }
      case 'healthcheck':
        return { Healthcheck: healthSettings(instruction.health) };
      case 'onbuild':
        return { OnBuild: [...(OnBuild ?? []), instruction.expression] };
      default:
        throw wrong(`${instruction.keyword} is not a valid change command`);
    }
  }

  /** As dockerd: of a `CMD` without a word the shell remains. */
  #command({ shell, words }: CommandLine, shellRemains: boolean): readonly string[] | null {
    if (!shell) return words.length === 0 ? null : words;
    const prefix = shellOf(this.#config.Shell);
    const [line = ''] = words;
    if (line !== '') return [...prefix, line];
    return shellRemains ? prefix : null;
  }

  #ports(word: string): readonly string[] {
    if (word === '') return [];
    const ports = exposed(word);
    this.#charge(PORT_WEIGHT * ports.length);
    return ports;
  }

  #charged(text: string): string {
    this.#charge(text.length);
    return text;
  }

  #charge(work: number): void {
    this.#work += work;
    if (this.#work > MAX_WORK) throw wrong('the changes are too long');
  }
}

/** In the words of dockerd, which are not those of its builder. */
function exposed(word: string): readonly string[] {
  try {
    return parseExposed(word).ports;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw wrong(error.message.replace(/^invalid containerPort/, 'Invalid containerPort').replace(/^invalid port: .*: invalid proto/, 'Invalid proto'));
  }
}
