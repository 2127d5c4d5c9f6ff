/** What somebody changes by hand of networks is put right: while the daemon runs, and when it starts. On a machine of the daemon's own. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { NetworkNamespace } from '../../src/kernel/network-contract.ts';
import { until } from '../support/monitored.ts';
import { createNetwork, daemonAlone, fetchIn, namespaceOf, sh, tablesOf } from '../support/net-host.ts';
import { ask } from '../support/net-lab.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const PORT = 18_081;
const OUTSIDE = '10.91.0.2';

const web = (name: string, NetworkMode: string, HostPort: number) => ({
  Cmd: ['sh', '-c', `mkdir -p /www && echo ${name} > /www/index.html && exec httpd -f -p 80 -h /www`],
  ExposedPorts: { '80/tcp': {} },
  HostConfig: { NetworkMode, PortBindings: { '80/tcp': [{ HostIp: '', HostPort: String(HostPort) }] } },
});

const bridges = (host: NetworkNamespace) => host.links().filter(({ kind }) => kind === 'bridge');
const veths = (host: NetworkNamespace) => host.links().filter(({ kind, master }) => kind === 'veth' && master !== undefined);

/** All that can be broken, each as somebody would by hand. */
const DAMAGE: Readonly<Record<string, (host: NetworkNamespace) => void>> = {
  'a container’s interface deleted': (host) => host.change([{ op: 'link-delete', link: veths(host)[0]!.name }]),
  'the bridges deleted': (host) => host.change(bridges(host).map(({ name }) => ({ op: 'link-delete', link: name }))),
  'the bridges’ addresses removed': (host) => {
    for (const { index } of bridges(host)) for (const address of host.addresses(index)) host.change([{ op: 'address-delete', address }]);
  },
  'the bridges switched off': (host) => host.change(bridges(host).map(({ name }) => ({ op: 'link-set', link: name, settings: { up: false } }))),
  'ports taken off the bridges': (host) => host.change(veths(host).map(({ name }) => ({ op: 'link-set', link: name, settings: { master: null } }))),
  'all rules flushed': (host) => host.packetFilter.change(tablesOf(host).map((table) => ({ op: 'table-delete', family: 'inet', table }))),
  'forwarding switched off': (host) => host.setSysctl('net.ipv4.ip_forward', '0'),
};

