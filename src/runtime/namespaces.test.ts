import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CLONE_NEW } from '../kernel/constants.ts';
import { at, built, machine, opsOf } from '../../test/support/planner.ts';
import { addIdMaps, addJoins, addMonitorNamespaces, checkPeers, cloneFlags, closeJoins, idMap, namespacesOf, openJoins } from './namespaces.ts';
import type { Linux, NamespaceType } from './spec.ts';

const types: NamespaceType[] = ['pid', 'network', 'mount', 'ipc', 'uts', 'user', 'cgroup', 'time'];
const of = (...list: (NamespaceType | `${NamespaceType}=${string}`)[]): Linux => ({
  namespaces: list.map((text) => {
    const [type, path] = text.split('=') as [NamespaceType, string?];
    return path === undefined ? { type } : { type, path };
  }),
});

describe('which namespaces', () => {
  test('new, joined, and the host’s where nothing is said', () => {
    const { fresh, joined } = namespacesOf(of('pid', 'uts=/proc/7/ns/uts'), machine());
    assert.deepEqual([[...fresh], [...joined]], [['pid'], [['uts', '/proc/7/ns/uts']]]);
    assert.equal(namespacesOf(undefined, machine()).fresh.size, 0);
    assert.deepEqual([...namespacesOf({ namespaces: [{ type: 'ipc', path: '' }] }, machine()).fresh], ['ipc']);
  });
  const refused: [Linux, RegExp][] = [
    [of('nothing' as NamespaceType), /namespace "nothing" is unknown/],
    [of('__proto__' as NamespaceType), /unknown/],
    [of('constructor' as NamespaceType), /unknown/],
    [of('pid', 'pid'), /pid is given twice/],
    [of('pid', 'pid=/proc/7/ns/pid'), /given twice/],
    [of('net' as NamespaceType), /unknown/],
    [of('uts=ns/uts'), /path ns\/uts is not absolute/],
  ];
  for (const [linux, message] of refused) {
    test(`refused: ${JSON.stringify(linux.namespaces)}`, () => {
      assert.throws(() => namespacesOf(linux, machine()), { kind: 'invalid', message });
    });
  }
  test('one that the kernel lacks', () => {
    assert.throws(() => namespacesOf(of('time'), machine({ namespaces: new Set(['pid']) })), /this kernel has no time namespaces/);
  });
});

test('clone makes all that is new, but cgroup and time', () => {
  for (const type of types) {
    const flags = cloneFlags(namespacesOf(of(type), machine()));
    assert.equal(flags, type === 'cgroup' || type === 'time' ? 0 : CLONE_NEW[type], type);
  }
  assert.equal(cloneFlags(namespacesOf(of('user=/u', 'ipc', 'mount'), machine())), CLONE_NEW.ipc | CLONE_NEW.mount);
});

