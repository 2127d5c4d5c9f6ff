import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mountOption } from './mount-option.ts';
import { bindMount, documentMount, modeWords, volumesFrom } from './mount-parse.ts';
import type { Mount } from './types/container.ts';

const words = (text: string) => mountOption(bindMount(text)).options;

describe('Binds', () => {
  test('a path is a bind, a name a volume, a target alone a new volume', () => {
    const { type, source, destination, create, propagation } = bindMount('/a/../b:/x/:ro');
    assert.deepEqual([type, source, destination, create, propagation], ['bind', '/b', '/x', true, 'rprivate']);
    const volume = bindMount('name:/x');
    assert.deepEqual([volume.type, volume.name, volume.mode, volume.copy, volume.anonymous], ['volume', 'name', 'z', true, undefined]);
    const fresh = bindMount('/x');
    assert.deepEqual([fresh.type, fresh.name, fresh.anonymous], ['volume', '', true]);
  });
  test('modes as words of mount(8)', () => {
    assert.deepEqual(words('/a:/x'), ['rprivate']);
    assert.deepEqual(words('/a:/x:ro,rslave,z'), ['rslave', 'rro']);
    assert.deepEqual(words('/a:/x:rro'), ['rro', 'rprivate']);
    assert.deepEqual(words('/a:/x:noexec,bind'), ['noexec', 'bind', 'rprivate']);
    assert.deepEqual(words('name:/x:nocopy,ro'), ['rro', 'nocopy']);
  });
  for (const [text, message] of [
    ['', "invalid volume specification: ''"],
    ['a:b:c:d', "invalid volume specification: 'a:b:c:d'"],
    ['/a:/b:', "invalid volume specification: '/a:/b:'"],
    ['/x:ro', "invalid volume specification: '/x:ro'"],
    ['/a:/b:ro,rw', 'invalid mode: ro,rw'],
    ['/a:/b:shared,rslave', 'invalid mode: shared,rslave'],
    ['name:/b:rbind', 'invalid mode: rbind'],
    ['name:/b:rslave', `invalid volume specification: 'name:/b:rslave': invalid mount config for type "volume": field BindOptions must not be specified`],
    ['/a:/b:nocopy', `invalid volume specification: '/a:/b:nocopy': invalid mount config for type "bind": field VolumeOptions must not be specified`],
    ['/a:b', `invalid volume specification: '/a:b': invalid mount config for type "bind": invalid mount path: 'b' mount path must be absolute`],
    ['name:/', `invalid volume specification: 'name:/': invalid mount config for type "volume": invalid specification: destination can't be '/'`],
  ] as const)
    test(`refused: ${text}`, () => assert.throws(() => bindMount(text), { kind: 'invalid', message }));
});

describe('Mounts', () => {
  const read = (mount: Partial<Mount>) => documentMount({ Type: 'volume', Target: '/x', ...mount });
  test('a volume with all', () => {
    const mount = read({
      Source: 'v',
      ReadOnly: true,
      VolumeOptions: { NoCopy: true, Subpath: 'a/./b', Labels: { l: '1' }, DriverConfig: { Options: { o: 'x' } } },
    });
    assert.deepEqual(
      [mount.name, mount.rw, mount.copy, mount.subpath, mount.volume],
      ['v', false, false, 'a/b', { driver: '', labels: { l: '1' }, options: { o: 'x' } }],
    );
  });
  test('a bind: how what is below it is read-only', () => {
    const options = (BindOptions: Mount['BindOptions']) =>
      mountOption(read({ Type: 'bind', Source: '/a', ReadOnly: true, ...(BindOptions === undefined ? {} : { BindOptions }) })).options;
    assert.deepEqual(options(undefined), ['rbind', 'rprivate', 'rro']);
    assert.deepEqual(options({ ReadOnlyNonRecursive: true }), ['rbind', 'ro', 'rprivate']);
    assert.deepEqual(options({ ReadOnlyForceRecursive: true, Propagation: 'rslave' }), ['rbind', 'rro', 'rslave']);
    assert.deepEqual(options({ NonRecursive: true }), ['bind', 'rprivate', 'rro']);
  });
  for (const [mount, message] of [
    [{ Target: '' }, /field Target must not be empty/],
    [{ VolumeOptions: { Subpath: 'x' } }, /must not set Subpath when using anonymous volumes/],
    [{ Source: 'v', VolumeOptions: { Subpath: '/x' } }, /subpath must be a relative path within the volume/],
    [{ Source: 'v', VolumeOptions: { Subpath: 'a/../..' } }, /subpath must be a relative path within the volume/],
    [{ Source: 'v', VolumeOptions: { Subpath: 'a\0b' } }, /subpath must be a relative path within the volume/],
    [{ ReadOnly: true }, /must not set ReadOnly mode when using anonymous volumes/],
    [{ Source: 'v', TmpfsOptions: {} }, /TmpfsOptions must not be specified on mount type "volume"/],
    [{ Type: 'image' }, /field Source must not be empty/],
    [{ Type: 'npipe', Source: 'x' }, /mount type unknown/],
  ] as const satisfies readonly (readonly [Partial<Mount>, RegExp])[])
    test(`refused: ${JSON.stringify(mount)}`, () => assert.throws(() => read(mount), { kind: 'invalid', message }));
});

test('volumes from', () => {
  assert.deepEqual(volumesFrom('web'), { container: 'web', rw: true });
  assert.deepEqual(volumesFrom('web:ro,z'), { container: 'web', rw: false });
  for (const text of ['web:', 'web:nocopy', 'web:rslave', 'web:ro:rw', 'web:bind']) assert.throws(() => volumesFrom(text), { kind: 'invalid' }, text);
  assert.equal(modeWords('constructor'), undefined);
});
