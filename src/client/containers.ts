/** Containers over HTTP: what makes them, what happens to them, and their streams. */
import { EngineError } from '../base/errors.ts';
import type { AttachOptions, Containers, Created, WaitResult } from '../engine/containers-contract.ts';
import type { ContainerInspect, ContainerSummary } from '../engine/types/container-answers.ts';
import { path, type HttpCall, type HttpClient } from './http.ts';
import { streamOf } from './streams.ts';

export type LifecycleClient = Pick<
  Containers,
  'create' | 'start' | 'stop' | 'restart' | 'kill' | 'pause' | 'unpause' | 'rename' | 'wait' | 'remove' | 'prune' | 'inspect' | 'list' | 'attach' | 'resize'
>;

/** A container's path. Names may come with the slash that documents have. Throws `invalid` for none. */
export function containerPath(name: string, rest = ''): string {
  const given = name.replace(/^\//, '');
  if (given === '') throw new EngineError('invalid', 'invalid container name or ID: value is empty');
  return path`/containers/${given}` + rest;
}

export function lifecycleClient(http: HttpClient): LifecycleClient {
  const post = (name: string, action: string, query: HttpCall['query'] = {}) => http.status({ method: 'POST', path: containerPath(name, `/${action}`), query });
  /** Docker answers 304 where there is nothing to do. */
  const did = async (status: Promise<number>) => (await status) !== 304;
  const inspect: Containers['inspect'] = async (name, { size } = {}) =>
    http.json<ContainerInspect>({ method: 'GET', path: containerPath(name, '/json'), query: { size: size || undefined } });
  return {
    create: async (body, { name, platform } = {}) => {
      const made = await http.json<Created>({ method: 'POST', path: '/containers/create', query: { name, platform }, json: body });
      return { Id: made.Id, Warnings: made.Warnings ?? [] };
    },
    start: async (name, { detachKeys } = {}) => did(post(name, 'start', { detachKeys })),
    stop: async (name, { signal, timeout } = {}) => did(post(name, 'stop', { signal, t: timeout })),
    restart: async (name, { signal, timeout } = {}) => void (await post(name, 'restart', { signal, t: timeout })),
    kill: async (name, signal) => void (await post(name, 'kill', { signal })),
    pause: async (name) => void (await post(name, 'pause')),
    unpause: async (name) => void (await post(name, 'unpause')),
    rename: async (name, newName) => void (await post(name, 'rename', { name: newName })),
    wait: async (name, { condition, signal, started } = {}) => {
      // the head comes at once, the document with the end
      const answer = await http.send({ method: 'POST', path: containerPath(name, '/wait'), query: { condition }, signal });
      started?.();
      return http.read<WaitResult>(answer);
    },
    remove: async (name, { force, volumes, link } = {}) => {
      const query = { force: force || undefined, v: volumes || undefined, link: link || undefined };
      await http.status({ method: 'DELETE', path: containerPath(name), query });
    },
    prune: async (filters) => {
      const done = await http.json<Awaited<ReturnType<Containers['prune']>>>({ method: 'POST', path: '/containers/prune', query: { filters } });
      return { ContainersDeleted: done.ContainersDeleted ?? [], SpaceReclaimed: done.SpaceReclaimed };
    },
    inspect,
    list: async ({ all, limit, size, filters } = {}) => {
      const query = { all: all || undefined, limit, size: size || undefined, filters };
      return http.json<readonly ContainerSummary[]>({ method: 'GET', path: '/containers/json', query });
    },
    attach: async (name, options) => {
      const query = attachQuery(options);
      const taken = await http.hijack({ method: 'POST', path: containerPath(name, '/attach'), query });
      return streamOf(http, taken, async () => (await inspect(name)).Config.Tty);
    },
    resize: async (name, rows, cols) => void (await post(name, 'resize', { h: rows, w: cols })),
  };
}

function attachQuery({ stdin, stdout, stderr, logs, stream, detachKeys }: AttachOptions): NonNullable<HttpCall['query']> {
  const on = (value: boolean | undefined) => value || undefined;
  return { stdin: on(stdin), stdout: on(stdout), stderr: on(stderr), logs: on(logs), stream: on(stream ?? true), detachKeys };
}
