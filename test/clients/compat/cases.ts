/** What is asked of both engines. Each case asks and gives what it was answered, by endpoint. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Asker } from './ask.ts';
import type { Seen } from './compare.ts';
import { CREATE_BODIES, type CreateBody } from './create-bodies.ts';
import { CREATE_REFUSALS } from './create-refusals.ts';
import { NETWORK_CASES } from './networks.ts';
import { IMAGES } from './sides.ts';
import { VOLUME_BODIES, VOLUME_REFUSALS } from './volume-bodies.ts';
import { VOLUME_CASES } from './volume-life.ts';

export interface Case {
  readonly name: string;
  readonly run: (ask: Asker) => Promise<Seen>;
}

export const PEER = 'compat-peer';
const NAME = 'compat-x';
const CREATE = 'POST /containers/create';
const INSPECT = 'GET /containers/{id}/json';
const LIST = 'GET /containers/json';

const filters = (value: object) => `filters=${encodeURIComponent(JSON.stringify(value))}`;
const seen = ({ status, json, text }: Answer) => ({ status, body: json ?? text });

/** The container that others join. */
export async function startPeer(ask: Asker): Promise<void> {
  await ask({ method: 'DELETE', path: `/containers/${PEER}?force=1` });
  const body = { Image: IMAGES.PLAIN, Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: 'none', IpcMode: 'shareable' } };
  const created = await ask({ method: 'POST', path: `/containers/create?name=${PEER}`, body });
  const started = await ask({ method: 'POST', path: `/containers/${PEER}/start` });
  if (started.status !== 204) throw new Error(`${created.text} ${started.text}`);
}

export async function removePeer(ask: Asker): Promise<void> {
  await ask({ method: 'DELETE', path: `/containers/${PEER}?force=1` });
}

function filled(body: CreateBody): Record<string, unknown> {
  const text = JSON.stringify({ Image: IMAGES.PLAIN, Cmd: ['true'], ...body });
  return JSON.parse(text.replaceAll('"RICH"', `"${IMAGES.RICH}"`).replaceAll('"BARE"', `"${IMAGES.BARE}"`).replaceAll('PEER', PEER)) as Record<string, unknown>;
}

function creation([name, body]: readonly [string, CreateBody]): Case {
  return {
    name: `create: ${name}`,
    run: async (ask) => {
      const created = await ask({ method: 'POST', path: `/containers/create?name=${NAME}`, body: filled(body) });
      if (created.status !== 201) return { [CREATE]: seen(created) };
      const inspected = await ask({ path: `/containers/${NAME}/json` });
      const listed = await ask({ path: `/containers/json?all=1&${filters({ name: [NAME] })}` });
      await ask({ method: 'DELETE', path: `/containers/${NAME}?force=1&v=1` });
      return { [CREATE]: seen(created), [INSPECT]: seen(inspected), [LIST]: seen(listed) };
    },
  };
}

function refusal([name, body]: readonly [string, CreateBody]): Case {
  return {
    name: `refused: ${name}`,
    run: async (ask) => {
      const { '@name': wanted, '@platform': platform, ...rest } = filled({ '@name': NAME, ...body });
      const query = new URLSearchParams({ name: String(wanted), ...(platform === undefined ? {} : { platform: String(platform) }) });
      const created = await ask({ method: 'POST', path: `/containers/create?${query.toString()}`, body: rest });
      if (created.status === 201) await ask({ method: 'DELETE', path: `/containers/${String(wanted)}?force=1&v=1` });
      return { [CREATE]: seen(created) };
    },
  };
}

/** One request after another; the endpoint is the path without its query, names in braces. */
function asked(name: string, ...requests: readonly (readonly [method: string, path: string, body?: unknown])[]): Case {
  return {
    name,
    run: async (ask) => {
      const all: Record<string, unknown> = {};
      for (const [method, path, body] of requests) {
        const answer = await ask({ method, path, ...(body === undefined ? {} : { body }) });
        all[
          `${method} ${path.replace(/\?.*/, '').replace(/^\/(containers|networks|volumes|plugins|nodes|exec)\/[^/]+(?<!json|create|prune)(?=\/|$)/, '/$1/{id}')}`
        ] = seen(answer);
      }
      return all;
    },
  };
}

