/** The program: hands this process's streams, arguments and signals to the command line. */
import { readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { EngineError } from '../base/errors.ts';
import type { LocalEngine } from '../engine/contract.ts';
import { openEngine } from '../engine/open-engine.ts';
import { main } from './main.ts';

const FORWARDED = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGCONT', 'SIGWINCH'] as const;

async function start(): Promise<void> {
  if (process.argv[2] === 'daemon') {
    const { daemonMain } = await import('../daemon/main.ts');
    process.exit(await daemonMain(process.argv.slice(3), process.env));
  }
  let engine: LocalEngine | undefined;
  process.exitCode = await main(process.argv.slice(2), {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    readFile: (path) => access(() => readFileSync(path, 'utf8'), path),
    writeFile: (path, text) => access(() => writeFileSync(path, text, { flag: 'wx' }), path),
    engine: () => (engine ??= openEngine()),
    onSignal(handler) {
      const stops = FORWARDED.map((name) => {
        const listener = () => handler(constants.signals[name]);
        process.on(name, listener);
        return () => process.off(name, listener);
      });
      return () => stops.forEach((stop) => stop());
    },
  });
  await engine?.close();
}

void start();

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
