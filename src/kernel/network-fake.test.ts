import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SyscallError } from '../base/errors.ts';
import { RecordingNetworkKernel } from './network-fake.ts';

test('changes are kept and what is put there is found', async () => {
  const kernel = new RecordingNetworkKernel();
  const [host, namespace] = [kernel.host(), kernel.create()];
  host.change([{ op: 'link-add', link: { kind: 'bridge', name: 'br0' } }]);
  await host.deleteLink('br0');
  assert.deepEqual(host.changes, [
    { op: 'link-add', link: { kind: 'bridge', name: 'br0' } },
    { op: 'link-delete', link: 'br0', missingOk: true },
  ]);
  assert.deepEqual(namespace.changes, []);
  host.present.addresses.push({ link: 2, address: '10.0.0.1/8' }, { link: 3, address: '10.0.0.2/8' });
  assert.deepEqual(host.addresses(3), [{ link: 3, address: '10.0.0.2/8' }]);
  assert.equal(kernel.ofProcess(5, '1'), kernel.ofProcess(5, '1'));
  assert.notEqual(namespace.inode, host.inode);
});

test('a refusal is for one change; ports are taken once', () => {
  const namespace = new RecordingNetworkKernel().create();
  const refusal = new SyscallError('netlink', 17, 'EEXIST', 'file exists');
  namespace.refusal = refusal;
  namespace.packetFilter.refusal = refusal;
  assert.throws(() => namespace.change([]), refusal);
  assert.throws(() => namespace.packetFilter.change([]), refusal);
  const table = { op: 'table-add', family: 'inet', table: 't' } as const;
  const before = namespace.packetFilter.generation();
  namespace.packetFilter.change([table]);
  assert.deepEqual([namespace.packetFilter.batches, namespace.packetFilter.generation()], [[[table]], before + 1]);
  const first = namespace.reservePort('tcp', { address: '0.0.0.0', port: 0 });
  assert.notEqual(namespace.reservePort('tcp', { address: '0.0.0.0', port: 0 }).port, first.port);
  assert.throws(() => namespace.reservePort('tcp', { address: '0.0.0.0', port: first.port }), { code: 'EADDRINUSE' });
  namespace.reservePort('udp', { address: '0.0.0.0', port: first.port });
});
