/** Networks of containers through the daemon: names, ports, connections that come and go, the daemon killed in between. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { linuxNetworkKernel } from '../../src/kernel/linux/network-namespaces.ts';
import { daemonFor, type TestDaemon } from '../support/daemon.ts';
import { until } from '../support/monitored.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { runOk } from '../support/run.ts';
import { ask } from '../support/net-lab.ts';

interface Inspected {
  readonly State: { readonly Status: string; readonly Pid: number; readonly Error: string };
  readonly NetworkSettings: {
    readonly Ports: Record<string, { HostIp: string; HostPort: string }[] | null>;
    readonly Networks: Record<string, { IPAddress: string; Gateway: string; DNSNames: string[] | null; EndpointID: string; GlobalIPv6Address: string }>;
  };
}

const host = () => linuxNetworkKernel().host();
const inspect = async (daemon: TestDaemon, id: string) => (await daemon.api.get(`/v1.51/containers/${id}/json`)).json as Inspected;
const addressIn = async (daemon: TestDaemon, id: string, network: string) => (await inspect(daemon, id)).NetworkSettings.Networks[network]!.IPAddress;
const portOf = async (daemon: TestDaemon, id: string) => Number((await inspect(daemon, id)).NetworkSettings.Ports['80/tcp']![0]!.HostPort);

/** What a program in the container says on its standard output. */
async function sh(daemon: TestDaemon, id: string, script: string): Promise<string> {
  const made = await daemon.api.post(`/v1.51/containers/${id}/exec`, { Cmd: ['sh', '-c', script], AttachStdout: true, AttachStderr: true, Tty: true });
  assert.equal(made.status, 201, made.text);
  const answer = await daemon.api.post(`/v1.51/exec/${(made.json as { Id: string }).Id}/start`, { Tty: true });
  return answer.text.replaceAll('\r\n', '\n').trim();
}

/** Says its own name to whoever connects to port 80. */
const web = (name: string, more: Record<string, unknown> = {}, hostConfig: Record<string, unknown> = {}) => ({
  Cmd: ['sh', '-c', `mkdir -p /www && echo ${name} > /www/index.html && exec httpd -f -p 80 -h /www`],
  ExposedPorts: { '80/tcp': {} },
  HostConfig: { PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '' }] }, ...hostConfig },
  ...more,
});

async function createNetwork(daemon: TestDaemon, Name: string, more: Record<string, unknown> = {}): Promise<string> {
  const answer = await daemon.api.post('/v1.51/networks/create', { Name, ...more });
  assert.equal(answer.status, 201, answer.text);
  return (answer.json as { Id: string }).Id;
}

