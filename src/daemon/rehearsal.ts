/**
 * Requests of a container's life, to a door of the daemon's own behind which nothing happens, so that V8 has compiled what
 * answers them before the first client comes. The engine rehearses the rest (`src/engine/rehearsal.ts`).
 */
import { rmSync } from 'node:fs';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { apiRoutes } from '../api/routes.ts';
import { serve } from '../api/server.ts';
import type { Engine } from '../engine/contract.ts';

const ROUNDS = 8;
/** Milliseconds: whoever had the daemon started comes first, and between two rounds everybody does. */
const FIRST_MS = 500;
const PAUSE_MS = 4;

const ID = '0'.repeat(64);
const CREATE = { Image: 'none', Cmd: ['true'], HostConfig: { NetworkMode: 'none' } };
const LIFE: readonly (readonly [method: string, path: string, body?: object])[] = [
  ['GET', '/_ping'],
  ['POST', '/v1.51/containers/create', CREATE],
  ['POST', `/v1.51/containers/${ID}/start`],
  ['POST', `/v1.51/containers/${ID}/exec`, { Cmd: ['true'], AttachStdout: true, AttachStderr: true }],
  ['GET', `/v1.51/exec/${ID}/json`],
  ['POST', `/v1.51/containers/${ID}/wait`],
  ['DELETE', `/v1.51/containers/${ID}`],
];

export interface RehearsalOptions {
  readonly rounds?: number;
  readonly firstMs?: number;
  readonly onRefusal?: (error: Error) => void;
}

/**
 * `socket` is its own: made and removed. `done` settles at the end, or where a request is not answered as it should be, which
 * `onRefusal` is told; once disposed of it settles soon.
 */
export function rehearseRequests(
  socket: string,
  { rounds = ROUNDS, firstMs = FIRST_MS, onRefusal }: RehearsalOptions = {},
): Disposable & { readonly done: Promise<void> } {
  rmSync(socket, { force: true });
  const stop = new AbortController();
  const all = async () => {
    await sleep(firstMs, undefined, { ref: false, signal: stop.signal });
    const listener = createServer({ allowHalfOpen: true });
    const door = serve([listener], apiRoutes, idleEngine(), { version: '0', log: () => {} });
    let client: Socket | undefined;
    try {
      await once(listener.listen(socket), 'listening');
      client = connect(socket);
      for (let round = 0; round < rounds; round++) {
        if (round > 0) await sleep(PAUSE_MS, undefined, { ref: false, signal: stop.signal });
        for (const [method, path, body] of LIFE) await ask(client, method, path, body, stop.signal);
      }
    } finally {
      client?.destroy();
      await door.close({ graceMs: 0 });
    }
  };
  const failed = (error: Error) => {
    if (!stop.signal.aborted) onRefusal?.(error);
  };
  return { done: all().catch(failed), [Symbol.dispose]: () => stop.abort() };
}

/** One request to the end of its answer, which comes by chunks, with its length, or without a body. Throws for one that is no success. */
async function ask(client: Socket, method: string, path: string, body: object | undefined, signal: AbortSignal): Promise<void> {
  const text = body === undefined ? '' : JSON.stringify(body);
  const type = text === '' ? '' : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n`;
  client.write(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: rehearsal\r\n${type}\r\n${text}`);
  for (let answer = ''; !isWhole(answer);) answer += String((await once(client, 'data', { signal }))[0]);
}

function isWhole(answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n');
  if (end < 0) return false;
  if (!/^HTTP\/1\.1 20[014] /.test(answer)) throw new Error(`the rehearsal was answered ${answer.slice(0, 200)}`);
  const length = /^Content-Length: (\d+)/im.exec(answer)?.[1];
  if (length !== undefined) return answer.length >= end + 4 + Number(length);
  return answer.startsWith('HTTP/1.1 204') || answer.endsWith('0\r\n\r\n');
}

/** What the requests above ask for. */
function idleEngine(): Engine {
  const containers = {
    create: async () => ({ Id: ID, Warnings: [] }),
    start: async () => true,
    wait: async (_id: string, { started }: { readonly started?: () => void }) => {
      started?.();
      return { StatusCode: 0 };
    },
    remove: async () => {},
  };
  const execs = { create: async () => ({ Id: ID }), inspect: async () => ({ ID, Running: false, ExitCode: 0 }) };
  return { containers, execs, leases: { check: () => {} } } as unknown as Engine;
}
