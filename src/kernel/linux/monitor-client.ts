/** Speaks to a monitor's socket: one-line commands, and attach, whose stream is Docker's own framing. */
import { connect, type Socket } from 'node:net';
import { EngineError } from '../../base/errors.ts';

const MAX_LINE = 1 << 20;

/** A connection to a monitor. Throws `not-found` when nothing listens there: the process has ended. */
export async function connectMonitor(path: string): Promise<Socket> {
  const socket = connect({ path, allowHalfOpen: true });
  try {
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  } catch (error) {
    socket.destroy();
    throw new EngineError('not-found', 'the process is not running', { cause: error });
  }
  return socket;
}

/** Sends one command and gives what follows `ok`. An `error TEXT` answer is thrown. The connection stays open. */
export async function ask(socket: Socket, command: string): Promise<string> {
  socket.write(`${command}\n`);
  const line = await readLine(socket);
  if (line === 'ok') return '';
  if (line.startsWith('ok ')) return line.slice(3);
  throw new EngineError('conflict', line.startsWith('error ') ? line.slice(6) : 'the monitor went away');
}

/** One command on a connection of its own. */
export async function askOnce(path: string, command: string): Promise<string> {
  const socket = await connectMonitor(path);
  try {
    return await ask(socket, command);
  } finally {
    socket.destroy();
  }
}

/** Reads up to a newline and leaves what comes after it unread. */
function readLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const onReadable = () => {
      for (let chunk: Buffer | null; (chunk = socket.read() as Buffer | null) !== null;) {
        const end = chunk.indexOf(10);
        parts.push(end < 0 ? chunk : chunk.subarray(0, end));
        const length = parts.reduce((sum, part) => sum + part.length, 0);
        if (end < 0 && length < MAX_LINE) continue;
        if (end >= 0 && end + 1 < chunk.length) socket.unshift(chunk.subarray(end + 1));
        return done(() => resolve(Buffer.concat(parts).toString()));
      }
    };
    const onEnd = () => done(() => reject(new EngineError('unavailable', 'the monitor went away')));
    const done = (settle: () => void) => {
      socket.off('readable', onReadable).off('end', onEnd).off('error', onEnd).off('close', onEnd);
      settle();
    };
    socket.on('readable', onReadable).on('end', onEnd).on('error', onEnd).on('close', onEnd);
    onReadable();
  });
}

/** Which part of an attached stream a frame belongs to. */
export type StreamName = 'stdout' | 'stderr';

/**
 * Takes Docker's stream framing apart: an 8-byte header (1 stdout or 2 stderr, three zeros, length as big-endian 32-bit
 * number), then the payload. Give it chunks of any size; it hands on payload as it comes. Throws on a malformed header.
 */
export class FrameReader {
  #header = Buffer.alloc(0);
  #left = 0;
  #name: StreamName = 'stdout';
  readonly #emit: (name: StreamName, payload: Buffer) => void;

  constructor(emit: (name: StreamName, payload: Buffer) => void) {
    this.#emit = emit;
  }

  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#left === 0) {
        const need = 8 - this.#header.length;
        this.#header = Buffer.concat([this.#header, rest.subarray(0, need)]);
        rest = rest.subarray(need);
        if (this.#header.length < 8) return;
        const kind = this.#header[0];
        if (kind !== 1 && kind !== 2) throw new EngineError('internal', `malformed stream frame of type ${kind}`);
        this.#name = kind === 1 ? 'stdout' : 'stderr';
        this.#left = this.#header.readUInt32BE(4);
        this.#header = Buffer.alloc(0);
      } else {
        const payload = rest.subarray(0, this.#left);
        this.#left -= payload.length;
        rest = rest.subarray(payload.length);
        this.#emit(this.#name, payload);
      }
    }
  }
}
