/**
 * One connection: requests one after another, each answered before the next is read, until it is closed or becomes a
 * hijacked stream. It reads HTTP itself, so that the bytes after a request are never in another reader's hands.
 */
import type { Socket } from 'node:net';
import { invalid } from '../../base/errors.ts';
import { type BodyReader, bodyReader } from './body-reader.ts';
import { HeadBuffer } from './head-buffer.ts';
import { HttpProblem, parseHead, type RequestHead } from './head.ts';
import { problemText } from './reply.ts';
import { BodyBrokenOff, RequestBody } from './request-body.ts';

export interface Limits {
  /** The longest head, in bytes. */
  readonly headBytes: number;
  /** Milliseconds from a head's first byte to its last. */
  readonly headMs: number;
  /** Milliseconds that a connection may wait for its next request. */
  readonly idleMs: number;
  /** Milliseconds in which a client has to take the last answer. */
  readonly lingerMs: number;
}

/** What one request is to its connection. */
export interface Handling {
  /** What follows the request is the process's, not the next request. */
  readonly hijackable: boolean;
  run(): void;
  /** The client has gone. */
  gone(): void;
}

export interface ConnectionOwner {
  readonly limits: Limits;
  /** No further requests: the engine is about to stop. */
  readonly closing: boolean;
  handling(connection: Connection, head: RequestHead, body: RequestBody): Handling;
  closed(connection: Connection): void;
}

const MAX_STASH = 64 * 1024;
/** How much of an unread body is read over so that the connection can be used again. */
const MAX_DRAIN = 1024 * 1024;

export class Connection {
  /** When the owner should call `expire`, in milliseconds of `performance.now`. */
  deadline: number;
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #head: HeadBuffer;
  #handling: Handling | undefined;
  #body: RequestBody | undefined;
  #reader: BodyReader | undefined;
  /** What came after the request that is being answered. */
  #stash: Buffer | undefined;
  #continues = false;
  #answered = false;
  #draining = false;
  #drained = 0;
  #ended = false;
  #broken = false;
  #closing = false;
  #detached = false;
  readonly #onData = (chunk: Buffer): void => this.#data(chunk);
  readonly #onEnd = (): void => this.#end();

