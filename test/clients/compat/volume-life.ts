/** Volumes by themselves: made, listed, looked at, in use, removed, pruned; and what is refused. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Asker } from './ask.ts';
import type { Seen } from './compare.ts';
import { IMAGES } from './sides.ts';

const seen = ({ status, json, text }: Answer) => ({ status, body: json ?? text });
const filters = (value: object) => `filters=${encodeURIComponent(JSON.stringify(value))}`;

export interface VolumeCase {
  readonly name: string;
  readonly run: (ask: Asker) => Promise<Seen>;
}

/** One after another, each under the words that say what it is. */
function steps(name: string, ...all: readonly (readonly [what: string, method: string, path: string, body?: unknown])[]): VolumeCase {
  return {
    name,
    run: async (ask) => {
      const found: Record<string, unknown> = {};
      for (const [what, method, path, body] of all) {
        const answer = await ask({ method, path, ...(body === undefined ? {} : { body }) });
        // in no order
        (answer.json as { VolumesDeleted?: string[] } | undefined)?.VolumesDeleted?.sort();
        found[`${method} ${path.replace(/\?.*/, '').replace(/^\/volumes\/compat-[^/]+/, '/volumes/{name}')}: ${what}`] = seen(answer);
      }
      return found;
    },
  };
}

const CREATE = '/volumes/create';
const tmpfs = (o: string) => ({ type: 'tmpfs', device: 'tmpfs', o });

const refusal = (what: string, body: unknown): VolumeCase => steps(`refused: a volume, ${what}`, [what, 'POST', CREATE, body]);

/** A container with volumes, its events, and who is in the way of what. */
const use: VolumeCase = {
  name: 'volumes in use',
  run: async (ask) => {
    const found: Record<string, unknown> = {};
    const since = Math.floor(Date.now() / 1000) - 1;
    const step = async (what: string, method: string, path: string, body?: unknown) =>
      (found[`${method} ${path.replace(/\?.*/, '')}: ${what}`] = seen(await ask({ method, path, ...(body === undefined ? {} : { body }) })));
    const HostConfig = { NetworkMode: 'none', Binds: ['compat-u:/u', 'compat-r:/r:ro'] };
    await ask({
      method: 'POST',
      path: '/containers/create?name=compat-user',
      body: { Image: IMAGES.PLAIN, Cmd: ['sleep', '100'], Volumes: { '/v': {} }, HostConfig },
    });
    await step('start', 'POST', '/containers/compat-user/start');
    await step('in use', 'DELETE', '/volumes/compat-u');
    await step('in use, forced', 'DELETE', '/volumes/compat-u?force=1');
    await step('dangling', 'GET', `/volumes?${filters({ dangling: ['true'], name: ['compat-[ur]'] })}`);
    await step('not dangling', 'GET', `/volumes?${filters({ dangling: ['0'], name: ['compat-[ur]'] })}`);
    for (const volume of ['compat-u', '/u', 'compat']) {
      const { json } = await ask({ path: `/containers/json?all=1&${filters({ volume: [volume] })}` });
      found[`GET /containers/json: volume=${volume}`] = (json as { Names: string[] }[]).map(({ Names }) => Names[0]);
    }
    await ask({ method: 'POST', path: '/containers/compat-user/kill' });
    await ask({ method: 'POST', path: '/containers/compat-user/wait' });
    await step('remove with volumes', 'DELETE', '/containers/compat-user?v=1');
    await step('free', 'DELETE', '/volumes/compat-u');
    await step('pruned', 'POST', `/volumes/prune?${filters({ all: ['1'] })}`);
    await sleep(1000);
    const events = await ask({
      path: `/events?since=${since}&until=${Math.floor(Date.now() / 1000) + 1}&${filters({ type: ['volume'], volume: ['compat-'] })}`,
    });
    found['GET /events'] = events.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly Action: string; readonly Actor: { readonly ID: string } })
      .toSorted((a, b) => (`${a.Action} ${a.Actor.ID}` < `${b.Action} ${b.Actor.ID}` ? -1 : 1));
    return found;
  },
};

