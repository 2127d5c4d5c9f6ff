import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SyscallError } from '../base/errors.ts';
import type { ContainerRecord } from './container-record.ts';
import type { Networking } from './networking.ts';
import type { EngineParts } from './parts.ts';
import { MachineSandboxes } from './sandboxes.ts';

test('an interface that cannot be taken away keeps nothing from its end: the other ones go, places and ports are free', () => {
  const detached: string[] = [];
  const drivers = {
    bridge: {
      detach({ id }: { readonly id: string }) {
        if (id === 'a') throw new SyscallError('netlink', 24, 'EMFILE', 'too many open files');
        detached.push(id);
        return Promise.resolve();
      },
    },
  };
  const networks = { store: { load: (id: string) => ({ id, name: id, driver: 'bridge' }) }, drivers };
  const place = (EndpointID: string) => ({ EndpointID, interfaceName: 'eth0', IPAddress: '10.0.0.2', IPPrefixLen: 24 });
  let record = { id: 'c', endpoints: {}, attached: { a: place('x'), b: place('y') }, published: [] } as unknown as ContainerRecord;
  let released = 0;
  const parts = {
    networks: () => networks,
    store: { load: () => record, remember: (now: ContainerRecord) => (record = now) },
    ports: { release: () => released++ },
    events: { emit: () => {} },
  } as unknown as EngineParts;
  const sandboxes = new MachineSandboxes(
    () => parts,
    () => ({}) as Networking,
  );
  sandboxes.ended('c');
  assert.deepEqual(detached, ['b']);
  assert.equal(record.attached, undefined);
  assert.ok(released > 0);
});
