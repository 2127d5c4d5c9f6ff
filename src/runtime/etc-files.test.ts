import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runOptions } from '../../test/support/planner.ts';
import { changedHosts, hostnameFile, hostsFile, ownHostsLines, resolvConfFile } from './etc-files.ts';

test('/etc/hostname', () => assert.equal(hostnameFile('box'), 'box\n'));

describe('/etc/hosts', () => {
  const added = (...addHosts: string[]) => hostsFile({ addHosts }, 'box').split('\n').slice(6, -2);
  test('docker’s six lines, what is added, the own name', () => {
    const lines = hostsFile({ addHosts: ['other:10.1.2.3'] }, 'box').split('\n');
    assert.equal(lines[0], '127.0.0.1\tlocalhost');
    assert.deepEqual(lines.slice(-3), ['10.1.2.3\tother', '127.0.1.1\tbox', '']);
    assert.equal(hostsFile({ addHosts: [] }, '').endsWith('ff02::2\tip6-allrouters\n'), true);
  });
  const good: [string, string][] = [
    ['a:1.2.3.4', '1.2.3.4\ta'],
    ['a=1.2.3.4', '1.2.3.4\ta'],
    ['a:::1', '::1\ta'],
    ['a:[fe80::1]', 'fe80::1\ta'],
    ['a=[::1]', '::1\ta'],
  ];
  for (const [text, line] of good) test(text, () => assert.deepEqual(added(text), [line]));
  for (const text of ['a', ':1.2.3.4', 'a:1.2.3', 'a:host', 'a b:1.2.3.4', 'a\nevil:1.2.3.4', 'a:1.2.3.4\nevil']) {
    test(`refused: ${JSON.stringify(text)}`, () => assert.throws(() => added(text), { kind: 'invalid' }));
  }
});

describe('/etc/hosts of a container in networks: as real Docker 28.5 wrote it', () => {
  const after = (...parameters: Parameters<typeof hostsFile>) =>
    hostsFile(...parameters)
      .split('\n')
      .slice(6, -1);
  test('an address of each network, what is added before them', () => {
    const addresses = ['172.18.0.3', '172.19.0.2', 'fdee:c74c:8325::2'];
    assert.deepEqual(after({ addHosts: ['gw:host-gateway', 'x:1.2.3.4'] }, 'e010c50b750b', { addresses, hostGateways: ['172.17.0.1'] }), [
      '172.17.0.1\tgw',
      '1.2.3.4\tx',
      '172.18.0.3\te010c50b750b',
      '172.19.0.2\te010c50b750b',
      'fdee:c74c:8325::2\te010c50b750b',
    ]);
  });
  test('links of the default bridge', () => {
    const link = (alias: string) => ({ address: '172.17.0.2', names: [alias, '6039b83511db', 'leg1'] });
    assert.deepEqual(after({ addHosts: [] }, 'e5ed71e5961a', { addresses: ['172.17.0.3'], links: [link('al'), link('web.x')] }), [
      '172.17.0.2\tal 6039b83511db leg1',
      '172.17.0.2\tweb.x 6039b83511db leg1',
      '172.17.0.3\te5ed71e5961a',
    ]);
  });
  test('a host name with its domain, also without it', () => {
    const line = ['172.18.0.2\twebhost.example.org webhost'];
    assert.deepEqual(after({ addHosts: [] }, 'webhost.example.org', { addresses: ['172.18.0.2'] }), line);
    assert.deepEqual(after({ addHosts: [], domainname: 'example.org' }, 'webhost', { addresses: ['172.18.0.2'] }), line);
  });
  test('host-gateway of both families, in the host’s file too, and without any', () => {
    const addHosts = ['gw:host-gateway'];
    assert.deepEqual(after({ addHosts }, '', { hostGateways: ['172.17.0.1', 'fd00::1'] }), ['172.17.0.1\tgw', 'fd00::1\tgw']);
    assert.equal(
      hostsFile({ addHosts }, 'box', { hostText: '127.0.0.1 localhost\n\n', hostGateways: ['172.17.0.1'] }),
      '127.0.0.1 localhost\n172.17.0.1\tgw\n',
    );
    assert.throws(() => hostsFile({ addHosts }, 'box'), { kind: 'invalid', message: 'unable to derive the IP value for host-gateway' });
  });
  test('networks that come and go leave what somebody has changed', () => {
    const before = hostsFile({ addHosts: [] }, 'box', { addresses: ['10.0.0.2'] });
    const edited = `${before}9.9.9.9 mine\n`;
    const both = changedHosts(edited, { add: ownHostsLines(['10.1.0.2', 'fd00::2'], 'box') });
    assert.equal(both, `${edited}10.1.0.2\tbox\nfd00::2\tbox\n`);
    assert.equal(changedHosts(both, { add: ownHostsLines(['10.1.0.2'], 'box') }), both);
    assert.equal(changedHosts(both, { remove: ownHostsLines(['10.1.0.2', 'fd00::2'], 'box') }), edited);
    assert.equal(changedHosts(edited, { remove: ownHostsLines(['10.0.0.2'], 'box') }).includes('10.0.0.2'), false);
  });
});

describe('/etc/resolv.conf', () => {
  const host = '# made by hand\nnameserver 127.0.0.53 ; local\nnameserver 10.0.0.1\nnameserver fe80::1%eth0\nsearch a.example b.example\noptions ndots:2\n';
  const text = (options: Parameters<typeof runOptions>[0] = {}, from = host) => resolvConfFile(runOptions(options), from);
  test('the host’s, without its loopback in a network of one’s own', () => {
    assert.equal(text(), 'nameserver 10.0.0.1\nnameserver fe80::1%eth0\nsearch a.example b.example\noptions ndots:2\n');
    const network = { ...runOptions().namespaces, network: { kind: 'host' } as const };
    assert.match(text({ namespaces: network }), /^nameserver 127\.0\.0\.53\n/);
  });
  test('what is given replaces its kind', () => {
    assert.equal(text({ dns: ['9.9.9.9'] }), 'nameserver 9.9.9.9\nsearch a.example b.example\noptions ndots:2\n');
    assert.equal(text({ dnsSearch: ['.'], dnsOptions: ['rotate'] }), 'nameserver 10.0.0.1\nnameserver fe80::1%eth0\noptions rotate\n');
    assert.equal(text({}, ''), '');
  });
  for (const bad of [{ dns: ['nine'] }, { dnsSearch: ['a\nnameserver 6.6.6.6'] }, { dnsOptions: ['a b'] }]) {
    test(`refused: ${JSON.stringify(bad)}`, () => assert.throws(() => text(bad), { kind: 'invalid' }));
  }
});
