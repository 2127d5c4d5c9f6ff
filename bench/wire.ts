/** Whose time passes between a client and an engine: a socket in between, served by `wire.c`. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectDir } from '../test/support/paths.ts';
import { runOk } from '../test/support/run.ts';

export interface Passed {
  /** Milliseconds in which the engine was waited for. */
  readonly engine: number;
  /** Milliseconds from the first byte to the last. */
  readonly all: number;
  /** How often the engine answered. */
  readonly turns: number;
}

export class Wire implements AsyncDisposable {
  readonly socket: string;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(socket: string, child: ChildProcess) {
    this.socket = socket;
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  }

  /** To the engine at `upstream`, from a new socket in `folder`. Needs a C compiler. */
  static async open(folder: string, name: string, upstream: string): Promise<Wire> {
    const program = `${folder}/wire`;
    if (!existsSync(program)) await runOk('cc', ['-O2', '-o', program, `${projectDir}/bench/wire.c`]);
    const socket = `${folder}/${name}.wire`;
    const wire = new Wire(socket, spawn(program, [socket, upstream], { stdio: ['pipe', 'pipe', 'inherit'] }));
    while (!existsSync(socket)) await sleep(10);
    return wire;
  }

  /** What has passed since this was asked the last time. */
  async passed(): Promise<Passed> {
    this.#child.stdin!.write('\n');
    const { value } = (await this.#lines.next()) as { value: string };
    const [engine, all, turns] = value.split(' ').map(Number);
    return { engine: engine! / 1000, all: all! / 1000, turns: turns! };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin!.end();
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
  }
}
