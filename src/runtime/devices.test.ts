import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { makedev, S_IFBLK, S_IFCHR, S_IFIFO } from '../kernel/constants.ts';
import { built, machine, opsOf, runOptions } from '../../test/support/planner.ts';
import { addDevices, addTerminal, DEFAULT_DEVICES } from './devices.ts';
import { devicesOf } from './run-devices.ts';
import type { Device } from './spec.ts';

const add = (devices: Device[], bind = false, ownDev = true) => built((builder) => addDevices(builder, 'root', devices, { bind, ownDev })).ops;

describe('/dev', () => {
  test('the six that every container has, and the links', () => {
    const ops = add([]);
    assert.deepEqual(
      opsOf(ops, 'mknod').map(({ path, mode, dev }) => [path, mode, dev]),
      [
        ['null', S_IFCHR | 0o666, makedev(1, 3)],
        ['zero', S_IFCHR | 0o666, makedev(1, 5)],
        ['full', S_IFCHR | 0o666, makedev(1, 7)],
        ['random', S_IFCHR | 0o666, makedev(1, 8)],
        ['urandom', S_IFCHR | 0o666, makedev(1, 9)],
        ['tty', S_IFCHR | 0o666, makedev(5, 0)],
      ],
    );
    assert.deepEqual(
      opsOf(ops, 'symlink').map(({ path, target }) => `${path} ${target}`),
      ['fd /proc/self/fd', 'stdin /proc/self/fd/0', 'stdout /proc/self/fd/1', 'stderr /proc/self/fd/2', 'ptmx pts/ptmx'],
    );
  });
  test('nothing where /dev is not the container’s own', () => assert.deepEqual(add([{ type: 'c', path: '/dev/x', major: 1, minor: 1 }], false, false), []));
  test('one of the spec replaces the default of that name', () => {
    const nodes = opsOf(add([{ type: 'c', path: '/dev/null', major: 9, minor: 9, fileMode: 0o600, uid: 5, gid: 6 }]), 'mknod');
    assert.equal(nodes.length, DEFAULT_DEVICES.length);
    assert.deepEqual([nodes.at(-1)!.dev, nodes.at(-1)!.mode], [makedev(9, 9), S_IFCHR | 0o600]);
  });
  test('kinds, owners, folders', () => {
    const ops = add([
      { type: 'b', path: '/dev/disk/a', major: 259, minor: 70000 },
      { type: 'p', path: '/dev/pipe', uid: 1, gid: 2 },
      { type: 'u', path: '/dev/u', major: 1, minor: 2 },
    ]);
    assert.deepEqual(
      opsOf(ops, 'mknod')
        .slice(6)
        .map(({ mode, dev }) => [Number(mode) & 0o170000, dev]),
      [
        [S_IFBLK, makedev(259, 70000)],
        [S_IFIFO, 0],
        [S_IFCHR, makedev(1, 2)],
      ],
    );
    assert.deepEqual(
      opsOf(ops, 'chown').map(({ path, uid, gid }) => [path, uid, gid]),
      [['pipe', 1, 2]],
    );
    assert.ok(opsOf(ops, 'ensure-dir').some(({ path }) => path === '/dev/disk'));
  });
  test('in a user namespace the host’s nodes are bound', () => {
    const ops = add([], true);
    assert.deepEqual(opsOf(ops, 'mknod'), []);
    assert.deepEqual(
      opsOf(ops, 'open-tree').map(({ path }) => path),
      DEFAULT_DEVICES.map(({ path }) => path),
    );
  });
  for (const device of [
    { type: 'x', path: '/dev/x' },
    { type: 'c', path: 'dev/x' },
    { type: 'c', path: '/dev/' },
    { type: 'c', path: '/dev/..' },
    { type: 'c', path: '/dev/.' },
  ]) {
    test(`refused: ${device.type} ${device.path}`, () => assert.throws(() => add([device]), { kind: 'invalid' }));
  }
  test('the console is bound from the open terminal, not from a path', () => {
    const { ops } = built((builder) => addTerminal(builder, 'root', { rows: 1, cols: 2 }, 7));
    assert.deepEqual(
      opsOf(ops, 'open-tree').map(({ dir, path }) => [dir, path]),
      [['tty', '']],
    );
    assert.deepEqual(
      opsOf(ops, 'pty-open').map(({ dir, uid }) => [dir, uid]),
      [['pts', 7]],
    );
  });
});

describe('--device', () => {
  const of = (more: Parameters<typeof runOptions>[0]) =>
    devicesOf(runOptions(more), machine(), (folder) => (folder === undefined ? ['/dev/zero', '/dev/gone'] : []));
  test('a node and a rule; without one everything is denied', () => {
    assert.deepEqual(of({}), { devices: [], rules: [{ allow: false, access: 'rwm' }] });
    assert.deepEqual(of({ devices: [{ host: '/dev/zero', container: '/dev/nought', access: 'r' }] }), {
      devices: [{ type: 'c', path: '/dev/nought', major: 1, minor: 5, fileMode: 0o666, uid: 0, gid: 0 }],
      rules: [
        { allow: false, access: 'rwm' },
        { allow: true, type: 'c', major: 1, minor: 5, access: 'r' },
      ],
    });
  });
  test('a folder: all that is in it, each with a rule', () => {
    const facts = {
      ...machine(),
      device: (path: string) => (/^\/dev\/snd\/(a|b\/c)$/.test(path) ? ({ type: 'c', major: 116, minor: path.length, mode: 0o660 } as const) : undefined),
    };
    const below = (folder?: string) => (folder === '/dev/snd/' ? ['/dev/snd/a', '/dev/snd/b/c'] : []);
    const { devices, rules } = devicesOf(
      runOptions({ devices: [{ host: '/dev/snd/', container: '/dev/s', access: 'rw' }] }),
      { ...facts, kind: () => 'dir' },
      below,
    );
    assert.deepEqual(
      devices.map(({ path, minor }) => [path, minor]),
      [
        ['/dev/s/a', 10],
        ['/dev/s/b/c', 12],
      ],
    );
    assert.deepEqual(
      rules.slice(1),
      [10, 12].map((minor) => ({ allow: true, type: 'c', major: 116, minor, access: 'rw' })),
    );
  });
  test('privileged: all that the host has', () => {
    const { devices, rules } = of({ privileged: true });
    assert.deepEqual([devices.map(({ path }) => path), rules], [['/dev/zero'], [{ allow: true, access: 'rwm' }]]);
  });
  test('refused, in docker’s words', () => {
    const device = (host: string, access: string) => () => of({ devices: [{ host, container: '/x', access }] });
    assert.throws(device('/dev/zero', 'rwx'), { message: 'invalid device mode: rwx' });
    assert.throws(device('/dev/zero', ''), { message: 'invalid device mode: ' });
    assert.throws(device('/missing', 'r'), { message: 'error gathering device information while adding custom device "/missing": no such file or directory' });
    assert.throws(device('/file', 'r'), { message: 'error gathering device information while adding custom device "/file": not a device node' });
    assert.throws(device('/empty', 'r'), { message: 'error gathering device information while adding custom device "/empty": not a device node' });
  });
});
