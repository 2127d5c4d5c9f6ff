import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../base/errors.ts';
import { portRequests } from './port-requests.ts';

const of = (PortBindings: Parameters<typeof portRequests>[1]['PortBindings'], PublishAllPorts = false, ExposedPorts = {}) =>
  portRequests({ ExposedPorts }, { PortBindings, PublishAllPorts });

test('bindings: a port, a range, an address, any port', () => {
  assert.deepEqual(
    of({
      '80/tcp': [
        { HostIp: '', HostPort: '8080' },
        { HostIp: '127.0.0.1', HostPort: '8000-8010' },
      ],
      '53/udp': [{ HostIp: '[::1]', HostPort: '' }],
      '81': null,
    }),
    [
      // numbers are an object's first keys
      { containerPort: 81, protocol: 'tcp', hostIp: '', hostPort: 0, hostPortEnd: 0 },
      { containerPort: 80, protocol: 'tcp', hostIp: '', hostPort: 8080, hostPortEnd: 8080 },
      { containerPort: 80, protocol: 'tcp', hostIp: '127.0.0.1', hostPort: 8000, hostPortEnd: 8010 },
      { containerPort: 53, protocol: 'udp', hostIp: '::1', hostPort: 0, hostPortEnd: 0 },
    ],
  );
});

test('all that is exposed, once', () => {
  const requests = of({ '80/tcp': [{ HostIp: '', HostPort: '8080' }] }, true, { '80/tcp': {}, '443/tcp': {} });
  assert.deepEqual(
    requests.map(({ containerPort, hostPort }) => [containerPort, hostPort]),
    [
      [80, 8080],
      [443, 0],
    ],
  );
});

test('what is no port is refused', () => {
  for (const [port, host] of [
    ['0/tcp', '1'],
    ['65536', '1'],
    ['80/icmp', '1'],
    ['80/tcp/x', '1'],
    ['80', '99999'],
    ['80', '90-80'],
    ['80', '1-2-3'],
    ['80', 'x'],
    ['80', '-1'],
  ] as const)
    assert.throws(() => of({ [port]: [{ HostIp: '', HostPort: host }] }), EngineError, `${port} ${host}`);
  assert.throws(() => of({ '80': [{ HostIp: '1.2.3', HostPort: '1' }] }), EngineError);
});
