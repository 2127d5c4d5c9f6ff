/** The program: hands this process's streams, arguments and signals to the command line, and gives it an engine. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import type { Duplex } from 'node:stream';
import { EngineError } from '../base/errors.ts';
import type { Engine, LocalEngine } from '../engine/contract.ts';
import type { EngineDoors } from './choose-engine.ts';
import type { CliContext, EngineNeed } from './context.ts';
import { flagHelp } from './flags.ts';
import { main } from './main.ts';

const FORWARDED = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGCONT', 'SIGWINCH'] as const;

/** What was opened, to be closed at the end. */
const opened: { engine?: Promise<Engine>; local?: Promise<LocalEngine> } = {};

const localEngine = (): Promise<LocalEngine> => (opened.local ??= import('../engine/open-engine.ts').then(({ openEngine }) => openEngine()));

async function start(): Promise<void> {
  // a reader that went away, as `| head`, ends us as it ends others: quietly, as by SIGPIPE; who holds a container listens itself
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' && process.stdout.listenerCount('error') === 1) process.exit(128 + constants.signals.SIGPIPE);
  });
  process.exitCode = await main(process.argv.slice(2), {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    readFile: (path) => access(() => readFileSync(path, 'utf8'), path),
    writeFile: (path, text) => access(() => writeFileSync(path, text, { flag: 'wx' }), path),
    fileExists: existsSync,
    replaceFile: (path, text) => access(() => replaceFile(path, text), path),
    // of the context that the command line's own options have changed
    engine(this: CliContext, need) {
      return (opened.engine ??= engineFor(this.env, need));
    },
    dial(this: CliContext) {
      return dialFor(this.env);
    },
    localEngine,
    daemon: async (args) => {
      const { daemonMain } = await import('../daemon/main.ts');
      if (args.includes('--help')) {
        const { DAEMON_FLAGS } = await import('../daemon/settings.ts');
        process.stdout.write(`Usage:  kobako daemon [OPTIONS]\n\nRun the engine for others, over HTTP\n\nOptions:\n${flagHelp(DAEMON_FLAGS)}\n`);
        return 0;
      }
      process.exit(await daemonMain(args, process.env));
    },
    async program(this: CliContext, command, args, env) {
      const { runInForeground } = await import('../kernel/linux/foreground-program.ts');
      return runInForeground(command, args, { ...this.env, ...env });
    },
    credentialHelper: async (name, action, input) => (await import('../kernel/linux/credential-helper.ts')).runCredentialHelper(name, action, input),
    onSignal(handler) {
      const stops = FORWARDED.map((name) => {
        const listener = () => handler(constants.signals[name]);
        process.on(name, listener);
        return () => process.off(name, listener);
      });
      return () => stops.forEach((stop) => stop());
    },
  });
  const close = (engine: Promise<Engine> | undefined) => engine?.then((one) => one.close()).catch(() => {});
  await close(opened.engine);
  await close(opened.local);
}

void start();

const engineFor = (env: CliContext['env'], need: EngineNeed | undefined): Promise<Engine> =>
  choose(env, { connect: (url) => connect(env, url), open: localEngine }, need);

async function dialFor(env: CliContext['env']): Promise<Duplex> {
  const open = () => Promise.reject(new EngineError('unavailable', 'there is no daemon, and none is to be started'));
  return choose(env, { connect: async (url) => dialed(env, url), open }, { stays: true });
}

async function choose<T>(env: CliContext['env'], ways: Pick<EngineDoors<T>, 'connect' | 'open'>, need: EngineNeed | undefined): Promise<T> {
  const { chooseEngine } = await import('./choose-engine.ts');
  const background = () => import('../kernel/linux/background-daemon.ts');
  const startDaemon = async (socket: string) => {
    const { startInBackground } = await background();
    const command = [process.execPath, '--', process.argv[1]!, 'daemon', ...daemonArguments(env, socket)] as const;
    await startInBackground({ command, env: process.env, socket });
  };
  const listens = async (socket: string) => existsSync(socket) && (await background()).listens(socket);
  return chooseEngine(env, { ...ways, listens, startDaemon }, need);
}

async function connect(env: CliContext['env'], url: string): Promise<Engine> {
  const { connectEngine } = await import('../client/engine.ts');
  const { clientTls } = await import('./client-tls.ts');
  return connectEngine(url, {
    ssh: await sshDoor(url),
    tls: clientTls(env, url),
    version: env['DOCKER_API_VERSION'] || undefined,
    credentials: async (domain) => (await import('./stored-credentials.ts')).storedCredentials(env, domain),
  });
}

const sshDoor = async (url: string) => (url.startsWith('ssh:') ? (await import('../kernel/linux/ssh-program.ts')).sshConnection : undefined);

async function dialed(env: CliContext['env'], url: string): Promise<Duplex> {
  const [{ parseAddress }, { dial }, { clientTls }] = await Promise.all([
    import('../client/address.ts'),
    import('../client/dial.ts'),
    import('./client-tls.ts'),
  ]);
  const tls = clientTls(env, url);
  return dial(parseAddress(url, tls !== undefined), { tls, ssh: await sshDoor(url) });
}

function daemonArguments(env: CliContext['env'], socket: string): string[] {
  const folder = dirname(socket);
  // of a state folder of its own without a data root of its own: its containers are with it
  const dataRoot = env['KOBAKO_DATA_ROOT'] || env['KOBAKO_STATE_DIR'];
  return ['--host', `unix://${socket}`, '--exec-root', folder, '--pidfile', `${folder}/daemon.pid`, ...(dataRoot ? ['--data-root', dataRoot] : [])];
}

function replaceFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, text, { mode: 0o600 });
  renameSync(temporary, path);
}

function access<T>(use: () => T, path: string): T {
  try {
    return use();
  } catch (error) {
    const words: Readonly<Record<string, string>> = {
      ENOENT: 'no such file or directory',
      EACCES: 'permission denied',
      EISDIR: 'is a directory',
      EEXIST: 'file exists',
    };
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new EngineError('invalid', `open ${path}: ${words[code] ?? message}`, { cause: error });
  }
}
