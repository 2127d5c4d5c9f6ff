/** A Unix socket of one's own that leads to an agent elsewhere. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';

/**
 * In the folder `run`, whose path is short, and for its owner only. `join` is given each connection to it, and joins it to
 * the agent. The socket is gone, with its connections, when it is disposed of.
 */
export async function agentSocket(run: string, join: (socket: Socket) => void): Promise<{ readonly path: string } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    try {
      join(socket);
    } catch {
      socket.destroy(); // whoever has the agent has gone
    }
  });
  mkdirSync(run, { recursive: true, mode: 0o700 });
  const folder = mkdtempSync(`${run}/ssh-`);
  const path = `${folder}/agent.sock`;
  const dispose = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
    chmodSync(path, 0o600);
  } catch (error) {
    await dispose();
    throw error;
  }
  return { path, [Symbol.asyncDispose]: dispose };
}
