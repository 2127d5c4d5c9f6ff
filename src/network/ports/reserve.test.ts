import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SyscallError } from '../../base/errors.ts';
import type { NetworkNamespace } from '../../kernel/network-contract.ts';
import { reservePorts, type PortRequest } from './reserve.ts';

/** A host where some ports are others'. */
function hostWith(others: readonly number[]) {
  const bound = new Set(others);
  const counted = { calls: 0 };
  const reservePort = (_protocol: string, { port }: { readonly port: number }) => {
    counted.calls++;
    if (bound.has(port)) throw new SyscallError('bind', 98, 'EADDRINUSE', 'address already in use');
    bound.add(port);
    return { fd: undefined, port };
  };
  const options = { host: { reservePort } as unknown as NetworkNamespace, ipv6: false, taken: () => false };
  return { counted, reserve: (requests: readonly PortRequest[]) => reservePorts(requests, options).map(({ hostPort }) => hostPort) };
}

const range = (hostPort: number, hostPortEnd: number, containerPort = 80): PortRequest => ({
  protocol: 'tcp',
  containerPort,
  hostIp: '127.0.0.1',
  hostPort,
  hostPortEnd,
});

test('several that ask for one range get its ports one after another; what others have is left out', () => {
  const { reserve } = hostWith([8001]);
  assert.deepEqual(reserve([range(8000, 8009), range(8000, 8009), range(9000, 9000), range(8000, 8009)]), [8000, 8002, 9000, 8003]);
  assert.throws(() => reserve([range(8007, 8008), range(8007, 8008), range(8007, 8008)]), {
    kind: 'conflict',
    message: 'failed to bind host port 127.0.0.1:8008/tcp: address already in use',
  });
});

test('each port is tried once, however many ask for its range', () => {
  const { counted, reserve } = hostWith([]);
  const many = Array.from({ length: 3000 }, (_, at) => range(1, 65_535, at + 1));
  assert.equal(new Set(reserve(many)).size, 3000);
  assert.equal(counted.calls, 3000);
});
