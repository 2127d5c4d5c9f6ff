/** A process's streams for somebody who came before the process: they are connected when it is there. */
import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import { DetachKeys } from './attach.ts';

export interface StreamChoice {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Only with a terminal. */
  readonly detachKeys?: string | undefined;
}

/**
 * Bytes are handed on as they are, with back-pressure both ways. With detach keys, typing them ends both sides and
 * leaves the process alone.
 */
export class EarlyStream extends Duplex {
  readonly choice: StreamChoice;
  readonly #keys: DetachKeys | undefined;
  #socket: Socket | undefined;
  #waiting: (() => void) | undefined;
  #nobody = false;
  #room: (() => void) | undefined;

  constructor(choice: StreamChoice) {
    super({ allowHalfOpen: true });
    this.choice = choice;
    this.#keys = choice.detachKeys === undefined || !choice.stdin ? undefined : new DetachKeys(choice.detachKeys);
    this.on('error', () => {}); // its close says all that there is to say
  }

  /** The monitor's socket, which has been asked to attach. */
  connectTo(socket: Socket): void {
    if (this.destroyed) return void socket.destroy();
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.on('error', () => {}); // its close follows
    socket.on('end', () => this.push(null));
    socket.on('close', () => {
      if (!this.readableEnded) this.push(null);
      this.#waiting?.();
    });
    this.#waiting?.();
    socket.resume();
  }

  /**
   * What is read before all that the process says, as there is room for it. Resolves when all has been taken, or nobody
   * wants it any more; calls `full` when the reader's turn has come first.
   */
  async begin(before: AsyncIterable<Buffer>, full: () => void): Promise<void> {
    for await (const chunk of before) {
      if (this.destroyed) return;
      if (chunk.length === 0 || this.push(chunk)) continue;
      full();
      if (!this.destroyed) await new Promise<void>((resolve) => (this.#room = resolve));
    }
  }

  /** There will be no process: what it would say ends here, and what is written goes nowhere. */
  nobodyComes(): void {
    this.#nobody = true;
    this.push(null);
    this.#waiting?.();
    this.end();
  }

  override _read(): void {
    this.#room?.();
    this.#socket?.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.#nobody) return done();
    if (this.#socket === undefined) {
      this.#waiting = () => {
        this.#waiting = undefined;
        this._write(chunk, _encoding, done);
      };
      return;
    }
    const { pass, detached } = this.#keys?.push(chunk) ?? { pass: chunk, detached: false };
    if (detached) {
      this.#detach();
      return done();
    }
    if (pass.length === 0 || this.#socket.destroyed) return done();
    // a process that has gone takes no more: that is no error of the writer's
    this.#socket.write(pass, () => done());
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#socket === undefined) {
      if (this.destroyed || this.#nobody) return done();
      this.#waiting = () => {
        this.#waiting = undefined;
        this._final(done);
      };
      return;
    }
    const held = this.#keys?.rest();
    if (held !== undefined && held.length > 0) this.#socket.write(held);
    if (this.choice.stdin) this.#socket.end(() => done());
    else done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#room?.();
    this.#socket?.destroy();
    done(error);
  }

  #detach(): void {
    this.push(null);
    this.#socket?.destroy();
  }
}
