import assert from 'node:assert/strict';
import { test } from 'node:test';
import { machineCpu, networkCounters, parseNetDev } from './proc-stats.ts';

test("the machine's time is the sum that Docker makes: without what is stolen and what guests had", () => {
  assert.deepEqual(machineCpu('cpu  1 2 3 4 5 6 7 100 100 100\ncpu0 1 1 1 1 1 1 1\ncpu1 1 1 1 1 1 1 1\nintr 5\n'), { total: 280_000_000, online: 2 });
  assert.ok(machineCpu().total > 0);
});

test('interfaces without the loopback one; a process that has gone has none', () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0:1234567890123 11 12 13 0 0 0 0 21 22 23 24 0 0 0 0
`;
  const rx = { bytes: 1234567890123, packets: 11, errors: 12, dropped: 13 };
  assert.deepEqual([...parseNetDev(text)], [['eth0', { rx, tx: { bytes: 21, packets: 22, errors: 23, dropped: 24 } }]]);
  assert.deepEqual([...networkCounters(2 ** 22 + 1)], []);
});
