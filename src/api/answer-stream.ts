import { EngineError } from '../base/errors.ts';
import type { ResponseStream } from './contract.ts';
import type { Connection } from './http/connection.ts';

/** How an answer's end is told: by chunks, by its length, by the end of the connection; or there is no body. */
export type Form = 'chunked' | 'length' | 'plain' | 'none';

export function clientGone(): EngineError {
  return new EngineError('cancelled', 'the client has gone');
}

/** An answer that comes piece by piece. */
export class AnswerStream implements ResponseStream {
  readonly #connection: Connection;
  readonly #form: Form;
  readonly #ended: (error?: unknown) => void;
  #head: string | undefined;
  /** Of an answer whose length is known: what is still to come. */
  #left: number;
  #over: 'no' | 'ended' | 'gone' = 'no';
  #waiting: (() => void)[] = [];

  constructor(connection: Connection, head: string, form: Form, length: number, ended: (error?: unknown) => void) {
    this.#connection = connection;
    this.#head = head;
    this.#form = form;
    this.#left = length;
    this.#ended = ended;
  }

  flush(): void {
    if (this.#over !== 'no' || this.#head === undefined) return;
    this.#connection.write(this.#head);
    this.#head = undefined;
  }

  async write(chunk: Uint8Array | string): Promise<void> {
    if (this.#over === 'gone') throw clientGone();
    if (this.#over === 'ended') throw new EngineError('internal', 'write after the end of an answer');
    const size = typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.length;
    if (size === 0) return;
    if (this.#form === 'length' && (this.#left -= size) < 0) throw new EngineError('internal', 'an answer that is longer than its Content-Length');
    if (this.#send(chunk, size)) return;
    await new Promise<void>((resolve) => {
      if (this.#waiting.push(resolve) === 1) this.#connection.socket.once('drain', this.#drained);
    });
    if (this.#isGone()) throw clientGone();
  }

  async last(chunk: string): Promise<void> {
    if (this.#form !== 'chunked' || this.#over !== 'no') {
      await this.write(chunk);
      return this.end();
    }
    const text = `${this.#head ?? ''}${Buffer.byteLength(chunk).toString(16)}\r\n${chunk}\r\n0\r\n\r\n`;
    this.#over = 'ended';
    this.#connection.write(text);
    this.#ended();
  }

  end(): void {
    if (this.#over === 'no' && this.#form === 'length' && this.#left !== 0)
      return this.fail(new EngineError('internal', 'an answer that is not as long as its Content-Length'));
    if (this.#over === 'ended') return;
    const text = this.#over === 'gone' ? '' : `${this.#head ?? ''}${this.#form === 'chunked' ? '0\r\n\r\n' : ''}`;
    this.#over = 'ended';
    if (text !== '') this.#connection.write(text);
    this.#ended();
  }

  fail(error: unknown): void {
    if (this.#over === 'ended') return;
    this.#over = 'ended';
    this.#ended(error ?? new EngineError('internal', 'the answer broke off'));
  }

  gone(): void {
    if (this.#over === 'no') this.#over = 'gone';
    this.#drained();
  }

  readonly #drained = (): void => {
    this.#connection.socket.off('drain', this.#drained);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  };

  #isGone(): boolean {
    return this.#over === 'gone';
  }

  /** False: the client is slower than this. */
  #send(chunk: Uint8Array | string, size: number): boolean {
    const head = this.#head ?? '';
    this.#head = undefined;
    if (this.#form === 'none') return head === '' || this.#connection.write(head);
    const before = this.#form === 'chunked' ? `${head}${size.toString(16)}\r\n` : head;
    const after = this.#form === 'chunked' ? '\r\n' : '';
    if (typeof chunk === 'string') return this.#connection.write(before + chunk + after);
    const { socket } = this.#connection;
    socket.cork();
    if (before !== '') this.#connection.write(before);
    let room = this.#connection.write(chunk);
    if (after !== '') room = this.#connection.write(after);
    socket.uncork();
    return room && !socket.writableNeedDrain;
  }
}