const look = (path: string): Case => asked(`GET ${path}`, ['GET', path]);
const list = (value: object): Case => look(`/containers/json?all=1&${filters(value)}`);

/** Through its life: what is told of it, and of what happens to it. */
const life: Case = {
  name: 'a life: created, running, paused, exited, removed',
  run: async (ask) => {
    const all: Record<string, unknown> = {};
    const since = Math.floor(Date.now() / 1000) - 1;
    const body = {
      Image: IMAGES.PLAIN,
      Cmd: ['sh', '-c', 'sleep 1000; exit 3'],
      Labels: { compat: 'life' },
      HostConfig: { NetworkMode: 'none', RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 1 } },
    };
    const inspect = async (state: string) => {
      all[`${INSPECT}, ${state}`] = seen(await ask({ path: `/containers/${NAME}/json` }));
      all[`${LIST}, ${state}`] = seen(await ask({ path: `/containers/json?all=1&${filters({ label: ['compat=life'] })}` }));
    };
    await ask({ method: 'POST', path: `/containers/create?name=${NAME}`, body });
    await ask({ method: 'POST', path: `/containers/${NAME}/start` });
    await inspect('running');
    await ask({ method: 'POST', path: `/containers/${NAME}/pause` });
    await inspect('paused');
    await ask({ method: 'POST', path: `/containers/${NAME}/unpause` });
    await ask({ method: 'POST', path: `/containers/${NAME}/rename?name=${NAME}2` });
    await ask({ method: 'POST', path: `/containers/${NAME}2/rename?name=${NAME}` });
    const waited = ask({ method: 'POST', path: `/containers/${NAME}/wait` });
    await ask({ method: 'POST', path: `/containers/${NAME}/kill?signal=KILL` });
    all['POST /containers/{id}/wait'] = seen(await waited);
    await inspect('exited');
    all['DELETE /containers/{id}'] = seen(await ask({ method: 'DELETE', path: `/containers/${NAME}` }));
    await sleep(1000);
    const events = await ask({ path: `/events?since=${since}&until=${Math.floor(Date.now() / 1000) + 1}&${filters({ label: ['compat=life'] })}` });
    all['GET /events'] = events.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    return all;
  },
};

const NO_SUCH = '/containers/compat-none';

