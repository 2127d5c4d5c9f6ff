import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerFilter } from './container-filters.ts';
import type { EngineParts } from './parts.ts';

test('ports in ranges, of any number and size', () => {
  const ports = [80, 90].map((PrivatePort) => ({ PrivatePort, Type: 'tcp' }));
  const shown = (...expose: string[]) => containerFilter({} as EngineParts, { expose }).ports!(ports);
  assert.equal(shown('80'), true);
  assert.equal(shown('70-85/TCP'), true);
  assert.equal(shown('90/tcp'), true);
  assert.equal(shown('80/udp', '81'), false);
  // each port of each of these as a text of its own were more than there is memory for
  const many = Array.from({ length: 10_000 }, (_, at) => `0-65535/${at}`);
  assert.equal(shown(...many), false);
  assert.equal(shown(...many, '70-80'), true);
  assert.throws(() => shown('80-70'), { message: 'error while looking up for expose 80-70: Invalid range specified for the Port: 80-70' });
});

test('the port of the host is published, the container’s is exposed', () => {
  const ports = [
    { IP: '0.0.0.0', PublicPort: 8080, PrivatePort: 80, Type: 'tcp' },
    { PrivatePort: 53, Type: 'udp' },
  ];
  const shown = (filters: Readonly<Record<string, readonly string[]>>) => containerFilter({} as EngineParts, filters).ports!(ports);
  assert.deepEqual([shown({ publish: ['8080'] }), shown({ publish: ['80'] }), shown({ publish: ['53/udp'] })], [true, false, false]);
  assert.deepEqual([shown({ expose: ['8080'] }), shown({ expose: ['80'] }), shown({ expose: ['50-60/udp'] })], [false, true, true]);
  assert.equal(shown({ expose: ['80'], publish: ['1'] }), true, 'either of both, as dockerd');
  assert.equal(containerFilter({} as EngineParts, { expose: ['80'] }).ports!([]), false);
  assert.equal(containerFilter({} as EngineParts, {}).ports, undefined);
});