async function fetchText(port: number, address = '127.0.0.1'): Promise<string> {
  const shown = address.includes(':') ? `[${address}]` : address;
  for (let tries = 0; ; tries++) {
    try {
      return (await (await fetch(`http://${shown}:${port}/`, { headers: { connection: 'close' } })).text()).trim();
    } catch (error) {
      // its program has just begun
      if (tries >= 40) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

const isOpen = (port: number) => ask(host(), '127.0.0.1', port).then((answer) => answer !== 'ECONNREFUSED');

/** Interfaces and tables of the daemon's engine. */
function ownedBy(daemon: TestDaemon): { links: string[]; tables: string[] } {
  const id = readFileSync(`${daemon.dataRoot}/engine-id`, 'utf8').trim().replaceAll('-', '').slice(0, 8);
  const { links, tables } = { links: host().links(), tables: host().packetFilter.tables() };
  return {
    links: links.filter(({ alias }) => alias?.startsWith(`kobako:${id}`)).map(({ name }) => name),
    tables: tables.map(({ table }) => table).filter((table) => table === `kobako-${id}`),
  };
}

describe('the default bridge', () => {
  test('an address, a way out, a published port on every door of the host; all free when it ends', async (t) => {
    const daemon = await daemonFor(t);
    const id = await daemon.run(web('one'));
    const port = await portOf(daemon, id);
    assert.equal(await fetchText(port), 'one');
    assert.equal(await fetchText(port, '::1'), 'one');
    const { Gateway, IPAddress, DNSNames } = (await inspect(daemon, id)).NetworkSettings.Networks['bridge']!;
    assert.match(await sh(daemon, id, 'ip route'), new RegExp(`^default via ${Gateway} dev eth0`, 'm'));
    assert.match(await sh(daemon, id, 'cat /etc/hosts'), new RegExp(`^${IPAddress}\t${id.slice(0, 12)}$`, 'm'));
    assert.equal(DNSNames, null);
    const other = await daemon.run({ Cmd: ['sleep', '300'] });
    assert.notEqual(await addressIn(daemon, other, 'bridge'), IPAddress);
    assert.equal(await sh(daemon, other, `wget -qO- http://${IPAddress}/`), 'one');
    assert.equal(await sh(daemon, other, `wget -qO- http://${Gateway}:${port}/`), 'one');
    assert.equal(await sh(daemon, id, `wget -qO- http://${Gateway}:${port}/`), 'one');
    assert.equal((await daemon.api.post(`/v1.51/containers/${id}/kill`)).status, 204);
    await until('it has ended', async () => (await inspect(daemon, id)).State.Status === 'exited');
    assert.equal(await isOpen(port), false);
    assert.deepEqual((await inspect(daemon, id)).NetworkSettings.Ports, {});
    // an address that has just been freed is not given out at once
    const third = await daemon.run({ Cmd: ['sleep', '300'] });
    assert.notEqual(await addressIn(daemon, third, 'bridge'), IPAddress);
  });

  test('two engines on one machine: each bridge has a subnet of its own', async (t) => {
    const [one, two] = [await daemonFor(t), await daemonFor(t)];
    const ids = [await one.run({ Cmd: ['sleep', '300'] }), await two.run({ Cmd: ['sleep', '300'] })];
    const addresses = [await addressIn(one, ids[0]!, 'bridge'), await addressIn(two, ids[1]!, 'bridge')];
    const subnets = await Promise.all(
      [one, two].map(async ({ api }) => ((await api.get('/v1.51/networks/bridge')).json as { IPAM: { Config: { Subnet: string }[] } }).IPAM.Config[0]!.Subnet),
    );
    assert.notEqual(subnets[0], subnets[1]);
    assert.match(await sh(two, ids[1]!, `ping -c 1 -W 1 ${addresses[0]} >/dev/null || echo apart`), /apart/);
  });

  test('a port that somebody has is an error before anything starts, and the next try works', async (t) => {
    const daemon = await daemonFor(t);
    const stranger = createServer().listen(0, '0.0.0.0');
    t.after(() => void stranger.close());
    await new Promise((resolve) => stranger.once('listening', resolve));
    const { port } = stranger.address() as AddressInfo;
    const bound = { PortBindings: { '80/tcp': [{ HostIp: '', HostPort: String(port) }] } };
    const id = await daemon.create(web('x', {}, bound));
    const refused = await daemon.api.post(`/v1.51/containers/${id}/start`);
    assert.equal(refused.status, 500);
    assert.match(
      refused.text,
      new RegExp(
        `failed to set up container networking: driver failed programming external connectivity on endpoint .*: failed to bind host port 0\\.0\\.0\\.0:${port}/tcp: address already in use`,
      ),
    );
    assert.equal((await inspect(daemon, id)).State.Status, 'created');
    await new Promise((resolve) => stranger.close(resolve));
    assert.equal((await daemon.api.post(`/v1.51/containers/${id}/start`)).status, 204);
    assert.equal(await fetchText(port), 'x');
    const second = await daemon.create(web('y', {}, bound));
    assert.match(
      (await daemon.api.post(`/v1.51/containers/${second}/start`)).text,
      new RegExp(`Bind for 0\\.0\\.0\\.0:${port} failed: port is already allocated`),
    );
  });

  test('sysctls of an interface, and of all that come, are of those that it starts with', async (t) => {
    const daemon = await daemonFor(t);
    const Sysctls = { 'net.ipv4.conf.eth0.log_martians': '1', 'net.ipv4.conf.default.rp_filter': '2' };
    const id = await daemon.run({ Cmd: ['sleep', '300'], HostConfig: { Sysctls } });
    assert.equal(await sh(daemon, id, 'cd /proc/sys/net/ipv4/conf && cat eth0/log_martians default/rp_filter'), '1\n2');
  });

  test('an interface that cannot be had is an error, nothing is left of the start, and the next try works', async (t) => {
    const daemon = await daemonFor(t);
    const bridge = `kbt${String(process.pid).slice(-6)}`;
    await createNetwork(daemon, 'odd', { Options: { 'com.docker.network.bridge.name': bridge } });
    host().change([{ op: 'link-delete', link: bridge }]);
    const other = { name: `${bridge}b` };
    host().change([{ op: 'link-add', link: { kind: 'veth', name: bridge, peer: other } }]);
    t.after(() => host().change([{ op: 'link-delete', link: other.name, missingOk: true }]));
    const id = await daemon.create(web('odd', {}, { NetworkMode: 'odd' }));
    const refused = await daemon.api.post(`/v1.51/containers/${id}/start`);
    assert.equal(refused.status, 500);
    assert.match(refused.text, /failed to set up container networking: .*operation not supported/);
    const { State } = await inspect(daemon, id);
    assert.deepEqual([State.Status, State.Pid], ['created', 0]);
    // the helper is told to give up, and takes a moment
    await until('its cgroups have gone', () => ['pids/kobako', 'kobako'].every((parent) => !existsSync(`/sys/fs/cgroup/${parent}/${id}`)));
    host().change([{ op: 'link-delete', link: bridge }]);
    assert.equal((await daemon.api.post(`/v1.51/containers/${id}/start`)).status, 204);
    assert.equal(await fetchText(await portOf(daemon, id)), 'odd');
  });

  test('root of a user namespace only: its network is its own namespace’s', async (t) => {
    const daemon = await daemonFor(t);
    const root = `${daemon.folder}/root`;
    await runOk('cp', ['-a', await busyboxRootfs(), root]);
    await runOk('chown', ['-R', '100000:100000', root]);
    chmodSync(daemon.folder, 0o711);
    const map = [{ Container: 0, Host: 100_000, Size: 65_536 }];
    const id = await daemon.run(web('mapped', {}, { Kobako: { Rootfs: { Path: root, Overlay: false }, UidMap: map, GidMap: map }, CapAdd: ['NET_ADMIN'] }));
    assert.equal(await fetchText(await portOf(daemon, id)), 'mapped');
    // of a namespace that were not its own it could not
    assert.equal(await sh(daemon, id, 'ip addr add 10.9.9.9/32 dev lo && echo may'), 'may');
  });

  test('restarted, it is reached again; renamed, it is called so', async (t) => {
    const daemon = await daemonFor(t);
    await createNetwork(daemon, 'front');
    const id = await daemon.run(web('again', {}, { NetworkMode: 'front' }));
    const friend = await daemon.run({ Cmd: ['sleep', '300'], HostConfig: { NetworkMode: 'front' } });
    assert.equal((await daemon.api.post(`/v1.51/containers/${id}/restart?t=0`)).status, 204);
    assert.equal(await fetchText(await portOf(daemon, id)), 'again');
    assert.equal((await daemon.api.post(`/v1.51/containers/${id}/rename?name=caesar`)).status, 204);
    assert.equal(await sh(daemon, friend, 'wget -qO- http://caesar/'), 'again');
  });
});

describe('networks of users', () => {
  test('containers find each other by name, alias, short id; a shared alias in turn; addresses by name', async (t) => {
    const daemon = await daemonFor(t);
    await createNetwork(daemon, 'back', { IPAM: { Config: [{ Subnet: '10.213.7.0/24' }] } });
    const of = (alias: string) => ({ NetworkingConfig: { EndpointsConfig: { back: { Aliases: [alias] } } } });
    const one = await daemon.run(web('one', of('web'), { NetworkMode: 'back' }), 'one-1');
    await daemon.run(web('two', of('web'), { NetworkMode: 'back' }), 'two-1');
    const client = await daemon.run({ Cmd: ['sleep', '300'], HostConfig: { NetworkMode: 'back' } });
    for (const name of ['one-1', one.slice(0, 12), 'one-1.back', 'ONE-1']) assert.equal(await sh(daemon, client, `wget -qO- http://${name}/`), 'one', name);
    const seen = new Set<string>();
    for (let at = 0; at < 4; at++) seen.add(await sh(daemon, client, 'wget -qO- http://web/'));
    assert.deepEqual([...seen].toSorted(), ['one', 'two']);
    assert.match(await sh(daemon, client, `nslookup ${await addressIn(daemon, one, 'back')}`), /name = one-1\.back/);
    // what listens on every address does not take the name server's place
    await sh(daemon, client, 'nc -l -p 53 >/dev/null 2>&1 & true');
    assert.equal(await sh(daemon, client, 'wget -qO- http://one-1/'), 'one');
  });

  test('connected and disconnected while it runs: names, addresses and ways follow', async (t) => {
    const daemon = await daemonFor(t);
    const [a, b] = [await createNetwork(daemon, 'a-net'), await createNetwork(daemon, 'b-net', { Internal: true })];
    const server = await daemon.run(web('server', {}, { NetworkMode: 'b-net' }), 'server');
    const client = await daemon.run({ Cmd: ['sleep', '300'], HostConfig: { NetworkMode: 'a-net' } });
    assert.equal((await daemon.api.post(`/v1.51/networks/${b}/connect`, { Container: client, EndpointConfig: { Aliases: ['guest'] } })).status, 200);
    assert.equal(await sh(daemon, client, 'wget -qO- http://server/'), 'server');
    assert.match(await sh(daemon, server, 'nslookup guest'), new RegExp(`Address: ${await addressIn(daemon, client, 'b-net')}`));
    assert.match(await sh(daemon, client, 'ip -o addr show eth1'), new RegExp(await addressIn(daemon, client, 'b-net')));
    assert.match(await sh(daemon, client, 'ip route'), /^default via .* dev eth0/m);
    assert.equal((await daemon.api.post(`/v1.51/networks/${a}/disconnect`, { Container: client })).status, 200);
    assert.doesNotMatch(await sh(daemon, client, 'ip route'), /default|eth0/);
    assert.equal((await daemon.api.post(`/v1.51/networks/${b}/disconnect`, { Container: client })).status, 200);
    assert.match(await sh(daemon, client, 'wget -T 1 -qO- http://server/ || echo failed'), /failed/);
    assert.match(await sh(daemon, server, 'nslookup guest'), /NXDOMAIN|SERVFAIL/);
    assert.equal((await daemon.api.delete(`/v1.51/networks/${a}`)).status, 204);
    assert.equal((await daemon.api.delete(`/v1.51/networks/${b}`)).status, 403);
  });

  test('IPv6, static addresses, the network of another container', async (t) => {
    const daemon = await daemonFor(t);
    await createNetwork(daemon, 'six', { EnableIPv6: true, IPAM: { Config: [{ Subnet: '10.213.8.0/24' }, { Subnet: 'fd00:213::/64' }] } });
    const fixed = { IPAMConfig: { IPv4Address: '10.213.8.77', IPv6Address: 'fd00:213::77' }, MacAddress: '02:00:00:00:00:77' };
    const id = await daemon.run(web('six', { NetworkingConfig: { EndpointsConfig: { six: fixed } } }, { NetworkMode: 'six' }), 'six-1');
    assert.equal(await addressIn(daemon, id, 'six'), '10.213.8.77');
    assert.match(await sh(daemon, id, 'ip -o link show eth0'), /02:00:00:00:00:77/);
    const client = await daemon.run({ Cmd: ['sleep', '300'], HostConfig: { NetworkMode: 'six' } });
    assert.equal(await sh(daemon, client, 'wget -qO- "http://[fd00:213::77]/"'), 'six');
    assert.match(await sh(daemon, client, 'nslookup -type=AAAA six-1'), /fd00:213::77/);
    assert.equal(await fetchText(await portOf(daemon, id), '::1'), 'six');
    const guest = await daemon.run({ Cmd: ['sleep', '300'], HostConfig: { NetworkMode: `container:${id}` } });
    assert.equal(await sh(daemon, guest, 'wget -qO- http://127.0.0.1/'), 'six');
    const twice = await daemon.create({ Cmd: ['true'], NetworkingConfig: { EndpointsConfig: { six: fixed } }, HostConfig: { NetworkMode: 'six' } });
    assert.match((await daemon.api.post(`/v1.51/containers/${twice}/start`)).text, /Address already in use/);
  });

  test('macvlan: on a network of its own without a parent', async (t) => {
    const daemon = await daemonFor(t);
    await createNetwork(daemon, 'lan', { Driver: 'macvlan', Internal: true, IPAM: { Config: [{ Subnet: '10.213.9.0/24' }] } });
    const server = await daemon.run(web('lan', {}, { NetworkMode: 'lan', PortBindings: {} }), 'lan-1');
    const client = await daemon.run({ Cmd: ['sleep', '300'], HostConfig: { NetworkMode: 'lan' } });
    assert.equal(await sh(daemon, client, 'wget -qO- http://lan-1/'), 'lan');
    for (const id of [server, client]) assert.equal((await daemon.api.delete(`/v1.51/containers/${id}?force=1`)).status, 204);
    assert.equal((await daemon.api.delete('/v1.51/networks/lan')).status, 204);
    assert.deepEqual(ownedBy(daemon).links, []);
  });
});

describe('the daemon ends', () => {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    test(`by ${signal}: ports stay open, and after its start all is as before`, async (t) => {
      const daemon = await daemonFor(t);
      await createNetwork(daemon, 'front');
      const id = await daemon.run(web('stays', {}, { NetworkMode: 'front' }), 'stays');
      const ends = await daemon.run(web('ends', {}, { NetworkMode: 'front' }), 'ends');
      const client = await daemon.run({ Cmd: ['sleep', '300'], HostConfig: { NetworkMode: 'front' } });
      const port = await portOf(daemon, id);
      const before = await inspect(daemon, id);
      const { Pid } = (await inspect(daemon, ends)).State;
      const gone = await portOf(daemon, ends);
      await fetchText(port);
      await daemon.stop(signal);
      assert.equal(await fetchText(port), 'stays');
      process.kill(Pid, 'SIGKILL');
      await daemon.start();
      assert.deepEqual((await inspect(daemon, id)).NetworkSettings, before.NetworkSettings);
      assert.equal(await fetchText(port), 'stays');
      assert.equal(await fetchText(port, '::1'), 'stays');
      assert.equal(await sh(daemon, client, 'wget -qO- http://stays/'), 'stays');
      assert.match(await sh(daemon, client, 'nslookup ends'), /NXDOMAIN|SERVFAIL/);
      assert.equal(await isOpen(gone), false);
      // its port is kept from others again
      const taker = createServer();
      const failed = await new Promise<string>((resolve) =>
        taker.once('error', (error: NodeJS.ErrnoException) => resolve(error.code!)).listen(port, '0.0.0.0', () => resolve('listens')),
      );
      assert.equal(failed, 'EADDRINUSE');
    });
  }

  test('with nothing that runs it leaves no interface and no rule; what a killed one left goes at the next start', async (t) => {
    const daemon = await daemonFor(t);
    await createNetwork(daemon, 'front');
    const id = await daemon.run(web('x'));
    assert.equal(ownedBy(daemon).links.length, 2);
    assert.equal(ownedBy(daemon).tables.length, 1);
    await daemon.stop('SIGKILL');
    await daemon.start();
    assert.equal((await daemon.api.delete(`/v1.51/containers/${id}?force=1`)).status, 204);
    await daemon.stop('SIGKILL');
    await daemon.start();
    assert.deepEqual(ownedBy(daemon).links.length, 1, 'the user’s network alone');
    await daemon.stop();
    assert.deepEqual(ownedBy(daemon), { links: [], tables: [] });
    await daemon.start();
    assert.equal(ownedBy(daemon).links.length, 1);
  });

  test('rules that somebody takes away are put back', async (t) => {
    const daemon = await daemonFor(t);
    const port = await daemon.run(web('x')).then((id) => portOf(daemon, id));
    assert.equal(await fetchText(port), 'x');
    const [table] = ownedBy(daemon).tables;
    host().packetFilter.change([{ op: 'table-delete', family: 'inet', table: table! }]);
    await until('the table is back', () => ownedBy(daemon).tables.length === 1);
    assert.equal(await fetchText(port), 'x');
  });

  test('a start leaves no fd behind, whatever network it had', async (t) => {
    const daemon = await daemonFor(t);
    await createNetwork(daemon, 'front');
    const once = async (NetworkMode: string) => {
      const id = await daemon.run(web('x', {}, { NetworkMode, PortBindings: NetworkMode === 'none' ? {} : { '80/tcp': [{ HostIp: '', HostPort: '' }] } }));
      assert.equal((await daemon.api.delete(`/v1.51/containers/${id}?force=1`)).status, 204);
    };
    const modes = ['none', 'bridge', 'front'];
    for (const mode of [...modes, ...modes]) await once(mode);
    const fds = () => readdirSync(`/proc/${daemon.pid}/fd`).length;
    await new Promise((resolve) => setTimeout(resolve, 1000)); // the pool is full
    const before = fds();
    for (const mode of [...modes, ...modes, ...modes]) await once(mode);
    await until('as many as before', () => fds() <= before + 1);
  });
});