describe('networks that somebody breaks', { skip }, () => {
  test('while the daemon runs, in turn; when it starts, all at once', { timeout: 120_000 }, async (t) => {
    const { lab, host, daemon } = await daemonAlone(t);
    const outside = lab.neighbour('wire', '10.91.0.1/24', `${OUTSIDE}/24`);
    lab.serve(outside, OUTSIDE, 80);
    await createNetwork(daemon, 'front', { EnableIPv6: true });
    await createNetwork(daemon, 'back');
    await daemon.run(web('one', 'front', PORT), 'one');
    await daemon.run(web('two', 'bridge', PORT + 1), 'two');
    const friend = await daemon.run({ Cmd: ['sleep', '600'], HostConfig: { NetworkMode: 'front' } }, 'friend');
    const settings = async () => ((await daemon.api.get('/v1.51/containers/one/json')).json as { NetworkSettings: unknown }).NetworkSettings;
    const before = await settings();
    const state = async () => ({
      port: await fetchIn(host, '127.0.0.1', PORT, 1),
      port6: await fetchIn(host, '::1', PORT, 1),
      default: await fetchIn(host, '127.0.0.1', PORT + 1, 1),
      outside: await fetchIn(outside, '10.91.0.1', PORT, 1),
      name: await sh(daemon, friend, 'wget -qO- http://one/ 2>&1'),
      out: await sh(daemon, friend, `nc -w 1 ${OUTSIDE} 80 < /dev/null`),
    });
    const all = { port: 'one', port6: 'one', default: 'two', outside: 'one', name: 'one', out: '10.91.0.1' };
    const works = async (what: string) => {
      let seen: object = {};
      await until(what, async () => isDeepStrictEqual((seen = await state()), all), 10).catch(() => assert.deepEqual(seen, all, what));
    };
    await works('all works');
    // each where the one before leaves something to break
    const each = Object.entries(DAMAGE);
    for (const some of [each.slice(0, 1), each.slice(1, 2), each.slice(2)]) {
      for (const [, damage] of some) damage(host);
      await sleep(1100);
      await works(`put right: ${some.map(([what]) => what).join(', ')}`);
    }
    assert.equal(bridges(host).length, 3, 'also that of a network without containers');
    await daemon.stop('SIGKILL');
    for (const damage of Object.values(DAMAGE)) damage(host);
    await daemon.start();
    await works('put right at the start');
    assert.deepEqual(await settings(), before);
  });

  test('a host that was no router is none for its neighbours: not while the daemon runs, nor after it, nor after its next start', async (t) => {
    const { lab, host, daemon } = await daemonAlone(t);
    const [from, to] = [lab.neighbour('w1', '10.91.0.1/24', `${OUTSIDE}/24`), lab.neighbour('w2', '10.92.0.1/24', '10.92.0.2/24')];
    lab.serve(to, '10.92.0.2', 80);
    host.setSysctl('net.ipv4.ip_forward', '0');
    const closed = async (when: string) => assert.equal(await ask(from, '10.92.0.2', 80), 'nothing', when);
    const id = await daemon.run({ Cmd: ['sleep', '600'] });
    const goesOut = async () => assert.match(await sh(daemon, id, 'nc -w 1 10.92.0.2 80 < /dev/null'), /10\.92\.0\.1/);
    await closed('as it runs');
    await goesOut();
    await daemon.stop('SIGKILL');
    await daemon.start();
    await closed('after a restart');
    await goesOut();
    host.setSysctl('net.ipv4.ip_forward', '0');
    await sleep(1100);
    await until('it forwards again', () => host.sysctl('net.ipv4.ip_forward') === '1');
    await closed('switched off by hand, and on again');
    await goesOut();
    assert.equal((await daemon.api.delete(`/v1.51/containers/${id}?force=1`)).status, 204);
    await daemon.stop();
    assert.equal(host.sysctl('net.ipv4.ip_forward'), '1');
    await closed('without the daemon');
  });

  test('a router of IPv4 stays one where IPv6 forwarding is switched on', async (t) => {
    const { lab, host, daemon } = await daemonAlone(t);
    const [from, to] = [lab.neighbour('w1', '10.91.0.1/24', `${OUTSIDE}/24`), lab.neighbour('w2', '10.92.0.1/24', '10.92.0.2/24')];
    lab.serve(to, '10.92.0.2', 80);
    host.setSysctl('net.ipv4.ip_forward', '1');
    host.setSysctl('net.ipv6.conf.all.forwarding', '0');
    await createNetwork(daemon, 'six', { EnableIPv6: true });
    await daemon.run({ Cmd: ['sleep', '600'], HostConfig: { NetworkMode: 'six' } });
    assert.equal(host.sysctl('net.ipv6.conf.all.forwarding'), '1');
    assert.equal(await ask(from, '10.92.0.2', 80), OUTSIDE);
  });

  test('a UDP client that never pauses is answered again after its server’s restart, and reaches nobody else’s', async (t) => {
    const alone = await daemonAlone(t);
    const { lab, host, daemon } = alone;
    const outside = lab.neighbour('wire', '10.91.0.1/24', `${OUTSIDE}/24`);
    const silent = { Cmd: ['sleep', '600'], ExposedPorts: { '7/udp': {} }, HostConfig: { PortBindings: { '7/udp': [{ HostIp: '', HostPort: '7007' }] } } };
    const client = createSocket('udp4');
    t.after(() => client.close());
    let answers = 0;
    client.on('message', () => answers++);
    await new Promise<void>((resolve) => client.bind({ fd: outside.udpSocket({ address: OUTSIDE, port: 0 }).fd }, resolve));
    // before the port is published, too
    const timer = setInterval(() => client.send('?', 7007, '10.91.0.1', () => {}), 20);
    t.after(() => clearInterval(timer));
    await sleep(100);
    const id = await daemon.run(silent);
    const echo = async () => lab.serveDatagrams(await namespaceOf(alone, id), '0.0.0.0', 7);
    const address = async () =>
      ((await daemon.api.get(`/v1.51/containers/${id}/json`)).json as { NetworkSettings: { IPAddress: string } }).NetworkSettings.IPAddress;
    const answered = async (what: string) => {
      const before = answers;
      await until(what, () => answers > before + 3, 10);
    };
    await echo();
    await answered('answered by what was just published');
    const first = await address();
    assert.equal((await daemon.api.post(`/v1.51/containers/${id}/restart?t=0`)).status, 204);
    assert.notEqual(await address(), first);
    await echo();
    await answered('answered by it at its new address');
    assert.equal((await daemon.api.post(`/v1.51/containers/${id}/stop?t=0`)).status, 204);
    let left = 0;
    host.forgetConnections('udp', 'inet', ({ answeredBy }) => (left += answeredBy.startsWith('172.') ? 1 : 0) < 0);
    assert.equal(left, 0, 'nothing is sent on to the old address');
  });
});
