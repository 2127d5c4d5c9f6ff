/**
 * A helper that forks a runner for each plan (`kobako-helper serve`). To start a process from a large program costs that
 * program milliseconds, in which it does nothing else; to ask the server for one costs a connection.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { processStart } from './process.ts';

/** What runs one plan, which is to be written to its channel. `pid` 0: it is still to be said there. */
export interface Runner {
  readonly channel: Socket;
  readonly pid: number;
}

/** Runners that wait for their plans: whoever comes next need not wait for a process to be made, nor an exec that follows a start at once. */
const SPARES = 2;
/** After a runner was taken: not while its plan runs. */
const SPARE_DELAY_MS = 10;

export class HelperServer {
  readonly #child: ChildProcess;
  readonly #path: string;
  #ready = false;
  #gone = false;
  readonly #spares: Runner[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** `folder` is for its socket, which only root can get at. */
  constructor(helper: string, folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    sweep(folder);
    this.#path = `${folder}/${process.pid}.${processStart(process.pid)}.${servers++}`;
    this.#child = spawn(helper, ['serve', '3', this.#path], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'], env: {}, cwd: '/' });
    const channel = this.#channel;
    channel.once('data', () => {
      this.#ready = true;
      this.#makeSpare();
    });
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

  /** A runner: one that waits already, or a new one, which first says its pid. */
  runner(): Runner {
    const spare = this.#spares.shift();
    // not put off by the next: where one follows the other at once none would ever be ready
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#makeSpare();
    }, SPARE_DELAY_MS).unref();
    if (spare === undefined) return { channel: connect(this.#path), pid: 0 };
    spare.channel.removeAllListeners('data').ref();
    return spare;
  }

  /** One after the other, until there are enough. */
  #makeSpare(): void {
    if (this.#gone || this.#spares.length >= SPARES) return;
    const channel = connect(this.#path).unref();
    channel.once('data', (line: Buffer) => {
      const pid = Number(/"pid":(\d+)}\n$/.exec(line.toString())?.[1]);
      if (this.#gone || this.#spares.length >= SPARES || !pid) return void channel.destroy();
      this.#spares.push({ channel, pid });
      // it reads on, and so is told when the runner goes
      channel.on('data', () => channel.destroy());
      this.#makeSpare();
    });
    channel.on('error', () => {});
    channel.on('close', () => {
      const at = this.#spares.findIndex((spare) => spare.channel === channel);
      if (at >= 0) this.#spares.splice(at, 1);
    });
  }

  /** It goes; its runners stay. */
  close(): void {
    this.#gone = true;
    clearTimeout(this.#timer);
    for (const { channel } of this.#spares.splice(0)) channel.destroy();
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
