/** What drivers and endpoints can be told, by Docker's names, on a machine of the daemon's own. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { Socket, type SocketConstructorOpts } from 'node:net';
import { describe, test } from 'node:test';
import { frame, FrameReader } from '../../src/network/dns/frames.ts';
import { fakeServer } from '../support/dns-ground.ts';
import { query, readMessage, reply } from '../support/dns-messages.ts';
import { createNetwork, daemonAlone, namespaceOf, sh } from '../support/net-host.ts';
import { ask } from '../support/net-lab.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const BRIDGE = 'com.docker.network.bridge.';
const OUTSIDE = '10.91.0.2';
const sleeps = { Cmd: ['sleep', '600'] };

describe('options of networks', { skip }, () => {
  test('of bridges', async (t) => {
    const alone = await daemonAlone(t);
    const { lab, host, daemon } = alone;
    const [outside, other] = [lab.neighbour('wire', '10.91.0.1/24', `${OUTSIDE}/24`), lab.neighbour('wire2', '10.92.0.1/24', '10.92.0.2/24')];
    lab.serve(outside, OUTSIDE, 80);
    host.change([{ op: 'address-add', address: { link: 'wire', address: '10.91.0.9/24' } }]);
    const of = async (name: string, last: number, Options: Record<string, string>) =>
      createNetwork(daemon, name, { IPAM: { Config: [{ Subnet: `10.213.${last}.0/24` }] }, Options });
    const run = (NetworkMode: string, more: object = {}) => daemon.run({ ...sleeps, HostConfig: { NetworkMode, ...more } });

    await of('snat', 1, { 'com.docker.network.host_ipv4': '10.91.0.9' });
    assert.equal(await ask(await namespaceOf(alone, await run('snat')), OUTSIDE, 80), '10.91.0.9');

    await of('bare', 2, { [`${BRIDGE}inhibit_ipv4`]: 'true', [`${BRIDGE}name`]: 'bare0' });
    assert.deepEqual(host.addresses('bare0'), []);
    await run('bare');
    assert.deepEqual(host.addresses('bare0'), []);

    await of('trusting', 3, { [`${BRIDGE}trusted_host_interfaces`]: 'wire:no-such0' });
    const body = { ...sleeps, ExposedPorts: { '80/tcp': {} } };
    const id = await daemon.run({ ...body, HostConfig: { NetworkMode: 'trusting', PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '' }] } } });
    const inside = await namespaceOf(alone, id);
    for (const port of [80, 81]) lab.serve(inside, '10.213.3.2', port);
    assert.equal(await ask(outside, '10.213.3.2', 80), OUTSIDE);
    assert.equal(await ask(outside, '10.213.3.2', 81), 'nothing', 'what is not published');
    assert.equal(await ask(other, '10.213.3.2', 80), 'nothing', 'who comes another way');
    const refused = await daemon.api.post('/v1.51/networks/create', { Name: 'x', Options: { [`${BRIDGE}trusted_host_interfaces`]: 'a b' } });
    assert.equal(refused.status, 400, refused.text);

    await of('prefixed', 4, { 'com.docker.network.container_iface_prefix': 'net', 'com.docker.network.driver.mtu': '1400' });
    assert.match(await sh(daemon, await run('prefixed'), 'ip -o link'), / net0@.* mtu 1400 /);
    assert.match(await sh(daemon, await run('bridge'), 'ip -o link'), / eth0@.* mtu 1500 /);
  });

  test('of endpoints: sysctls of the interface, in that container alone', async (t) => {
    const { daemon } = await daemonAlone(t);
    await createNetwork(daemon, 'front');
    const of = (text: string) => ({
      ...sleeps,
      HostConfig: { NetworkMode: 'front' },
      NetworkingConfig: { EndpointsConfig: { front: { DriverOpts: { 'com.docker.network.endpoint.sysctls': text } } } },
    });
    const id = await daemon.run(of('net.ipv4.conf.IFNAME.log_martians=1,net.ipv4.neigh.ifname.gc_stale_time=77'));
    assert.equal(await sh(daemon, id, 'cat /proc/sys/net/ipv4/conf/eth0/log_martians /proc/sys/net/ipv4/neigh/eth0/gc_stale_time'), '1\n77');
    const none = await daemon.create(of('net.ipv4.conf.IFNAME.no_such=1'));
    const { status, text } = await daemon.api.post(`/v1.51/containers/${none}/start`);
    assert.equal(status, 500);
    assert.match(text, /no_such/);
    for (const bad of ['net.ipv4.conf.eth0.log_martians=1', 'kernel.IFNAME.x=1', 'net.ipv4.conf.IFNAME.../x=1', 'net.ipv4.ip_forward=1']) {
      const made = await daemon.api.post('/v1.51/containers/create', { Image: 'busybox', ...of(bad) });
      assert.equal(made.status, 400, bad);
    }
  });

  test('the host’s loopback, interfaces and addresses are no way round: routers, redirects', async (t) => {
    const { host, daemon } = await daemonAlone(t);
    await createNetwork(daemon, 'six', { EnableIPv6: true, Options: { [`${BRIDGE}name`]: 'six0' } });
    const id = await daemon.run({ ...sleeps, HostConfig: { NetworkMode: 'six' } });
    for (const name of ['accept_ra', 'accept_redirects']) assert.equal(host.sysctl(`net.ipv6.conf.six0.${name}`), '0', name);
    assert.equal(host.sysctl('net.ipv4.conf.six0.accept_redirects'), '0');
    assert.equal(await sh(daemon, id, 'cat /proc/sys/net/ipv6/conf/eth0/accept_ra'), '0');
  });
});

describe('a name server that the user gives', { skip }, () => {
  test('is asked from where the container is, by UDP and TCP', async (t) => {
    const alone = await daemonAlone(t);
    await createNetwork(alone.daemon, 'front');
    const inside = await namespaceOf(alone, await alone.daemon.run({ ...sleeps, HostConfig: { NetworkMode: 'front', Dns: ['127.0.0.2'] } }));
    const at = { address: '127.0.0.2', port: 53 };
    const sockets = { udpFd: inside.udpSocket(at).fd, tcpFd: inside.tcpListener(at).fd };
    const { asked } = await fakeServer(t, { sockets, answer: (message) => [reply(message, [{ data: Buffer.of(192, 0, 2, 1) }])] });
    const addressIn = (message: Buffer) => [...readMessage(message).records[0]!.data].join('.');

    const connecting: SocketConstructorOpts & { pauseOnCreate: boolean } = { fd: inside.tcpSocket('inet'), pauseOnCreate: true };
    const stream = new Socket(connecting);
    t.after(() => stream.destroy());
    stream.connect(53, '127.0.0.11', () => stream.resume().write(frame(query('one.example'))));
    const [chunk] = (await once(stream, 'data', { signal: AbortSignal.timeout(10_000) })) as [Buffer];
    assert.equal(addressIn(new FrameReader().push(chunk)![0]!), '192.0.2.1');

    const datagrams = createSocket('udp4');
    t.after(() => datagrams.close());
    datagrams.bind({ fd: inside.udpSocket({ address: '0.0.0.0', port: 0 }).fd }, () => datagrams.send(query('two.example'), 53, '127.0.0.11'));
    const [message] = (await once(datagrams, 'message', { signal: AbortSignal.timeout(10_000) })) as [Buffer];
    assert.equal(addressIn(message), '192.0.2.1');
    assert.deepEqual(
      asked.map(({ transport }) => transport),
      ['tcp', 'udp'],
    );
    assert.equal(inside.sysctl('net.netfilter.nf_conntrack_count'), '0', 'connections of the container are not followed for it');

    // a resolver need not wait for an engine that is no more
    await alone.daemon.stop('SIGKILL');
    const refused = createSocket('udp4');
    t.after(() => refused.close());
    refused.bind({ fd: inside.udpSocket({ address: '0.0.0.0', port: 0 }).fd }, () =>
      refused.connect(53, '127.0.0.11', () => refused.send(query('three.example'))),
    );
    const [error] = (await once(refused, 'message', { signal: AbortSignal.timeout(10_000) }).catch((failure: unknown) => [failure])) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNREFUSED');
    await alone.daemon.start();
  });
});

describe('links on the default bridge', { skip }, () => {
  test('variables, names, and one that does not run', async (t) => {
    const { daemon } = await daemonAlone(t);
    const db = { ...sleeps, ExposedPorts: { '5432/tcp': {}, '80/tcp': {}, '9/udp': {}, '5433/tcp': {}, '5434/udp': {} }, Env: ['SECRET=a=b', 'HOME=/x'] };
    await daemon.run(db, 'db');
    const web = { ...sleeps, HostConfig: { Links: ['db:my-db'] }, Env: ['MY_DB_NAME=mine'] };
    const id = await daemon.run(web, 'web');
    const { NetworkSettings } = (await daemon.api.get('/v1.51/containers/db/json')).json as { NetworkSettings: { IPAddress: string } };
    const address = NetworkSettings.IPAddress;
    const port = (number: number, protocol: string) => {
      const name = `MY_DB_PORT_${number}_${protocol.toUpperCase()}`;
      return [`${name}=${protocol}://${address}:${number}`, `${name}_ADDR=${address}`, `${name}_PORT=${number}`, `${name}_PROTO=${protocol}`];
    };
    const seen = (await sh(daemon, id, 'env')).split('\n').filter((line) => line.startsWith('MY_DB_'));
    const range = 'MY_DB_PORT_5432_TCP';
    const wanted = [
      `MY_DB_PORT=tcp://${address}:80`,
      ...[80, 5432, 5433].flatMap((number) => port(number, 'tcp')),
      ...[9, 5434].flatMap((number) => port(number, 'udp')),
      ...[`${range}_START=tcp://${address}:5432`, `${range}_PORT_START=5432`, `${range}_END=tcp://${address}:5433`, `${range}_PORT_END=5433`],
      'MY_DB_NAME=mine',
      'MY_DB_ENV_SECRET=a=b',
    ];
    assert.deepEqual(seen.toSorted(), wanted.toSorted());
    assert.match(await sh(daemon, id, 'cat /etc/hosts'), new RegExp(`^${address}\\s+my-db `, 'm'));
    for (const name of ['db', 'web']) assert.equal((await daemon.api.post(`/v1.51/containers/${name}/stop?t=0`)).status, 204);
    const { status, text } = await daemon.api.post('/v1.51/containers/web/start');
    assert.equal(status, 500);
    assert.match(text, /Cannot link to a non running container: \/db AS \/web\/my-db/);
  });
});
