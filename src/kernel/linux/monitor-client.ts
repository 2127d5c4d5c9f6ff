/** Speaks to a monitor's socket: one-line commands, and attach, whose stream is Docker's own framing. */
import { connect, type Socket } from 'node:net';
import { EngineError } from '../../base/errors.ts';

export { FrameReader, type StreamName } from '../../base/frames.ts';

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
