/** A process with a terminal, in the foreground: its monitor owns the pty, and the caller's terminal is tied to it. */
import { rmSync } from 'node:fs';
import { invalid } from '../base/errors.ts';
import type { RunningPlan } from '../kernel/contract.ts';
import type { MonitorSettings, Stdio } from '../runtime/contract.ts';
import type { Process } from '../runtime/spec.ts';
import { askOnce } from '../kernel/linux/monitor-client.ts';
import { pump } from './attach.ts';
import { attachTo } from './start-process.ts';

/** The terminal of whoever called, and the streams that may be it or may be redirected. */
export interface CallerTerminal {
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream;
  size(): { rows: number; cols: number };
  /** No echo, no signals, byte by byte; `false` puts it back as it was. */
  raw(on: boolean): void;
  onResize(listener: () => void): () => void;
}

/** The longest path of a Unix socket: sun_path has 108 bytes with the NUL. */
const MAX_SOCKET = 107;

export class ForegroundTerminal {
  readonly stdio: Stdio;
  readonly monitor: MonitorSettings;
  readonly #socket: string;
  readonly #caller: CallerTerminal;
  #carried: Promise<unknown> | undefined;
  #stop = () => {};

  constructor(dir: string, process: Process, caller: CallerTerminal, monitor: MonitorSettings) {
    this.#socket = `${dir}/tty-${globalThis.process.pid}`;
    if (Buffer.byteLength(this.#socket) > MAX_SOCKET) throw invalid(`${this.#socket} is too long for a socket's path: give a shorter --root or id`);
    this.#caller = caller;
    const size = caller.size();
    const { height, width } = process.consoleSize ?? {};
    this.stdio = { kind: 'pty', rows: height || size.rows, cols: width || size.cols };
    this.monitor = { ...monitor, socket: this.#socket, waitStart: true, backpressure: true };
  }

  /** Ties the streams and lets the process start. */
  async start(running: RunningPlan): Promise<void> {
    await running.waiting;
    const { stdin, stdout } = this.#caller;
    const streams = { stdin, stdout, detachKeys: '' };
    const socket = await attachTo(this.#socket, streams);
    const resize = () => {
      const { rows, cols } = this.#caller.size();
      if (rows > 0) askOnce(this.#socket, `resize ${rows} ${cols}`).catch(() => {}); // it may have ended meanwhile
    };
    const off = this.#caller.onResize(resize);
    this.#caller.raw(true);
    this.#stop = () => {
      off();
      this.#caller.raw(false);
    };
    this.#carried = pump(socket, streams, true);
    this.#carried.catch(() => {});
    running.send('start');
  }

  /** After the exit: when all output is through, the terminal is as it was. */
  async finish(): Promise<void> {
    await this.#carried?.catch(() => {});
    this.#stop();
    rmSync(this.#socket, { force: true });
  }
}
