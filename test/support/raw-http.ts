/** A server of the HTTP door for one test, and clients of it that send what bytes they like. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestContext } from 'node:test';
import type { Route } from '../../src/api/contract.ts';
import { type ApiServer, serve, type ServeOptions } from '../../src/api/server.ts';
import { pingRoutes } from '../../src/api/system/ping.ts';
import { listen } from '../../src/daemon/listen.ts';
import type { Engine } from '../../src/engine/contract.ts';
import { tempFor } from './temp.ts';

export interface Ground {
  readonly path: string;
  readonly server: ApiServer;
  readonly log: string[];
}

/** Its routes and `/_ping`, without an engine. What it logs is in `log`. */
export async function ground(t: TestContext, routes: readonly Route[], options: Partial<ServeOptions> = {}): Promise<Ground> {
  const path = `${tempFor(t)}/api.sock`;
  const log: string[] = [];
  const server = serve(await listen([`unix://${path}`]), [...pingRoutes, ...routes], {} as Engine, {
    version: '0.1.0',
    log: (line) => log.push(line),
    ...options,
  });
  t.after(() => server.close({ graceMs: 0 }));
  return { path, server, log };
}

/** Sends bytes and reads until the server ends the connection, or `until` has come. */
export async function talk(path: string, pieces: readonly (string | Buffer)[], until?: string | RegExp): Promise<string> {
  const socket = connect({ path, allowHalfOpen: true });
  await once(socket, 'connect');
  for (const piece of pieces) {
    socket.write(piece);
    if (pieces.length > 1) await sleep(2);
  }
  const got = await readUntil(socket, until);
  socket.destroy();
  return got;
}

/** What comes, up to `until` or the end. */
export function readUntil(socket: Socket, until?: string | RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = '';
    const done = (): void => {
      socket.off('data', onData).off('end', done).off('error', reject);
      resolve(got);
    };
    const onData = (chunk: Buffer): void => {
      got += chunk.toString('latin1');
      if (until !== undefined && (typeof until === 'string' ? got.includes(until) : until.test(got))) done();
    };
    socket.on('data', onData).once('end', done).once('error', reject);
  });
}

/** Requests as text. */
export const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: d\r\n${more}\r\n`;
export const post = (path: string, body: string, more = 'Content-Type: application/json\r\n'): string =>
  `POST ${path} HTTP/1.1\r\nHost: d\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${more}\r\n${body}`;
