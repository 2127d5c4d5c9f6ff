/** Ties a user's streams to an attached process, with back-pressure both ways and detach keys. */
import type { Socket } from 'node:net';
import { DETACH_KEYS, DetachKeys } from '../base/detach-keys.ts';
import { FrameReader } from '../kernel/linux/monitor-client.ts';
import type { AttachStreams } from './contract.ts';

export { DetachKeys, parseDetachKeys } from '../base/detach-keys.ts';

/**
 * Carries bytes until the process's streams end ('exit') or the detach keys are typed ('detached'). The socket has been
 * attached already and is closed at the end. Output streams of the user are not ended.
 */
export function pump(socket: Socket, streams: AttachStreams, tty: boolean): Promise<'exit' | 'detached'> {
  return new Promise((resolve, reject) => {
    const { stdin, stdout, stderr } = streams;
    const detach = new DetachKeys(streams.detachKeys ?? DETACH_KEYS);
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
