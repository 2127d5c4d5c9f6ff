/** The daemon is killed at random moments while clients change networks: nothing of them leaks, nothing is lost. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readdirSync } from 'node:fs';
import { describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NetworkNamespace } from '../../src/kernel/network-contract.ts';
import type { NftSetName } from '../../src/kernel/nftables-contract.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { until } from '../support/monitored.ts';
import { createNetwork, daemonAlone, fetchIn, sh, tablesOf, type Alone } from '../support/net-host.ts';
import { netLab } from '../support/net-lab.ts';
import { projectDir } from '../support/paths.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { run } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';
import { removed } from './ground.ts';

const ROUNDS = Number(process.env['KOBAKO_ROUNDS'] ?? 4);
const CLIENTS = 3;
const PARENT = `/kobako-crash-networks-${process.pid}`;
const PORT = 18_080;

const web = (name: string, more: object = {}) => ({
  Image: 'busybox',
  Cmd: ['sh', '-c', `mkdir -p /www && echo ${name} > /www/index.html && exec httpd -f -p 80 -h /www`],
  ExposedPorts: { '80/tcp': {}, '80/udp': {} },
  HostConfig: { CgroupParent: PARENT, NetworkMode: 'front', ...more },
});

/** One client's life: networks and containers come and go until the daemon does. */
async function client({ api }: TestDaemon, number: number): Promise<void> {
  const unchecked = { checked: false };
  const post = (path: string, body?: unknown) => api.post(`/v1.51/${path}`, body, unchecked);
  for (let i = 0; ; i++) {
    const network = `net-${number}-${i}`;
    await post('networks/create', { Name: network, EnableIPv6: i % 3 === 0 });
    const ports = { '80/tcp': [{ HostIp: i % 2 === 0 ? '' : '127.0.0.1', HostPort: '' }], '80/udp': [{ HostIp: '', HostPort: String(20_000 + number) }] };
    const body = web(network, { PortBindings: ports, NetworkMode: i % 2 === 0 ? network : 'bridge', AutoRemove: i % 4 === 3 });
    const { Id } = (await post('containers/create', body)).json as { Id: string };
    await post(`containers/${Id}/start`);
    if (i % 2 === 0) await post('networks/front/connect', { Container: Id });
    if (i % 4 === 1) await post(`containers/${Id}/restart?t=0`);
    if (i % 3 === 0) await post(`networks/${network}/disconnect`, { Container: Id, Force: true });
    if ((i + number) % 3 < 2) await api.delete(`/v1.51/containers/${Id}?force=1`, unchecked);
    if (i % 2 === 1) await api.delete(`/v1.51/networks/${network}`, unchecked);
  }
}

/** What there is of networks in the daemon's host, each as a text. */
function remains(host: NetworkNamespace): string[] {
  const filter = host.packetFilter;
  const elements = (set: NftSetName) => filter.elements(set).map(({ key, data }) => `${set.set} ${JSON.stringify(key)} ${JSON.stringify(data)}`);
  const sets = tablesOf(host).flatMap((table) => filter.sets({ family: 'inet', table }));
  return [
    ...host.links().map(({ name, kind }) => `link ${kind} ${kind === 'veth' ? '' : name}`),
    ...host.addresses().map(({ address }) => `address ${address}`),
    ...tablesOf(host).map((table) => `table ${table}`),
    ...sets.flatMap(elements),
  ].toSorted();
}

async function everyAddressOnce({ api }: TestDaemon): Promise<void> {
  const seen = new Set<string>();
  for (const { Name } of (await api.get('/v1.51/networks')).json as { Name: string }[]) {
    const { json } = await api.get(`/v1.51/networks/${Name}`, { checked: false });
    for (const { IPv4Address } of Object.values((json as { Containers?: Record<string, { IPv4Address: string }> }).Containers ?? {})) {
      if (IPv4Address === '') continue;
      assert.ok(!seen.has(IPv4Address), `${IPv4Address} twice`);
      seen.add(IPv4Address);
    }
  }
}

/** The cgroups go when the containers have gone. */
async function grounded(t: TestContext): Promise<Alone> {
  const alone = await daemonAlone(t);
  t.after(async () => {
    for (const parent of globSync(`/sys/fs/cgroup{,/*}${PARENT}`)) await until(`${parent} can be removed`, () => removed(parent));
  });
  return alone;
}