  constructor(socket: Socket, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#owner = owner;
    this.#head = new HeadBuffer(owner.limits.headBytes);
    this.deadline = performance.now() + owner.limits.idleMs;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', () => {}); // 'close' follows, and says enough
    socket.once('close', () => this.#gone());
  }

  get socket(): Socket {
    return this.#socket;
  }

  /** Nothing is asked at the moment. */
  get idle(): boolean {
    return this.#handling === undefined && !this.#detached;
  }

  /** Its end would not be heard: it has been detached and the client's half is closed, or more requests have come than are kept. */
  get deaf(): boolean {
    return this.#detached ? this.#socket.readableEnded : (this.#stash?.length ?? 0) > MAX_STASH && this.#handling?.hijackable === false;
  }

  /** True: there is room for more. */
  write(data: string | Uint8Array): boolean {
    this.#answered = true;
    return typeof data === 'string' ? this.#socket.write(data, 'utf8') : this.#socket.write(data);
  }

  /** The answer is written: on to the next request, or the end. */
  finish(keepAlive: boolean): void {
    this.#handling = undefined;
    const last = this.#ended && this.#stash === undefined;
    if (!keepAlive || this.#broken || last || this.#continues || this.#owner.closing) return this.close();
    if (this.#reader === undefined) return this.#next();
    this.#draining = true;
    this.#drained = 0;
    this.#body?.drop();
    this.deadline = performance.now() + this.#owner.limits.lingerMs;
    this.#socket.resume();
  }

  /** Ends the connection once what is written has gone out. */
  close(): void {
    this.#handling = undefined;
    this.#body?.drop();
    if (this.#closing) return;
    this.#closing = true;
    this.deadline = performance.now() + this.#owner.limits.lingerMs;
    this.#socket.end();
    this.#socket.resume(); // unread bytes would make the kernel reset the connection, and the answer with it
  }

  /** The socket itself; what came after the request is the first that it gives. */
  detach(): Socket {
    this.#detached = true;
    this.deadline = Infinity;
    const socket = this.#socket;
    socket.pause();
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    if (this.#stash !== undefined) socket.unshift(this.#stash);
    this.#stash = undefined;
    // back to the state of a new stream, which flows once somebody listens; what was paused would stay so
    const nothing = (): void => {};
    socket.on('readable', nothing).off('readable', nothing);
    return socket;
  }

  /** The deadline has passed. */
  expire(): void {
    if (!this.#closing && !this.#draining && !this.#head.empty) this.#refuse(new HttpProblem(408, 'the request took too long'));
    else this.#socket.destroy();
  }

  #data(chunk: Buffer): void {
    if (this.#closing || this.#broken) return;
    if (this.#reader !== undefined) this.#bodyData(chunk, this.#reader);
    else if (this.#handling !== undefined || this.#stash !== undefined) this.#keep(chunk);
    else this.#headData(chunk);
  }

  #headData(chunk: Buffer): void {
    if (this.#head.empty) this.deadline = performance.now() + this.#owner.limits.headMs;
    try {
      const whole = this.#head.push(chunk);
      if (whole !== undefined) this.#begin(parseHead(whole.text), whole.rest);
    } catch (error) {
      if (!(error instanceof HttpProblem)) throw error;
      this.#refuse(error);
    }
  }

  #begin(head: RequestHead, rest: Buffer): void {
    const body = new RequestBody(() => this.#bodyWanted());
    this.deadline = Infinity;
    this.#body = body;
    this.#reader = bodyReader(head.framing);
    this.#continues = head.expectsContinue && this.#reader !== undefined;
    this.#answered = false;
    if (this.#reader === undefined) body.end();
    const handling = this.#owner.handling(this, head, body);
    this.#handling = handling;
    if (rest.length > 0) this.#data(rest);
    else if (this.#reader === undefined && handling.hijackable) this.#socket.pause();
    handling.run();
  }

  #bodyData(chunk: Buffer, reader: BodyReader): void {
    const body = this.#body!;
    let room = true;
    let used: number;
    this.#continues = false; // it did not wait
    try {
      used = reader.feed(chunk, (piece) => {
        if (!body.push(piece)) room = false;
      });
    } catch (error) {
      if (!(error instanceof HttpProblem)) throw error;
      return this.#breakOff(error);
    }
    if (!reader.done) {
      if (this.#draining && (this.#drained += used) > MAX_DRAIN) this.close();
      else if (!room) this.#socket.pause();
      return;
    }
    this.#reader = undefined;
    body.end();
    if (used < chunk.length) this.#keep(chunk.subarray(used));
    else if (this.#handling?.hijackable === true) this.#socket.pause();
    if (this.#draining) this.#next();
  }

  /** The body is no HTTP: whoever reads it is told, and nothing after it can be understood. */
  #breakOff(problem: HttpProblem): void {
    this.#reader = undefined;
    this.#broken = true;
    if (this.#draining) return this.close();
    this.#body!.fail(invalid(problem.message));
  }

  #bodyWanted(): void {
    // once the answer has begun it is too late to ask for the body
    if (this.#continues && !this.#answered) {
      this.#continues = false;
      this.#socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    }
    if (this.#reader !== undefined) this.#socket.resume();
  }

  #keep(chunk: Buffer): void {
    this.#stash = this.#stash === undefined ? chunk : Buffer.concat([this.#stash, chunk]);
    if (this.#handling?.hijackable === true || this.#stash.length > MAX_STASH) this.#socket.pause();
  }

  #next(): void {
    this.#draining = false;
    this.#body = undefined;
    this.deadline = performance.now() + this.#owner.limits.idleMs;
    if (this.#stash === undefined) this.#socket.resume();
    else setImmediate(() => this.#takeStash()); // one client's queue must not hold up the others
  }

  #takeStash(): void {
    const stash = this.#stash;
    this.#stash = undefined;
    if (stash === undefined || this.#closing) return;
    this.#socket.resume();
    this.#data(stash);
    if (this.#ended && this.#handling === undefined) this.close(); // half a head, and no more to come
  }

  #refuse(problem: HttpProblem): void {
    this.write(problemText(problem.status, problem.message));
    this.close();
  }

  #end(): void {
    this.#ended = true;
    if (this.#closing) return;
    if (this.#handling === undefined) return this.#stash === undefined ? this.close() : undefined;
    this.#breakBody();
    this.#handling.gone();
  }

  #breakBody(): void {
    // an error costs a look at the stack
    if (this.#body?.ended === false) this.#body.fail(new BodyBrokenOff());
  }

  #gone(): void {
    this.#ended = true;
    this.#breakBody();
    this.#handling?.gone();
    this.#owner.closed(this);
  }
}
