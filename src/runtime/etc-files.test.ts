import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runOptions } from '../../test/support/planner.ts';
import { hostnameFile, hostsFile, resolvConfFile } from './etc-files.ts';

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
