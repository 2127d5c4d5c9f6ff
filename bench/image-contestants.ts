/** Who takes part in `images.ts`: our engine with each driver, in a process of its own, and dockerd over its API. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, mkdirSync } from 'node:fs';
import { request } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { pipeline } from 'node:stream/promises';
import { peers } from '../test/support/peers.ts';
import { atEnd } from './cleanup.ts';

export interface Order {
  /** `run`: pull, and a container's first output. */
  readonly task: 'load' | 'pull' | 'run' | 'push' | 'tag' | 'remove';
  readonly name: string;
  readonly newName?: string;
  readonly archive?: string;
}

export interface Answer {
  readonly ms: number;
  /** Milliseconds of user and system time. */
  readonly cpu?: number;
  /** Bytes: the process's peak so far. */
  readonly rss?: number;
  /** Milliseconds that the event loop did not turn, at the most. */
  readonly stall?: number;
  /** The same of the bench, which only waits: what the machine does to everybody. */
  readonly machineStall?: number;
  readonly error?: string;
}

export interface Contestant {
  readonly name: string;
  do(order: Order): Promise<Answer>;
  end(): Promise<void>;
}

/** As bin/launch.sh starts a daemon. */
const DAEMON_FLAGS = ['--max-semi-space-size=4', '--no-parallel-scavenge'];
const DAEMON_ENV = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '4194304', MALLOC_TRIM_THRESHOLD_: '16777216' };

export function kobako(driver: 'erofs' | 'overlay', folder: string): Contestant {
  const child = fork(`${import.meta.dirname}/image-worker.js`, [driver, `${folder}/${driver}`], {
    execArgv: DAEMON_FLAGS,
    env: { ...process.env, ...DAEMON_ENV },
  });
  return {
    name: `kobako, ${driver}`,
    async do(order) {
      const waiting = monitorEventLoopDelay({ resolution: 1 });
      waiting.enable();
      child.send(order);
      const [answer] = (await once(child, 'message')) as [Answer];
      waiting.disable();
      if (answer.error !== undefined) throw new Error(`kobako, ${driver}: ${order.task} ${order.name}: ${answer.error}`);
      return { ...answer, machineStall: waiting.max / 1e6 };
    },
    end: atEnd(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      if (child.connected) child.disconnect();
      await ended;
    }),
  };
}

export async function dockerd(folder: string): Promise<Contestant> {
  mkdirSync(`${folder}/docker`);
  const host = await peers(['docker'], { BIND: folder, DOCKERD_ARGS: `--data-root ${folder}/docker` });
  const socketPath = host.replace('unix://', '');
  const call = (method: string, path: string, body?: object | string): Promise<string> =>
    new Promise((resolve, reject) => {
      const json = typeof body === 'object' ? JSON.stringify(body) : undefined;
      // base64url of {}: nobody
      const headers = { 'x-registry-auth': 'e30=', ...(json === undefined ? {} : { 'content-type': 'application/json' }) };
      const out = request({ socketPath, method, path: `/v1.47${path}`, headers }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => {
          if (response.statusCode! >= 400 || text.includes('"errorDetail"')) reject(new Error(`dockerd: ${method} ${path}: ${text.slice(-300)}`));
          else resolve(text);
        });
      });
      out.on('error', reject);
      if (typeof body === 'string') void pipeline(createReadStream(body, { highWaterMark: 1 << 20 }), out).catch(reject);
      else out.end(json);
    });
  const timed = async (work: () => Promise<unknown>): Promise<Answer> => {
    const start = performance.now();
    await work();
    return { ms: performance.now() - start };
  };
  const split = (name: string): [string, string] => [name.slice(0, name.lastIndexOf(':')), name.slice(name.lastIndexOf(':') + 1)];
  const idOf = async (name: string) => (JSON.parse(await call('GET', `/images/${name}/json`).catch(() => '{}')) as { Id?: string }).Id;
  const pull = (name: string) => call('POST', `/images/create?fromImage=${split(name)[0]}&tag=${split(name)[1]}`);
  let container = '';
  return {
    name: 'dockerd 28',
    async do({ task, name, newName = '', archive = '' }) {
      switch (task) {
        case 'load':
          return timed(() => call('POST', '/images/load?quiet=1', archive));
        case 'pull':
          return timed(() => pull(name));
        case 'push':
          return timed(() => call('POST', `/images/${split(name)[0]}/push?tag=${split(name)[1]}`));
        case 'run':
          return timed(async () => {
            await pull(name);
            const body = { Image: name, Cmd: ['/bin/echo', 'hi'], HostConfig: { NetworkMode: 'none' } };
            container = (JSON.parse(await call('POST', '/containers/create', body)) as { Id: string }).Id;
            await call('POST', `/containers/${container}/start`);
            while (!(await call('GET', `/containers/${container}/logs?stdout=1&follow=1`)).includes('hi'));
          });
        case 'tag':
          return timed(() => call('POST', `/images/${name}/tag?repo=${split(newName)[0]}&tag=${split(newName)[1]}`));
        case 'remove': {
          if (container !== '') await call('DELETE', `/containers/${container}?force=true`);
          container = '';
          const id = await idOf(name);
          if (id !== undefined) await call('DELETE', `/images/${id}?force=true`);
          return { ms: 0 };
        }
      }
    },
    end: atEnd(() => peers(['down'])),
  };
}
