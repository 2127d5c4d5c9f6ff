/** The engines that a bench sets against each other, and how it talks to them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectDir } from '../test/support/paths.ts';
import { peers } from '../test/support/peers.ts';
import { atEnd } from './cleanup.ts';

export interface Contestant {
  readonly name: string;
  readonly socket: string;
  /** Processes that are there for one container. */
  readonly keeper: RegExp;
  /** Put before a command to run it on the machine that this engine publishes ports on. */
  readonly there: readonly string[];
  /** Where this machine reaches such a port. */
  readonly address: string;
  end(): Promise<unknown>;
}

/** Of all calls; to be destroyed at the end. */
export const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** One call of the API to its end, which is to succeed; the answer's body. */
export function call(socketPath: string, method: string, path: string, body?: unknown): Promise<string> {
  const bytes = body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  const headers = { 'Content-Type': Buffer.isBuffer(body) ? 'application/x-tar' : 'application/json', 'Content-Length': bytes?.length ?? 0 };
  return new Promise((resolve, reject) => {
    const out = request({ socketPath, agent, method, path: `/v1.47${path}`, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if ((response.statusCode ?? 500) < 400) resolve(text);
        else reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
      });
    });
    out.on('error', (error) => reject(new Error(`${method} ${path} at ${socketPath}: ${error.message}`, { cause: error })));
    out.end(bytes);
  });
}

export const idOf = (text: string) => (JSON.parse(text) as { Id: string }).Id;

/** Milliseconds that it took. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** Our daemon, with its data in `folder`. */
export async function kobako(folder: string): Promise<Contestant> {
  const socket = `${folder}/kobako.sock`;
  const args = ['daemon', '--data-root', `${folder}/kobako`, '--exec-root', `${folder}/run`, '-H', `unix://${socket}`];
  const child = spawn(`${projectDir}/bin/kobako`, args, { stdio: 'ignore' });
  while (!existsSync(socket)) await sleep(20);
  const end = atEnd(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    // those that a bench which is ended in the middle leaves
    for (const { Id } of JSON.parse(await call(socket, 'GET', '/containers/json?all=1')) as { Id: string }[]) {
      await call(socket, 'DELETE', `/containers/${Id}?force=1&v=1`);
    }
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
  return { name: 'kobako', socket, keeper: new RegExp(`^/proc/${child.pid}/fd/\\d+ serve `), there: [], address: '127.0.0.1', end };
}

/** A real dockerd 28, with its data in `folder`. */
export async function dockerd(folder: string): Promise<Contestant> {
  mkdirSync(`${folder}/docker`);
  const host = await peers(['docker'], { BIND: folder, DOCKERD_ARGS: `--data-root ${folder}/docker` });
  return {
    name: 'dockerd 28',
    socket: host.replace('unix://', ''),
    keeper: /containerd-shim/,
    there: ['nsenter', '--net=/run/netns/peers-docker'],
    address: '10.233.1.2',
    end: atEnd(() => peers(['down'])),
  };
}

/** Between two runs: what a contestant leaves to be done after its answer is its own, and not the next one's time. */
export const settled = () => sleep(30);

/** The one in the middle. */
export const median = (list: readonly number[]) => list.toSorted((a, b) => a - b)[list.length >> 1]!;
