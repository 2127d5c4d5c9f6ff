import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MachineFacts } from './contract.ts';
import { DEFAULT_RUN, type Limits, type RunOptions } from './run-options.ts';
import { resourcesOf } from './run-resources.ts';

const machine = {
  cpus: 4,
  kind: (path: string) => (path === '/missing' ? 'missing' : 'file'),
  device: (path: string) => (path === '/dev/sda' ? { type: 'b', major: 8, minor: 0, mode: 0o660 } : undefined),
} as unknown as MachineFacts;
const of = (limits: Partial<Limits>) => resourcesOf({ ...DEFAULT_RUN, limits: { ...DEFAULT_RUN.limits, ...limits } } as RunOptions, machine, []);
const MB = 1 << 20;
const rate = [{ path: '/dev/sda', rate: 1000 }];

test('each flag becomes its resource, with Docker’s defaults', () => {
  const table: [Partial<Limits>, object][] = [
    [{}, {}],
    [{ memory: 64 * MB }, { memory: { limit: 64 * MB, swap: 128 * MB } }],
    [{ memory: 64 * MB, memorySwap: 64 * MB }, { memory: { limit: 64 * MB, swap: 64 * MB } }],
    [{ memory: 64 * MB, memorySwap: -1 }, { memory: { limit: 64 * MB, swap: -1 } }],
    [{ memoryReservation: 8 * MB, memorySwappiness: 0, oomKillDisable: true }, { memory: { reservation: 8 * MB, swappiness: 0, disableOOMKiller: true } }],
    [{ memorySwappiness: -1, memory: 0, memorySwap: 0 }, {}],
    [{ nanoCpus: 1.5e9 }, { cpu: { period: 100_000, quota: 150_000 } }],
    [{ nanoCpus: 4e9 }, { cpu: { period: 100_000, quota: 400_000 } }],
    [{ cpuShares: 2, cpuQuota: -1, cpuPeriod: 1000 }, { cpu: { shares: 2, quota: -1, period: 1000 } }],
    [{ cpuRtRuntime: 5, cpuRtPeriod: 10, cpusetCpus: '0-1,3', cpusetMems: '0' }, { cpu: { realtimeRuntime: 5, realtimePeriod: 10, cpus: '0-1,3', mems: '0' } }],
    [{ pids: -1 }, { pids: { limit: -1 } }],
    [{ pids: 0 }, {}],
    [
      { blkioWeight: 10, blkioWeightDevice: [{ path: '/dev/sda', rate: 1000 }] },
      { blockIO: { weight: 10, weightDevice: [{ major: 8, minor: 0, weight: 1000 }] } },
    ],
    [
      { readBps: rate, writeBps: rate, readIops: rate, writeIops: rate },
      {
        blockIO: Object.fromEntries(
          ['throttleReadBpsDevice', 'throttleWriteBpsDevice', 'throttleReadIOPSDevice', 'throttleWriteIOPSDevice'].map((key) => [
            key,
            [{ major: 8, minor: 0, rate: 1000 }],
          ]),
        ),
      },
    ],
    [
      { hugepages: [{ pageSize: '2MB', limit: 0 }], unified: { 'memory.high': '1' } },
      { hugepageLimits: [{ pageSize: '2MB', limit: 0 }], unified: { 'memory.high': '1' } },
    ],
  ];
  for (const [limits, resources] of table) assert.deepEqual(of(limits), { devices: [], ...resources });
});

test('what contradicts itself is refused in Docker’s words', () => {
  const table: [Partial<Limits>, string][] = [
    [{ memory: 6 * MB - 1 }, 'Minimum memory limit allowed is 6MB'],
    [{ memorySwap: 64 * MB }, 'You should always set the Memory limit when using Memoryswap limit, see usage'],
    [{ memory: 64 * MB, memorySwap: 63 * MB }, 'Minimum memoryswap limit should be larger than memory limit, see usage'],
    [{ memoryReservation: MB }, 'Minimum memory reservation allowed is 6MB'],
    [{ memory: 64 * MB, memoryReservation: 65 * MB }, 'Minimum memory limit can not be less than memory reservation limit, see usage'],
    [{ memorySwappiness: 101 }, 'Invalid value: 101, valid memory swappiness range is 0-100'],
    [{ nanoCpus: 4.01e9 }, 'range of CPUs is from 0.01 to 4.00, as there are only 4 CPUs available'],
    [{ nanoCpus: 1e6 }, 'range of CPUs is from 0.01 to 4.00, as there are only 4 CPUs available'],
    [{ nanoCpus: 1e9, cpuQuota: 5000 }, 'Conflicting options: Nano CPUs and CPU Quota cannot both be set'],
    [{ nanoCpus: 1e9, cpuPeriod: 5000 }, 'Conflicting options: Nano CPUs and CPU Period cannot both be set'],
    [{ cpuPeriod: 999 }, 'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)'],
    [{ cpuQuota: 999 }, 'CPU cfs quota can not be less than 1ms (i.e. 1000)'],
    [{ cpuShares: -1 }, 'invalid CPU shares (-1): value must be a positive integer'],
    [{ cpuRtRuntime: 11, cpuRtPeriod: 10 }, 'cpu real-time runtime cannot be higher than cpu real-time period'],
    [{ cpusetCpus: '0;1' }, 'Invalid value 0;1 for cpuset cpus: invalid format: 0;1'],
    [{ blkioWeight: 9 }, 'Range of blkio weight is from 10 to 1000'],
    [{ blkioWeightDevice: [{ path: '/dev/sda', rate: 1001 }] }, 'invalid weight for device: /dev/sda:1001'],
    [{ readBps: [{ path: '/dev/none', rate: 1 }] }, '/dev/none: no such device'],
    [{ readBps: [{ path: '/missing', rate: 1 }] }, 'stat /missing: no such file or directory'],
  ];
  for (const [limits, message] of table) assert.throws(() => of(limits), { kind: 'invalid', message });
});
