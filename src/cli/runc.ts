/** `kobako-runc`: an OCI runtime with runc's command line. */
import { appendFileSync } from 'node:fs';
import { invalid } from '../base/errors.ts';
import { findHelper, OciRuntime } from '../engine/oci.ts';
import { flagHelp, parseFlags, type Flags } from './flags.ts';
import { COMMANDS } from './runc/commands.ts';
import { COMMAND_FLAGS, GLOBAL } from './runc/flags.ts';

const VERSION = '0.1.0';
const SPEC = '1.2.1';

async function start(argv: readonly string[]): Promise<number> {
  let flags: Flags | undefined;
  let name: string | undefined;
  const log = (level: string, msg: string) => {
    const path = flags?.value('log');
    const time = new Date().toISOString();
    const line =
      flags?.value('log-format') === 'json' ? JSON.stringify({ level, msg, time }) : `time=${JSON.stringify(time)} level=${level} msg=${JSON.stringify(msg)}`;
    if (path === undefined) process.stderr.write(`${line}\n`);
    else appendFileSync(path, `${line}\n`, { mode: 0o600 });
    if (path !== undefined && level === 'error') process.stderr.write(`${msg}\n`);
  };
  try {
    flags = parseFlags(GLOBAL, argv);
    const [command, ...args] = flags.rest;
    name = command;
    const format = flags.value('log-format') ?? 'text';
    if (format !== 'text' && format !== 'json') throw invalid(`invalid log-format: ${format}`);
    if (flags.on('version')) return print(`runc version ${VERSION} (kobako)\nspec: ${SPEC}`);
    if (flags.on('help') || command === undefined || command === 'help') return print(help());
    if (command === 'checkpoint' || command === 'restore') throw invalid(`${command}: checkpoint and restore are not supported`);
    const run = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
    if (run === undefined) throw invalid(`No help topic for '${command}'`);
    const table = COMMAND_FLAGS[command]!;
    if (args[0] === '--help' || args[0] === '-h') return print(`NAME:\n   kobako-runc ${command}\n\nOPTIONS:\n${flagHelp(table)}`);
    const own = parseFlags(table, args, { interspersed: command !== 'exec' && command !== 'ps' });
    const root = flags.value('root') ?? '/run/kobako-runc';
    const runtime = new OciRuntime({ root, helper: findHelper(), systemdCgroup: flags.on('systemd-cgroup'), warn: (text) => log('warning', text) });
    return await run(runtime, own, print);
  } catch (error) {
    log('error', sentence(name, error as Error));
    return name === 'exec' ? 255 : 1;
  }
}

/** In the words that dockerd, containerd and podman look for. */
function sentence(name: string | undefined, error: Error): string {
  const program = (error as { detail?: { op?: string } }).detail?.op !== undefined ? 'unable to start container process: ' : '';
  if (name === 'create' || name === 'run') return `runc ${name} failed: ${program}${error.message}`;
  if (name === 'exec') return `exec failed: ${program}${error.message}`;
  return error.message;
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

function help(): string {
  return `NAME:\n   kobako-runc - Open Container Initiative runtime\n\nUSAGE:\n   kobako-runc [global options] command [command options] [arguments...]\n\nCOMMANDS:\n   ${Object.keys(COMMANDS).join('\n   ')}\n\nGLOBAL OPTIONS:\n${flagHelp(GLOBAL)}`;
}

void start(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