describe('joining', () => {
  const plan = (...list: Parameters<typeof of>) =>
    built((builder) => {
      const namespaces = namespacesOf(of(...list), machine());
      const slots = openJoins(builder, namespaces);
      checkPeers(builder, [{ pid: 7, start: '99' }]);
      addMonitorNamespaces(builder, namespaces, undefined, slots);
      builder.monitor('clone', { flags: 0 });
      closeJoins(builder, slots);
      addJoins(builder, namespaces, slots, () => builder.container('post', { token: 9 }));
    }).ops;

  test('every file is opened by the monitor before the process is checked, entered after it', () => {
    const ops = plan(...types.map((type) => `${type}=/proc/7/ns/${type}` as const));
    const check = at(ops, 'check-process');
    const clone = at(ops, 'clone');
    assert.equal(ops.filter((op, index) => op.op === 'open' && op.side === 'monitor' && index < check).length, types.length);
    assert.ok(ops.every((op, index) => op.op !== 'setns' || index > check));
    assert.ok(
      ops.every((op, index) => op.op !== 'open' || index < clone),
      'no path of /proc is looked up by the container’s process',
    );
    assert.equal(
      opsOf(ops, 'setns').reduce((flags, op) => flags | Number(op.flags), 0),
      Object.values<number>(CLONE_NEW).reduce((a, b) => a | b) & ~CLONE_NEW.user,
    );
  });
  test('pid is the monitor’s to enter: its children begin there', () => {
    assert.deepEqual(
      opsOf(plan('pid=/p'), 'setns').map(({ side, flags }) => [side, flags]),
      [['monitor', CLONE_NEW.pid]],
    );
  });
  test('the mount namespace comes last', () => {
    const order = opsOf(plan('mount=/m', 'network=/n', 'cgroup=/c'), 'setns').map(({ flags }) => flags);
    assert.deepEqual(order, [CLONE_NEW.network, CLONE_NEW.cgroup, CLONE_NEW.mount]);
  });
  test('no slot of a namespace stays open, on neither side', () => {
    const ops = plan('network=/n', 'uts=/u', 'pid=/p');
    const slots = opsOf(ops, 'open').map(({ into }) => into);
    for (const side of ['monitor', 'container']) {
      assert.deepEqual(
        opsOf(ops, 'close')
          .filter((op) => op.side === side)
          .map(({ slot }) => slot),
        slots,
        side,
      );
    }
  });
  test('with a user namespace: the others by the monitor as the host’s root, then root of it', () => {
    const ops = plan('user=/u', 'network=/n', 'mount');
    assert.deepEqual(
      opsOf(ops, 'setns').map(({ side, flags }) => [side, flags]),
      [['monitor', CLONE_NEW.network]],
    );
    const [hook, user] = [at(ops, 'post'), at(ops, 'user')];
    assert.ok(hook < user, 'what needs the host’s root as owner comes before');
    assert.equal(ops.at(-1)!.op, 'dumpable', 'a change of owner may have made it dumpable again');
  });
  test('with a new user namespace: the others by the monitor, for it does not own them', () => {
    assert.deepEqual(
      opsOf(plan('user', 'network=/n', 'ipc=/i', 'mount'), 'setns').map(({ side, flags }) => [side, flags]),
      [
        ['monitor', CLONE_NEW.ipc],
        ['monitor', CLONE_NEW.network],
      ],
    );
  });
});

describe('a time namespace', () => {
  const offsets = (timeOffsets: Linux['timeOffsets']) =>
    opsOf(built((builder) => addMonitorNamespaces(builder, namespacesOf(of('time'), machine()), { timeOffsets }, new Map())).ops, 'write-file').map(
      ({ path, data }) => [path, Buffer.from(data).toString()],
    );
  test('offsets are written before the child is made', () => {
    assert.deepEqual(offsets({ boottime: { secs: 5 }, monotonic: { secs: -3, nanosecs: 7 } }), [
      ['/proc/self/timens_offsets', 'boottime 5 0\nmonotonic -3 7\n'],
    ]);
    assert.deepEqual(offsets({}), []);
    assert.deepEqual(offsets(undefined), []);
  });
});

describe('id maps', () => {
  const range = (containerID: number, hostID: number, size: number) => ({ containerID, hostID, size });
  test('as the kernel takes them', () => assert.equal(idMap([range(0, 1000, 1), range(1, 100000, 65535)]), '0 1000 1\n1 100000 65535\n'));
  for (const bad of [range(-1, 0, 1), range(0, 2 ** 32, 1), range(0, 0, 1.5), range(0, Number.NaN, 1)]) {
    test(`refused: ${JSON.stringify(bad)}`, () => assert.throws(() => idMap([bad]), /out of range/));
  }
  test('written from outside; the child waits for them', () => {
    const { ops } = built((builder) => addIdMaps(builder, { uidMappings: [range(0, 5, 1)], gidMappings: [range(0, 6, 1)] }, 1, () => {}));
    assert.deepEqual(
      ops.map(({ op, side }) => `${side} ${op}`),
      ['monitor id-map', 'monitor id-map', 'monitor post', 'container wait', 'container groups', 'container user', 'container dumpable'],
    );
  });
  test('both are needed', () => {
    assert.throws(() => built((builder) => addIdMaps(builder, { uidMappings: [range(0, 5, 1)] }, 1, () => {})), /needs gidMappings/);
    assert.throws(() => built((builder) => addIdMaps(builder, undefined, 1, () => {})), /needs uidMappings/);
  });
});