describe('networks and SIGKILL', { skip: process.getuid?.() === 0 ? false : 'needs root' }, () => {
  test(`of the daemon, at ${ROUNDS} random moments`, { timeout: 300_000 }, async (t) => {
    const { host, daemon } = await grounded(t);
    await createNetwork(daemon, 'front', { EnableIPv6: true });
    await daemon.run(web('bystander', { PortBindings: { '80/tcp': [{ HostIp: '', HostPort: String(PORT) }] } }), 'bystander');
    await daemon.run({ Cmd: ['sleep', '600'], HostConfig: { CgroupParent: PARENT, NetworkMode: 'front' } }, 'friend');
    const stands = async () => {
      assert.equal(await fetchIn(host, '127.0.0.1', PORT), 'bystander');
      assert.equal(await fetchIn(host, '::1', PORT), 'bystander');
      assert.equal(await sh(daemon, 'friend', 'wget -qO- http://bystander/'), 'bystander');
    };
    await stands();
    const before = remains(host);
    const files = () => readdirSync(`${daemon.dataRoot}/networks`).length;
    const [filesBefore, fds] = [files(), () => readdirSync(`/proc/${daemon.pid}/fd`).length];
    await daemon.stop('SIGKILL');
    await daemon.start();
    await sleep(1000); // namespaces are kept ready
    const fdsBefore = fds();
    for (let round = 0; round < ROUNDS; round++) {
      const clients = Array.from({ length: CLIENTS }, (_, number) => client(daemon, number).catch(() => {}));
      await sleep(20 + Math.random() * 400);
      await daemon.stop('SIGKILL');
      assert.equal(await fetchIn(host, '127.0.0.1', PORT), 'bystander', 'ports stay open without a daemon');
      await Promise.all(clients);
      await daemon.start();
      await stands();
      await everyAddressOnce(daemon);
      for (const { Id, Names } of (await daemon.api.get('/v1.51/containers/json?all=1')).json as { Id: string; Names: string[] }[]) {
        if (['/bystander', '/friend'].includes(Names[0]!)) continue;
        const { status, text } = await daemon.api.delete(`/v1.51/containers/${Id}?force=1`);
        assert.ok([204, 404, 409].includes(status), text);
      }
      await until('the others are gone', async () => ((await daemon.api.get('/v1.51/containers/json?all=1')).json as unknown[]).length === 2);
      assert.equal((await daemon.api.post('/v1.51/networks/prune')).status, 200);
      await until('networks are as they were', () => JSON.stringify(remains(host)) === JSON.stringify(before)).catch(() =>
        assert.deepEqual(remains(host), before),
      );
    }
    assert.equal(files(), filesBefore);
    await sleep(1000);
    assert.ok(fds() <= fdsBefore + 2, `${fds()} fds, ${fdsBefore} before`);
  });

  test('of two that run containers without a daemon, at once', { timeout: 120_000 }, async (t) => {
    const lab = netLab();
    const { host } = lab;
    const root = await busyboxRootfs();
    t.after(async () => {
      const { stdout } = await engine(['ps', '-aq']);
      if (stdout !== '') await engine(['rm', '-f', ...stdout.trim().split('\n')]);
      lab[Symbol.dispose]();
    });
    const folder = tempFor(t);
    const env = { ...process.env, KOBAKO_STATE_DIR: `${folder}/state`, KOBAKO_DATA_ROOT: `${folder}/data`, DOCKER_HOST: '' };
    const engine = (args: readonly string[]) => run('nsenter', [`--net=${host.path}`, `${projectDir}/bin/kobako`, ...args], { env, timeoutMs: 20_000 });
    const clean = remains(host);
    const script = 'mkdir -p /www && echo yes > /www/index.html && exec httpd -f -p 80 -h /www';
    const start = (port: number) => {
      const args = ['run', '--rm', '-p', `${port}:80`, '-p', `127.0.0.1:${port}:80/udp`, '--rootfs', `${root}:O`, 'sh', '-c', script];
      return spawn('nsenter', [`--net=${host.path}`, `${projectDir}/bin/kobako`, ...args], { stdio: 'ignore', env });
    };
    for (let round = 0; round < 2; round++) {
      const both = [start(19_001), start(19_002)];
      const ends = both.map((child) => once(child, 'exit'));
      await sleep(100 + Math.random() * 1900);
      for (const child of both) child.kill('SIGKILL');
      await Promise.all(ends);
      // the ports are free for the next one, whatever is left of the first
      const containers = (await engine(['ps', '-aq'])).stdout.split('\n').filter(Boolean);
      if (containers.length > 0) await engine(['rm', '-f', ...containers]);
    }
    const next = start(19_001);
    const ended = once(next, 'exit');
    assert.equal(await fetchIn(host, '127.0.0.1', 19_001, 40), 'yes');
    next.kill('SIGTERM');
    await sleep(300);
    const left = (await engine(['ps', '-aq'])).stdout.split('\n').filter(Boolean);
    if (left.length > 0) await engine(['rm', '-f', ...left]);
    assert.deepEqual(await ended, [137, null]);
    await until('nothing of networks is left', () => JSON.stringify(remains(host)) === JSON.stringify(clean)).catch(() =>
      assert.deepEqual(remains(host), clean),
    );
    assert.equal((await engine(['ps', '-aq'])).stdout, '');
  });
});
