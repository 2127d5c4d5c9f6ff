import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../base/errors.ts';
import { leasedKinds, leasedObjects, removeLeased, type Leasable } from './lease-objects.ts';
import { LEASE_LABEL } from './leases-contract.ts';
import type { Filters } from './types/system.ts';

const under = (lease: string) => ({ [LEASE_LABEL]: lease });

/** What the table asks of an engine's containers, networks and volumes. */
function engine(fail: (what: string) => EngineError | undefined = () => undefined) {
  const asked: string[] = [];
  const ask = (what: string) => {
    asked.push(what);
    const error = fail(what);
    if (error !== undefined) throw error;
  };
  const seen = (type: string, { label }: Filters = {}) => ask(`${type}s ${label?.join()}`);
  const leasable = {
    containers: {
      list: async ({ all, filters }: { all?: boolean; filters?: Filters }) => {
        seen(all ? 'all container' : 'container', filters);
        return [{ Id: 'c', Labels: under('x') }];
      },
      remove: async (id: string, options: object) => ask(`container ${id} ${JSON.stringify(options)}`),
    },
    networks: {
      list: async (filters: Filters) => {
        seen('network', filters);
        return [
          { Id: 'n', Labels: under('x') },
          { Id: 'n2', Labels: under('y') },
        ];
      },
      remove: async (id: string) => ask(`network ${id}`),
    },
    volumes: {
      list: async (filters: Filters) => {
        seen('volume', filters);
        return { Volumes: [{ Name: 'v', Labels: under('x') }] };
      },
      remove: async (name: string) => ask(`volume ${name}`),
    },
  };
  return { asked, kinds: leasedKinds(leasable as unknown as Leasable) };
}

test('containers with their anonymous volumes and by force, then networks, then volumes', async () => {
  const { asked, kinds } = engine();
  assert.deepEqual(await removeLeased(kinds, 'x'), []);
  assert.deepEqual(asked, [
    'all containers dev.kobako.lease=x',
    'container c {"force":true,"volumes":true}',
    'networks dev.kobako.lease=x',
    'network n',
    'network n2',
    'volumes dev.kobako.lease=x',
    'volume v',
  ]);
});

test('what has gone already is no failure; what stands in the way of one stands in the way of no other', async () => {
  const { asked, kinds } = engine((what) => {
    if (what === 'network n') return new EngineError('not-found', 'network n not found');
    if (what === 'network n2') return new EngineError('denied', 'network n2 has active endpoints');
    return what.startsWith('all containers') ? new EngineError('internal', 'out of order') : undefined;
  });
  assert.deepEqual(await removeLeased(kinds, 'x'), ['containers: out of order', 'network n2: network n2 has active endpoints']);
  assert.equal(asked.at(-1), 'volume v');
});

test('all that there is, by lease; an engine without networks and volumes has containers', async () => {
  const { kinds } = engine();
  const found = [...(await leasedObjects(kinds))].map(([lease, objects]) => [lease, objects.map(({ Type, Id }) => `${Type} ${Id}`)]);
  assert.deepEqual(found, [
    ['x', ['container c', 'network n', 'volume v']],
    ['y', ['network n2']],
  ]);
  const { containers } = { containers: { list: async () => [], remove: async () => {} } };
  assert.deepEqual(
    leasedKinds({ containers }).map(({ type }) => type),
    ['container'],
  );
});
