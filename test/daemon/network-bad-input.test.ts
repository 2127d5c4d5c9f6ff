/** Networks against clients that ask for what cannot be, for too much, or for contrary things at once. On a machine of the daemon's own. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { describe, test } from 'node:test';
import type { NetworkNamespace } from '../../src/kernel/network-contract.ts';
import { query, readMessage } from '../support/dns-messages.ts';
import { createNetwork, daemonAlone, fetchIn, namespaceOf, sh, tablesOf } from '../support/net-host.ts';
import { memoryOf } from '../support/daemon-state.ts';
import { until } from '../support/monitored.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
/** Measured with 200; fewer where all tests run. */
const COUNT = Number(process.env['KOBAKO_CROWD'] ?? 50);
const sleeps = { Cmd: ['sleep', '600'] };
const subnet = (Subnet: string, more: object = {}) => ({ IPAM: { Config: [{ Subnet, ...more }] } });

describe('networks and bad input', { skip }, () => {
  test('subnets: overlaps, what the host routes, full pools, full networks, names and addresses twice', async (t) => {
    const { lab, host, daemon } = await daemonAlone(t, ['--default-address-pool', 'base=10.213.16.0/22,size=24']);
    const { api } = daemon;
    lab.neighbour('wire', '10.213.18.1/24', '10.213.18.2/24');
    host.change([{ op: 'route-add', route: { to: '10.214.0.0/16', via: '10.213.18.2', link: 'wire' } }]);
    const refused = async (wanted: RegExp, Name: string, more: object) => {
      const { status, text } = await api.post('/v1.51/networks/create', { Name, ...more });
      assert.ok(status >= 400 && status < 500, text);
      assert.match(text, wanted);
    };
    await createNetwork(daemon, 'one', subnet('10.215.0.0/30'));
    await refused(/already exists/, 'one', {});
    for (const Subnet of ['10.215.0.0/30', '10.215.0.0/16', '10.215.0.2/31']) await refused(/overlaps/, 'two', subnet(Subnet));
    await refused(/the host routes 10\.214\.0\.0\/16 by wire/, 'two', subnet('10.214.0.0/16'));
    // of four subnets the default bridge has one, the host one
    await createNetwork(daemon, 'a');
    await createNetwork(daemon, 'b');
    await refused(/all predefined address pools have been fully subnetted/, 'c', {});
    const subnets = ((await api.get('/v1.51/networks')).json as { IPAM: { Config: { Subnet: string }[] | null } }[]).flatMap(({ IPAM }) => IPAM.Config ?? []);
    assert.ok(!subnets.some(({ Subnet }) => Subnet === '10.213.18.0/24'));
    // a /30 has two addresses, and the gateway has one
    const first = await daemon.run({ ...sleeps, HostConfig: { NetworkMode: 'one' } });
    const second = await daemon.create({ ...sleeps, HostConfig: { NetworkMode: 'one' } });
    const full = await api.post(`/v1.51/containers/${second}/start`);
    assert.match(full.text, /no available IPv4 addresses/);
    assert.equal((await api.delete(`/v1.51/containers/${first}?force=1`)).status, 204);
    assert.equal((await api.post(`/v1.51/containers/${second}/start`)).status, 204, 'the only one, though it was just freed');
  });

  test('ports: out of range, ranges that are full, and a thousand of one container', { timeout: 120_000 }, async (t) => {
    const { host, daemon } = await daemonAlone(t);
    const of = (key: string, HostPort: string, HostIp = '') => ({
      ...sleeps,
      Image: 'busybox',
      ExposedPorts: { [key]: {} },
      HostConfig: { PortBindings: { [key]: [{ HostIp, HostPort }] } },
    });
    for (const [key, port] of [
      ['80/tcp', '65536'],
      ['80/tcp', '90-80'],
      ['80/tcp', '-1'],
      ['0/tcp', '80'],
      ['65536/tcp', '80'],
      ['80/icmp', '80'],
    ] as const) {
      const { status, text } = await daemon.api.post('/v1.51/containers/create', of(key, port));
      assert.equal(status, 400, `${key} ${port}: ${text}`);
    }
    await daemon.run(of('80/tcp', '7000-7001'));
    await daemon.run(of('80/tcp', '7000-7001'));
    const third = await daemon.create(of('80/tcp', '7000-7001'));
    const full = await daemon.api.post(`/v1.51/containers/${third}/start`);
    assert.equal(full.status, 500);
    assert.match(full.text, /7001 failed: port is already allocated/);
    const nowhere = await daemon.create(of('80/tcp', '7003', '10.99.99.99'));
    assert.match((await daemon.api.post(`/v1.51/containers/${nowhere}/start`)).text, /cannot assign requested address/);
    const ports = Array.from({ length: 1000 }, (_, at) => 8000 + at);
    const many = {
      Cmd: ['sh', '-c', 'mkdir -p /www && echo many > /www/index.html && exec httpd -f -p 8999 -h /www'],
      ExposedPorts: Object.fromEntries(ports.map((port) => [`${port}/tcp`, {}])),
      HostConfig: { PortBindings: Object.fromEntries(ports.map((port) => [`${port}/tcp`, [{ HostIp: '', HostPort: String(port) }]])) },
    };
    const id = await daemon.run(many);
    assert.equal(await fetchIn(host, '127.0.0.1', 8999), 'many');
    assert.equal(await fetchIn(host, '::1', 8999), 'many');
    assert.equal((await daemon.api.delete(`/v1.51/containers/${id}?force=1`)).status, 204);
    const [table] = tablesOf(host);
    assert.equal(host.packetFilter.elements({ family: 'inet', table: table!, set: 'ports4' }).length, 2, 'none of its ports is left');
  });

  test('contrary things at once: one wins, and what is left fits', { timeout: 120_000 }, async (t) => {
    const { host, daemon } = await daemonAlone(t);
    const { api } = daemon;
    const before = host.links().length;
    for (let round = 0; round < 4; round++) {
      const network = `net-${round}`;
      await createNetwork(daemon, network);
      const id = await daemon.create({ ...sleeps, HostConfig: { NetworkMode: network } });
      // a network goes while a container starts in it
      const [start, remove] = await Promise.all([api.post(`/v1.51/containers/${id}/start`), api.delete(`/v1.51/networks/${network}`, { checked: false })]);
      assert.ok(start.status === 204 ? remove.status === 403 : remove.status === 204, `${start.status} ${start.text} ${remove.status} ${remove.text}`);
      if (start.status !== 204) await createNetwork(daemon, network);
      // a container goes while it is connected, and is connected twice
      const other = await daemon.run(sleeps);
      const connect = () => api.post(`/v1.51/networks/${network}/connect`, { Container: other }, { checked: false });
      const [one, two, gone] = await Promise.all([connect(), connect(), api.delete(`/v1.51/containers/${other}?force=1`)]);
      assert.equal(gone.status, 204, gone.text);
      assert.ok([one, two].filter(({ status }) => status === 200).length <= 1, 'connected once at most');
      // two networks of one name, two of one subnet
      const same = await Promise.all([1, 2].map(() => api.post('/v1.51/networks/create', { Name: 'same', ...subnet('10.216.0.0/24') }, { checked: false })));
      assert.deepEqual(same.map(({ status }) => status).toSorted(), [201, 409]);
      assert.equal((await api.delete('/v1.51/networks/same')).status, 204);
      assert.equal((await api.delete(`/v1.51/containers/${id}?force=1`)).status, 204);
      assert.equal((await api.delete(`/v1.51/networks/${network}`)).status, 204);
    }
    const names = () => host.links().map(({ name }) => name);
    // the default bridge stays while the daemon runs
    await until('no interface is left', () => names().length <= before + 1).catch(() => assert.fail(names().join()));
  });

  test('a namespace that somebody holds after its container: its interface goes all the same', async (t) => {
    const alone = await daemonAlone(t);
    const { host, daemon } = alone;
    const id = await daemon.run(sleeps);
    const held = await namespaceOf(alone, id);
    assert.equal((await daemon.api.delete(`/v1.51/containers/${id}?force=1`)).status, 204);
    await until('it has none', () => held.link('eth0') === undefined && host.links().every(({ kind }) => kind !== 'veth'));
  });

  test('names that no name server could say, or that would say too much', async (t) => {
    const { daemon } = await daemonAlone(t);
    await createNetwork(daemon, 'front');
    const long = 'x'.repeat(200);
    const aliases = ['a.b', long, '-', '_under', '*', 'ÄÖ', '127.0.0.1', 'localhost', '..', 'x.', '%00'];
    const of = (Aliases: readonly string[]) => ({ HostConfig: { NetworkMode: 'front' }, NetworkingConfig: { EndpointsConfig: { front: { Aliases } } } });
    await daemon.run({ ...sleeps, ...of(aliases) }, `long-${long}`);
    const id = await daemon.run({ ...sleeps, HostConfig: { NetworkMode: 'front' } }, 'asker');
    for (const name of ['a.b', '_under']) assert.match(await sh(daemon, id, `nslookup ${name}`), /Address: 1(72|92)\./, name);
    const { json } = await daemon.api.get('/v1.51/networks/front');
    const addresses = Object.values((json as { Containers: Record<string, { IPv4Address: string }> }).Containers).map(
      ({ IPv4Address }) => IPv4Address.split('/')[0]!,
    );
    for (const address of addresses) await sh(daemon, id, `nslookup ${address}`);
    assert.match(await sh(daemon, id, 'nslookup asker'), /Address: 1(72|92)\./, 'the name server still answers');
    for (const bad of ['a b', 'a\nb', 'a\tb', '\u0000']) {
      const { status } = await daemon.api.post('/v1.51/containers/create', { Image: 'busybox', ...sleeps, ...of([bad]) });
      assert.equal(status, 400, JSON.stringify(bad));
    }
  });

  test(`${COUNT} containers on one network, each resolving all others`, { timeout: 240_000 }, async (t) => {
    const alone = await daemonAlone(t);
    const { daemon, host } = alone;
    await createNetwork(daemon, 'crowd');
    const [before, begin] = [memoryOf(daemon), performance.now()];
    const numbers = Array.from({ length: COUNT }, (_, at) => at);
    const body = { ...sleeps, HostConfig: { NetworkMode: 'crowd' } };
    const queue = [...numbers];
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        for (let at = queue.shift(); at !== undefined; at = queue.shift()) await daemon.run(body, `crowd-${at}`);
      }),
    );
    t.diagnostic(`${COUNT} started after ${((performance.now() - begin) / 1000).toFixed(1)} s`);
    const { json } = await daemon.api.get('/v1.51/networks/crowd');
    const containers = Object.values((json as { Containers: Record<string, { Name: string; IPv4Address: string }> }).Containers);
    assert.equal(new Set(containers.map(({ IPv4Address }) => IPv4Address)).size, COUNT);
    const addresses = new Map(containers.map(({ Name, IPv4Address }) => [Name, IPv4Address.split('/')[0]!]));
    const names = numbers.map((at) => `crowd-${at}`);
    for (const asker of names) {
      using inside = await namespaceOf(alone, asker);
      const answers = await resolveAll(inside, names);
      for (const name of names) assert.equal(answers.get(name), addresses.get(name), `${asker} asks for ${name}`);
    }
    t.diagnostic(`${COUNT * COUNT} answers after ${((performance.now() - begin) / 1000).toFixed(1)} s`);
    t.diagnostic(`${((memoryOf(daemon) - before) / COUNT / 1024).toFixed(0)} KiB of the daemon for each`);
    assert.ok(memoryOf(daemon) - before < COUNT * (1 << 20), 'less than 1 MiB of the daemon for each');
    assert.equal(host.links().filter(({ kind }) => kind === 'veth').length, COUNT);
    await Promise.all(names.map((name) => daemon.api.delete(`/v1.51/containers/${name}?force=1`)));
    t.diagnostic(`all gone after ${((performance.now() - begin) / 1000).toFixed(1)} s`);
    await until('no interface is left', () => host.links().every(({ kind }) => kind !== 'veth'));
  });
});

/** Asks the name server of a container for all names at once; again for what got lost. */
async function resolveAll(inside: NetworkNamespace, names: readonly string[]): Promise<Map<string, string>> {
  const socket = createSocket('udp4');
  const answers = new Map<string, string>();
  socket.on('message', (message) => {
    const { id, records } = readMessage(message);
    answers.set(names[id]!, records.map(({ data }) => [...data].join('.')).join());
  });
  try {
    await new Promise<void>((resolve) => socket.bind({ fd: inside.udpSocket({ address: '0.0.0.0', port: 0 }).fd }, resolve));
    for (let tries = 0; tries < 20 && answers.size < names.length; tries++) {
      for (const [id, name] of names.entries()) if (!answers.has(name)) socket.send(query(name, { id }), 53, '127.0.0.11');
      for (let waited = 0; waited < 50 && answers.size < names.length; waited++) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return answers;
  } finally {
    socket.close();
  }
}
