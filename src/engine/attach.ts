/** Ties a user's streams to an attached process, with back-pressure both ways and detach keys. */
import type { Socket } from 'node:net';
import { invalid } from '../base/errors.ts';
import { FrameReader } from '../kernel/linux/monitor-client.ts';
import type { AttachStreams } from './contract.ts';

/**
 * Carries bytes until the process's streams end ('exit') or the detach keys are typed ('detached'). The socket has been
 * attached already and is closed at the end. Output streams of the user are not ended.
 */
export function pump(socket: Socket, streams: AttachStreams, tty: boolean): Promise<'exit' | 'detached'> {
  return new Promise((resolve, reject) => {
    const { stdin, stdout, stderr } = streams;
    const detach = new DetachKeys(streams.detachKeys ?? 'ctrl-p,ctrl-q');
    const finish = (how: 'exit' | 'detached') => {
      stdin?.off('data', onInput).off('end', onInputEnd);
      stdin?.pause();
      socket.destroy();
      resolve(how);
    };
    const write = (target: NodeJS.WritableStream | undefined, payload: Buffer) => {
      if (target === undefined || target.write(payload)) return;
      socket.pause();
      target.once('drain', () => socket.resume());
    };
    const frames = new FrameReader((name, payload) => write(name === 'stdout' ? stdout : stderr, payload));
    const onInput = (chunk: Buffer | string) => {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      const { pass, detached } = tty ? detach.push(bytes) : { pass: bytes, detached: false };
      if (pass.length > 0 && !socket.write(pass)) {
        stdin?.pause();
        socket.once('drain', () => stdin?.resume());
      }
      if (detached) finish('detached');
    };
    const onInputEnd = () => {
      const held = detach.rest();
      if (held.length > 0) socket.write(held);
      socket.end();
    };
    socket.on('data', (chunk: Buffer) => {
      try {
        if (tty) write(stdout, chunk);
        else frames.push(chunk);
      } catch (error) {
        socket.destroy();
        reject(error as Error);
      }
    });
    socket.on('error', () => {}); // its close follows
    socket.on('close', () => finish('exit'));
    socket.on('end', () => finish('exit'));
    stdin?.on('data', onInput).on('end', onInputEnd);
    socket.resume();
  });
}

/** Finds the detach keys in what is typed. Keys typed so far are held back until it is clear that they are not those. */
export class DetachKeys {
  readonly #keys: Buffer;
  #matched = 0;

  /** `ctrl-p,ctrl-q` or single characters, comma-separated, as docker takes them; '' for none. */
  constructor(text: string) {
    this.#keys = parseDetachKeys(text);
  }

  /** What was held back, at the end of the input. */
  rest(): Buffer {
    const held = this.#keys.subarray(0, this.#matched);
    this.#matched = 0;
    return held;
  }

  push(chunk: Buffer): { pass: Buffer; detached: boolean } {
    if (this.#keys.length === 0) return { pass: chunk, detached: false };
    const pass: number[] = [];
    for (const byte of chunk) {
      if (byte === this.#keys[this.#matched]) {
        if (++this.#matched === this.#keys.length) return { pass: Buffer.from(pass), detached: true };
        continue;
      }
      pass.push(...this.#keys.subarray(0, this.#matched));
      this.#matched = byte === this.#keys[0] ? 1 : 0;
      if (this.#matched === 0) pass.push(byte);
    }
    return { pass: Buffer.from(pass), detached: false };
  }
}

/** The bytes that detach keys stand for. Throws `invalid` for a key that is no key. */
export function parseDetachKeys(text: string): Buffer {
  if (text === '') return Buffer.alloc(0);
  const bytes = text.split(',').map((key) => {
    if (key.length === 1) return key.charCodeAt(0);
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
    if (control === undefined) throw invalid(`unknown detach key ${JSON.stringify(key)}`, 'a key is one character, or ctrl- and one of a-z @ [ \\ ] ^ _');
    return control.toUpperCase().charCodeAt(0) & 0x1f;
  });
  return Buffer.from(bytes);
}
