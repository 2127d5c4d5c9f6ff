/** `kobako-runc`: an OCI runtime with runc's command line. */
import { VERSION } from '../base/version.ts';
import { appendFileSync } from 'node:fs';
import { getSystemErrorMessage } from 'node:util';
import { findHelper, OciRuntime } from '../engine/oci.ts';
import { flagHelp, parseFlags, type Flags } from './flags.ts';
import { COMMANDS, UsageError } from './runc/commands.ts';
import { COMMAND_FLAGS, GLOBAL } from './runc/flags.ts';

const SPEC = '1.2.1';

type Level = 'debug' | 'warning' | 'error';

async function start(argv: readonly string[]): Promise<number> {
  let flags: Flags | undefined;
  let name: string | undefined;
  const log = (level: Level, msg: string) => {
    const path = flags?.value('log') || undefined;
    const time = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const line =
      flags?.value('log-format') === 'json' ? JSON.stringify({ level, msg, time }) : `time=${JSON.stringify(time)} level=${level} msg=${JSON.stringify(msg)}`;
    if (path !== undefined) {
      try {
        appendFileSync(path, `${line}\n`, { mode: 0o600 });
      } catch (error) {
        process.stderr.write(`${oneLine(words(error as Error))}\n`);
      }
    }
    if (path === undefined) process.stderr.write(`${line}\n`);
    else if (level === 'error') process.stderr.write(`${oneLine(msg)}\n`);
  };
  try {
    flags = usage(() => parseFlags(GLOBAL, argv));
    const [command, ...args] = flags.rest;
    name = command;
    const format = flags.value('log-format') ?? 'text';
    if (format !== 'text' && format !== 'json') throw new UsageError(`invalid log-format: ${format}`);
    const logFile = flags.value('log');
    if (logFile) appendFileSync(logFile, '', { mode: 0o600 });
    if (flags.on('version')) return print(`runc version ${VERSION} (kobako)\nspec: ${SPEC}`);
    if (flags.on('help') || command === undefined || command === 'help') return print(help());
    if (command === 'checkpoint' || command === 'restore') throw new UsageError(`${command}: checkpoint and restore are not supported`);
    const run = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
    if (run === undefined) {
      log('error', `No help topic for '${command}'`);
      return 3;
    }
    const table = COMMAND_FLAGS[command]!;
    if (args[0] === '--help' || args[0] === '-h') return print(`NAME:\n   kobako-runc ${command}\n\nOPTIONS:\n${flagHelp(table)}`);
    const own = usage(() => parseFlags(table, args, { interspersed: command !== 'exec' && command !== 'ps' }));
    const debug = flags.on('debug') ? { debug: (text: string) => log('debug', text) } : {};
    const runtime = new OciRuntime({
      root: flags.value('root') || '/run/kobako-runc',
      helper: findHelper(),
      systemdCgroup: flags.on('systemd-cgroup'),
      warn: (text) => log('warning', text),
      ...debug,
    });
    return await run(runtime, own, print);
  } catch (error) {
    log('error', sentence(name, error as Error));
    return name === 'exec' && !(error instanceof UsageError) ? 255 : 1;
  }
}

/** Wrong flags, in the words of runc's library. */
function usage(parse: () => Flags): Flags {
  try {
    return parse();
  } catch (error) {
    throw new UsageError((error as Error).message.replace(/^unknown flag: --(.*)$/, 'flag provided but not defined: -$1'));
  }
}

/** In the words that dockerd, containerd and podman look for. */
function sentence(name: string | undefined, error: Error): string {
  const text = words(error);
  if (error instanceof UsageError) return text;
  const program = (error as { detail?: { op?: string } }).detail?.op !== undefined ? 'unable to start container process: ' : '';
  if (name === 'create' || name === 'run') return `runc ${name} failed: ${program}${text}`;
  if (name === 'exec') return `exec failed: ${program}${text}`;
  return text;
}

/** A system call's error as C programs tell it: `open /x: no such file or directory`. */
function words(error: NodeJS.ErrnoException): string {
  const { errno, syscall, path } = error;
  if (errno === undefined || syscall === undefined) return error.message;
  return `${syscall}${path === undefined ? '' : ` ${path}`}: ${getSystemErrorMessage(errno)}`;
}

/** What the user gave may hold line ends and escape sequences. */
function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f]/g, (char) => JSON.stringify(char).slice(1, -1));
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

function help(): string {
  return `NAME:\n   kobako-runc - Open Container Initiative runtime\n\nUSAGE:\n   kobako-runc [global options] command [command options] [arguments...]\n\nCOMMANDS:\n   ${Object.keys(COMMANDS).join('\n   ')}\n\nGLOBAL OPTIONS:\n${flagHelp(GLOBAL)}`;
}

// a reader that went away, as `| head`
process.stdout.on('error', () => {});
void start(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
