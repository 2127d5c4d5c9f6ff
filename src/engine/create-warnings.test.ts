import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CgroupAbilities } from '../cgroup/abilities.ts';
import { completeConfig, completeHostConfig } from './container-document.ts';
import { checkDocuments } from './create-checks.ts';
import { otherWarnings, possibleLimits } from './create-warnings.ts';
import type { ContainerCreate, HostConfig } from './types/container.ts';

const ALL: CgroupAbilities = {
  memory: true,
  swap: true,
  memoryReservation: true,
  swappiness: true,
  oomKillDisable: true,
  kernelMemoryTcp: true,
  cpuShares: true,
  cpuCfs: true,
  cpuRealtime: true,
  cpuset: true,
  pids: true,
  blkioWeight: true,
  blkioWeightDevice: true,
  readBps: true,
  writeBps: true,
  readIops: true,
  writeIops: true,
  cpus: '0-3',
  mems: '0',
};
const host = (given: Partial<HostConfig>) => completeHostConfig(given);

test('a machine that can is not warned of', () => {
  const given = host({ Memory: 1 << 26, PidsLimit: 5, BlkioWeight: 100, CpuShares: 2, CpusetCpus: '1-2', MemorySwappiness: 1 });
  assert.deepEqual(possibleLimits(given, ALL), { limits: given, warnings: [] });
});

const CASES: readonly (readonly [Partial<CgroupAbilities>, Partial<HostConfig>, RegExp, Partial<HostConfig>])[] = [
  [
    { memory: false },
    { Memory: 1 << 26 },
    /^Your kernel does not support memory limit capabilities or the cgroup is not mounted\. Limitation discarded\.$/,
    { Memory: 0, MemorySwap: -1 },
  ],
  [{ swap: false }, { Memory: 1 << 26 }, /swap limit capabilities .* Memory limited without swap\.$/, { Memory: 1 << 26, MemorySwap: -1 }],
  [{ pids: false }, { PidsLimit: 5 }, /PIDs limit discarded/, { PidsLimit: null }],
  [{ cpuCfs: false }, { CpuQuota: 5000 }, /CPU period\/quota discarded/, { CpuQuota: 0 }],
  [{ cpuset: false }, { CpusetMems: '0' }, /Cpuset discarded/, { CpusetMems: '' }],
  [{ oomKillDisable: false }, { OomKillDisable: true }, /^Your kernel does not support OomKillDisable\. OomKillDisable discarded\.$/, { OomKillDisable: null }],
  [{}, { OomKillDisable: true }, /^OOM killer is disabled for the container, but no memory limit is set/, { OomKillDisable: true }],
  [{ writeIops: false }, { BlkioDeviceWriteIOps: [{ Path: '/dev/x', Rate: 1 }] }, /IOPS write limit discarded/, { BlkioDeviceWriteIOps: [] }],
  [{}, { CpuPercent: 5 }, /^linux does not support CPU percent/, { CpuPercent: 0 }],
];
for (const [missing, given, warning, expected] of CASES) {
  test(`${JSON.stringify(given)} where there is ${JSON.stringify(missing)}`, () => {
    const { limits, warnings } = possibleLimits(host(given), { ...ALL, ...missing });
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, warning);
    for (const [key, value] of Object.entries(expected)) assert.deepEqual(limits[key as keyof HostConfig], value, key);
  });
}

test('processors and nodes that are not there, and what is no list of them', () => {
  const refused = (given: Partial<HostConfig>, message: string) => assert.throws(() => possibleLimits(host(given), ALL), { kind: 'invalid', message });
  refused({ CpusetCpus: '4' }, 'Requested CPUs are not available - requested 4, available: 0-3');
  refused({ CpusetMems: '0-1' }, 'Requested memory nodes are not available - requested 0-1, available: 0');
  refused({ CpusetCpus: 'x' }, 'Invalid value x for cpuset cpus: invalid format: x');
});

test('what is not about limits', () => {
  assert.deepEqual(otherWarnings({}, host({ NetworkMode: 'host', PortBindings: { '80/tcp': [] } })), [
    'Published ports are discarded when using host network mode',
  ]);
  assert.match(otherWarnings({ MacAddress: '02:42:ac:11:00:09' }, host({}))[0]!, /^The container-wide MacAddress field is now deprecated/);
  assert.deepEqual(otherWarnings({}, host({})), []);
});

const check = (given: ContainerCreate) => {
  const asked = host(given.HostConfig ?? {});
  return () => checkDocuments(given, completeConfig({ Cmd: ['x'], ...given }, {}, 'a'.repeat(64)), asked);
};

test('documents that make no sense, in Docker’s words', () => {
  const refused = (given: ContainerCreate, message: string) => assert.throws(check(given), { kind: 'invalid', message });
  const joined = (given: ContainerCreate) => ({ ...given, HostConfig: { ...given.HostConfig, NetworkMode: 'container:x' } });
  refused({ Env: ['=x'] }, 'invalid environment variable: =x');
  refused({ HostConfig: { OomScoreAdj: -1001 } }, 'Invalid value -1001, range for oom score adj is [-1000, 1000]');
  refused({ HostConfig: { ShmSize: -1 } }, 'SHM size can not be less than 0');
  refused({ HostConfig: { Annotations: { '': 'x' } } }, 'invalid Annotations: the empty string is not permitted as an annotation key');
  refused({ HostConfig: { CapAdd: ['nope'] } }, 'invalid CapAdd: unknown capability: "CAP_NOPE"');
  refused({ HostConfig: { PidMode: 'container:' } }, 'invalid PID mode: container:');
  refused({ HostConfig: { CgroupnsMode: 'x' } }, 'invalid cgroup namespace mode: x');
  refused({ HostConfig: { ExtraHosts: ['a'] } }, 'bad format for add-host: "a"');
  refused({ HostConfig: { ExtraHosts: ['a:b'] } }, 'invalid IP address in add-host: "b"');
  refused({ HostConfig: { PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '99999' }] } } }, 'invalid port specification: "99999"');
  refused({ HostConfig: { Isolation: 'hyperv' } }, "invalid isolation (hyperv): linux only supports 'default'");
  refused(joined({ Hostname: 'h' }), 'conflicting options: hostname and the network mode');
  refused(joined({ ExposedPorts: { '80/tcp': {} } }), 'conflicting options: port exposing and the container type network mode');
  refused(joined({ HostConfig: { PublishAllPorts: true } }), 'conflicting options: port publishing and the container type network mode');
  refused({ Hostname: 'h', HostConfig: { UTSMode: 'host' } }, 'conflicting options: hostname and the UTS mode');
  for (const fine of [{}, { Hostname: 'h' }, joined({}), { HostConfig: { ExtraHosts: ['a:host-gateway', 'b:::1'], CapAdd: ['all', 'CAP_CHOWN'] } }])
    check(fine)();
});