export const VOLUME_CASES: readonly VolumeCase[] = [
  steps(
    'a volume, made and removed',
    ['made', 'POST', CREATE, { Name: 'compat-v' }],
    ['again', 'POST', CREATE, { Name: 'compat-v' }],
    ['again with labels', 'POST', CREATE, { Name: 'compat-v', Labels: { a: 'b' } }],
    ['again with options', 'POST', CREATE, { Name: 'compat-v', DriverOpts: tmpfs('size=1m') }],
    ['looked at', 'GET', '/volumes/compat-v'],
    ['removed', 'DELETE', '/volumes/compat-v'],
    ['removed again', 'DELETE', '/volumes/compat-v'],
    ['removed again, forced', 'DELETE', '/volumes/compat-v?force=1'],
    ['looked at no more', 'GET', '/volumes/compat-v'],
  ),
  steps(
    'volumes with labels and options, listed and pruned',
    ['labels', 'POST', CREATE, { Name: 'compat-l', Labels: { a: '1', b: '' } }],
    ['no labels', 'POST', CREATE, { Name: 'compat-n', Labels: {} }],
    ['options', 'POST', CREATE, { Name: 'compat-o', DriverOpts: tmpfs('size=1m') }],
    ['empty options', 'POST', CREATE, { Name: 'compat-e', DriverOpts: { type: '', device: '', o: '' } }],
    ['bind', 'POST', CREATE, { Name: 'compat-d', Driver: 'local', DriverOpts: { type: 'none', device: '/compat-none', o: 'bind' } }],
    ['listed', 'GET', `/volumes?${filters({ name: ['compat-'] })}`],
    ['by label', 'GET', `/volumes?${filters({ label: ['a=1'] })}`],
    ['by labels', 'GET', `/volumes?${filters({ label: ['a=1', 'nope'] })}`],
    ['by driver', 'GET', `/volumes?${filters({ driver: ['nope'] })}`],
    ['by a bad pattern', 'GET', `/volumes?${filters({ name: ['('] })}`],
    ['dangling, perhaps', 'GET', `/volumes?${filters({ dangling: ['x'] })}`],
    ['an unknown filter', 'GET', `/volumes?${filters({ 'label!': ['x'] })}`],
    ['usage', 'GET', '/system/df?type=volume'],
    ['unknown', 'POST', `/volumes/prune?${filters({ nope: ['x'] })}`],
    ['all, perhaps', 'POST', `/volumes/prune?${filters({ all: ['x'] })}`],
    ['by label, of those without a name', 'POST', `/volumes/prune?${filters({ label: ['a'] })}`],
    ['by label', 'POST', `/volumes/prune?${filters({ label: ['a'], all: ['true'] })}`],
    ['the rest, as of old', 'POST', '/v1.41/volumes/prune'],
    ...['compat-o', 'compat-e', 'compat-d', 'compat-all'].map((name) => [`${name} goes`, 'DELETE', `/volumes/${name}?force=1`] as const),
  ),
  steps('a volume without a name', ['no name', 'POST', CREATE, {}], ['pruned', 'POST', '/volumes/prune']),
  steps('a volume of no body', ['no body', 'POST', CREATE], ['pruned', 'POST', '/volumes/prune']),
  refusal('of a short name', { Name: 'a' }),
  refusal('of a bad name', { Name: 'a/b' }),
  refusal('of a name with a dot first', { Name: '.ab' }),
  refusal('of no driver', { Name: 'compat-x', Driver: 'nope' }),
  refusal('of an unknown option', { Name: 'compat-x', DriverOpts: { nope: 'x' } }),
  refusal('of a type alone', { Name: 'compat-x', DriverOpts: { type: 'nfs' } }),
  refusal('of a device alone', { Name: 'compat-x', DriverOpts: { device: '/x' } }),
  refusal('of a size', { Name: 'compat-x', DriverOpts: { size: '1m' } }),
  refusal('of a cluster', { Name: 'compat-x', ClusterVolumeSpec: {} }),
  refusal('of a name that is a number', { Name: 1 }),
  steps('a cluster’s volume, changed', ['no swarm', 'PUT', '/volumes/compat-x?version=1', {}]),
  use,
];
