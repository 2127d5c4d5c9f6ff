import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkVolumeName, checkVolumeOptions, isVolumeName, serverName, volumeSource, withServerAddress } from './options.ts';

test('names', () => {
  for (const name of ['ab', 'A-b_c.d', '0'.repeat(255)]) {
    checkVolumeName(name);
    assert.ok(isVolumeName(name));
  }
  for (const name of ['', 'a', '.a', '-a', 'a/b', '..', 'a b', 'a\n', 'ä1', '0'.repeat(256)]) {
    assert.throws(() => checkVolumeName(name), { kind: 'invalid' }, JSON.stringify(name));
    assert.equal(isVolumeName(name), false);
  }
});

describe('options', () => {
  test('those that go together', () => {
    checkVolumeOptions({});
    checkVolumeOptions({ type: '', device: '', o: '' });
    for (const [options, message] of [
      [{ x: 'y' }, 'invalid option: "x"'],
      [{ constructor: 'y' }, 'invalid option: "constructor"'],
      [{ type: 'x' }, 'missing required option: "device"'],
      [{ device: 'x' }, 'missing required option: "type"'],
      [{ o: 'x' }, 'missing required option: "device"'],
      [{ size: '1m' }, 'quota size requested but no quota support'],
    ] as const)
      assert.throws(() => checkVolumeOptions(options), { kind: 'invalid', message });
  });

  test('what they mount', () => {
    const of = (type: string, device: string, o = '') => volumeSource({ type, device, o }, '/own');
    assert.deepEqual(volumeSource(null, '/own'), { kind: 'folder', path: '/own', options: [] });
    assert.deepEqual(of('', ''), { kind: 'folder', path: '/own', options: [] });
    assert.deepEqual(of('none', '/src', 'bind,ro'), { kind: 'folder', path: '/src', options: ['bind', 'ro'] });
    assert.deepEqual(of('none', '/src', 'rbind'), { kind: 'folder', path: '/src', options: ['rbind'] });
    assert.deepEqual(of('tmpfs', 'tmpfs', 'size=1m,,noexec'), { kind: 'file-system', type: 'tmpfs', device: 'tmpfs', options: ['size=1m', 'noexec'] });
    assert.deepEqual(of('ext4', '/dev/x'), { kind: 'file-system', type: 'ext4', device: '/dev/x', options: [] });
    assert.throws(() => of('none', 'relative', 'bind'), { kind: 'invalid' });
    assert.throws(() => of('none', '/src', 'ro'), { kind: 'invalid' });
    assert.throws(() => of('nfs', ''), { kind: 'invalid' });
  });

  test('a server’s name becomes its address', () => {
    const nfs = (o: string) => volumeSource({ type: 'nfs4', device: ':/export', o }, '/own');
    assert.equal(serverName(nfs('addr=files.example,rw')), 'files.example');
    for (const o of ['addr=10.0.0.1', 'addr=::1', 'addr=', 'rw']) assert.equal(serverName(nfs(o)), undefined, o);
    assert.equal(serverName(volumeSource({ type: 'tmpfs', device: 'x', o: 'addr=a' }, '/own')), undefined);
    assert.deepEqual(withServerAddress(nfs('addr=files.example,rw'), '10.0.0.1').options, ['addr=10.0.0.1', 'rw']);
    assert.throws(() => withServerAddress(nfs('addr=x'), 'x,ro'), { kind: 'internal' });
  });
});
