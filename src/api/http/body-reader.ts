/** Takes the framing off a request's body, piece by piece. */
import { type Framing, HttpProblem } from './head.ts';

export interface BodyReader {
  readonly done: boolean;
  /** Gives the body's bytes in `chunk` to `sink`, as views of it; returns how much of `chunk` belonged to the body. Throws HttpProblem. */
  feed(chunk: Buffer, sink: (piece: Buffer) => void): number;
}

/** Undefined when there is no body. */
export function bodyReader(framing: Framing): BodyReader | undefined {
  switch (framing.kind) {
    case 'none':
      return undefined;
    case 'length':
      return new LengthReader(framing.length);
    case 'chunked':
      return new ChunkedReader();
  }
}

class LengthReader implements BodyReader {
  #left: number;

  constructor(length: number) {
    this.#left = length;
  }

  get done(): boolean {
    return this.#left === 0;
  }

  feed(chunk: Buffer, sink: (piece: Buffer) => void): number {
    const used = Math.min(this.#left, chunk.length);
    this.#left -= used;
    if (used > 0) sink(used === chunk.length ? chunk : chunk.subarray(0, used));
    return used;
  }
}

const MAX_LINE = 4096;
const MAX_TRAILERS = 16_384;
const CR = 0x0d;
const LF = 0x0a;

/** RFC 9112, section 7.1. Extensions and trailers are read over. */
class ChunkedReader implements BodyReader {
  #state: 'size' | 'data' | 'after-data' | 'trailers' | 'done' = 'size';
  #left = 0;
  #line = '';
  #trailers = 0;

  get done(): boolean {
    return this.#state === 'done';
  }

  feed(chunk: Buffer, sink: (piece: Buffer) => void): number {
    let at = 0;
    while (at < chunk.length && this.#state !== 'done') {
      if (this.#state === 'data') {
        const used = Math.min(this.#left, chunk.length - at);
        sink(chunk.subarray(at, at + used));
        at += used;
        this.#left -= used;
        if (this.#left === 0) this.#state = 'after-data';
      } else {
        at = this.#feedLine(chunk, at);
      }
    }
    return at;
  }

  /** Collects a line up to CR LF, and acts on it when it is whole. */
  #feedLine(chunk: Buffer, from: number): number {
    const newline = chunk.indexOf(LF, from);
    const to = newline === -1 ? chunk.length : newline + 1;
    if (this.#line.length + to - from > MAX_LINE) throw new HttpProblem(400, 'malformed chunked encoding: line too long');
    this.#line += chunk.toString('latin1', from, to);
    if (newline === -1) return to;
    if (this.#line.charCodeAt(this.#line.length - 2) !== CR) throw new HttpProblem(400, 'malformed chunked encoding: bare line feed');
    const line = this.#line.slice(0, -2);
    this.#line = '';
    this.#take(line);
    return to;
  }

  #take(line: string): void {
    if (this.#state === 'size') {
      const size = /^([0-9a-fA-F]{1,12})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/.exec(line);
      if (size === null) throw new HttpProblem(400, 'malformed chunked encoding: invalid chunk size');
      this.#left = parseInt(size[1]!, 16);
      this.#state = this.#left === 0 ? 'trailers' : 'data';
    } else if (this.#state === 'after-data') {
      if (line !== '') throw new HttpProblem(400, 'malformed chunked encoding');
      this.#state = 'size';
    } else if (line === '') {
      this.#state = 'done';
    } else {
      this.#trailers += line.length;
      if (this.#trailers > MAX_TRAILERS) throw new HttpProblem(431, 'trailers too long');
    }
  }
}
