import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerFilter } from './container-filters.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineParts } from './parts.ts';

test('ports in ranges, of any number and size', () => {
  const record = { config: { ExposedPorts: { '80/tcp': {}, '90': {} } }, hostConfig: { PortBindings: null } } as unknown as ContainerRecord;
  const shown = (...expose: string[]) => containerFilter({} as EngineParts, { expose }).record(record);
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