export const CASES: readonly Case[] = [
  ...Object.entries({ ...CREATE_BODIES, ...VOLUME_BODIES }).map(creation),
  ...Object.entries({ ...CREATE_REFUSALS, ...VOLUME_REFUSALS }).map(refusal),
  ...VOLUME_CASES,
  life,
  ...NETWORK_CASES,
  asked(
    'a container that is not there',
    ['GET', `${NO_SUCH}/json`],
    ['POST', `${NO_SUCH}/start`],
    ['POST', `${NO_SUCH}/stop`],
    ['POST', `${NO_SUCH}/restart`],
    ['POST', `${NO_SUCH}/kill`],
    ['POST', `${NO_SUCH}/pause`],
    ['POST', `${NO_SUCH}/unpause`],
    ['POST', `${NO_SUCH}/wait`],
    ['POST', `${NO_SUCH}/rename?name=x`],
    ['POST', `${NO_SUCH}/exec`, { Cmd: ['true'] }],
    ['DELETE', NO_SUCH],
  ),
  asked(
    'what a running container refuses',
    ['DELETE', `/containers/${PEER}`],
    ['POST', `/containers/${PEER}/unpause`],
    ['POST', `/containers/${PEER}/start`],
    ['POST', `/containers/${PEER}/rename?name=${PEER}`],
    ['POST', `/containers/${PEER}/kill?signal=NOPE`],
    ['POST', `/containers/${PEER}/exec`, { Cmd: [] }],
  ),
  asked('rename to a name that is none', ['POST', `/containers/${PEER}/rename?name=a/b`]),
  asked('rename to nothing', ['POST', `/containers/${PEER}/rename?name=`]),
  asked('no such exec', ['GET', '/exec/compat-none/json'], ['POST', '/exec/compat-none/start', {}]),
  asked('no body', ['POST', '/containers/create']),
  asked('a path that is not there', ['GET', '/compat-none']),
  look('/v1.99/info'),
  look('/v1.10/info'),
  look('/info'),
  look('/version'),
  look('/_ping'),
  look('/system/df?type=container'),
  look('/system/df?type=volume&type=build-cache'),
  look('/system/df?type=nope'),
  look('/events?since=10&until=5'),
  look('/events?since=nope'),
  look(`/events?until=1&${filters({ nope: ['x'] })}`),
  look('/containers/json?limit=x'),
  look('/containers/json?filters=nope'),
  look('/containers/json?size=1'),
  list({ nope: ['x'] }),
  list({ status: ['nope'] }),
  list({ status: ['running'] }),
  list({ status: ['exited', 'paused'] }),
  list({ exited: ['nope'] }),
  list({ exited: ['0'] }),
  list({ health: ['nope'] }),
  list({ health: ['none'] }),
  list({ before: ['compat-none'] }),
  list({ before: [PEER] }),
  list({ since: [PEER] }),
  list({ name: [PEER] }),
  list({ name: ['^/compat-p'] }),
  list({ name: ['peer$', 'nope'] }),
  list({ name: ['('] }),
  list({ id: ['nope'] }),
  list({ label: ['nope'] }),
  list({ ancestor: [IMAGES.PLAIN] }),
  list({ ancestor: [IMAGES.RICH] }),
  list({ ancestor: ['nope'] }),
  list({ network: ['none'] }),
  list({ network: ['nope'] }),
  list({ volume: ['/nope'] }),
  list({ publish: ['nope'] }),
  list({ publish: ['80'] }),
  list({ expose: ['80/x'] }),
  list({ expose: ['90-80'] }),
  list({ 'is-task': ['nope'] }),
  list({ 'is-task': ['false'] }),
  list({ 'is-task': ['true'] }),
  list({ isolation: ['nope'] }),
  asked('prune: an unknown filter', ['POST', `/containers/prune?${filters({ nope: ['x'] })}`]),
  asked('prune: a time that is none', ['POST', `/containers/prune?${filters({ until: ['x'] })}`]),
  asked('prune: two times', ['POST', `/containers/prune?${filters({ until: ['1h', '2h'] })}`]),
  asked('prune: nothing there', ['POST', `/containers/prune?${filters({ label: ['compat-none'] })}`]),
  look('/networks'),
  look('/networks/none'),
  look('/networks/compat-none'),
  look(`/networks?${filters({ driver: ['host'] })}`),
  look(`/networks?${filters({ name: ['on'] })}`),
  look(`/networks?${filters({ type: ['custom'] })}`),
  look(`/networks?${filters({ type: ['nope'] })}`),
  look(`/networks?${filters({ nope: ['x'] })}`),
  asked('a network that stays', ['DELETE', '/networks/bridge']),
  asked('no networks to prune', ['POST', '/networks/prune']),
  look('/volumes'),
  look('/volumes/compat-none'),
  look(`/volumes?${filters({ nope: ['x'] })}`),
  look('/plugins'),
  look('/plugins/compat-none/json'),
  ...['/swarm', '/nodes', '/services', '/tasks', '/secrets', '/configs', '/swarm/unlockkey', '/nodes/x'].map(look),
  asked('leave no swarm', ['POST', '/swarm/leave']),
  asked('a service without a swarm', ['POST', '/services/create', {}]),
  asked('no builds to prune', ['POST', '/build/prune']),
];
