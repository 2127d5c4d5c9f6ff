/**
 * A helper that forks a runner for each plan (`kobako-helper serve`). To start a process from a large program costs that
 * program milliseconds, in which it does nothing else; to ask the server for one costs a connection.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { processStart } from './process.ts';

export class HelperServer {
  readonly #child: ChildProcess;
  readonly #path: string;
  #ready = false;
  #gone = false;

  /** `folder` is for its socket, which only root can get at. */
  constructor(helper: string, folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    sweep(folder);
    this.#path = `${folder}/${process.pid}.${processStart(process.pid)}.${servers++}`;
    this.#child = spawn(helper, ['serve', '3', this.#path], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'], env: {}, cwd: '/' });
    const channel = this.#channel;
    channel.once('data', () => (this.#ready = true));
    channel.on('error', () => {});
    const gone = () => void (this.#gone = true);
    channel.on('close', gone);
    this.#child.on('error', gone).on('exit', gone);
    this.#child.unref();
    channel.unref();
  }

  get #channel(): Socket {
    return this.#child.stdio[3] as Socket;
  }

  /** It can be asked. */
  get ready(): boolean {
    return this.#ready && !this.#gone;
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** A channel to a new runner, which first says its pid. */
  runner(): Socket {
    return connect(this.#path);
  }

  /** It goes; its runners stay. */
  close(): void {
    this.#gone = true;
    this.#channel.destroy();
    rmSync(this.#path, { force: true });
  }
}

let servers = 0;

/** Removes the sockets of programs that were killed. */
function sweep(folder: string): void {
  for (const name of readdirSync(folder)) {
    const [pid, start] = name.split('.');
    if (processStart(Number(pid)) !== start) rmSync(`${folder}/${name}`, { force: true });
  }
}
