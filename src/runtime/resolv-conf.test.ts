import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { internalResolvConf, parseResolvConf, type DnsSettings } from './resolv-conf.ts';

const NONE: DnsSettings = { dns: [], dnsSearch: [], dnsOptions: [] };
const internal = (settings: Partial<DnsSettings>, host: string) => internalResolvConf({ ...NONE, ...settings }, host);
/** Without the lines that say who wrote it. */
const body = (settings: Partial<DnsSettings>, host: string) => internal(settings, host).text.split('\n').slice(3).join('\n');

describe('with a name server of ours: as real Docker 28.5 wrote it', () => {
  test('the host’s servers are asked from the host', () => {
    assert.equal(
      body({}, 'nameserver 10.255.255.53\n'),
      `nameserver 127.0.0.11
options ndots:0

# Based on host file: '/etc/resolv.conf' (internal resolver)
# ExtServers: [host(10.255.255.53)]
# Overrides: []
# Option ndots from: internal
`,
    );
    assert.deepEqual(internal({}, 'nameserver 127.0.0.53').servers, [{ address: '127.0.0.53', host: true }]);
  });
  test('what is given replaces its kind, and is asked from the container', () => {
    const settings = { dns: ['127.0.0.1', '10.0.0.1'], dnsSearch: ['a.b'], dnsOptions: ['ndots:2', 'edns0'] };
    assert.equal(
      body(settings, 'nameserver 10.255.255.53\nsearch x\noptions rotate\n'),
      `nameserver 127.0.0.11
search a.b
options ndots:2 edns0

# Based on host file: '/etc/resolv.conf' (internal resolver)
# ExtServers: [127.0.0.1 10.0.0.1]
# Overrides: [nameservers search options]
# Option ndots from: override
`,
    );
    const { servers, keepsBareNames } = internal(settings, '');
    assert.deepEqual(servers, [
      { address: '127.0.0.1', host: false },
      { address: '10.0.0.1', host: false },
    ]);
    assert.equal(keepsBareNames, true);
  });
  test('an ndots that is no number is none; a search for nothing', () => {
    const { text, keepsBareNames } = internal({ dnsSearch: ['.'], dnsOptions: ['ndots:x', 'ndots', 'ndotsy'] }, 'nameserver 10.255.255.53\nsearch x\n');
    assert.match(text, /^nameserver 127\.0\.0\.11\noptions ndotsy ndots:0\n\n[^]*# Overrides: \[search options\]\n# Option ndots from: internal\n$/m);
    assert.equal(keepsBareNames, false);
  });
  test('the host’s search, options and other lines', () => {
    const { text, keepsBareNames } = internal({}, 'nameserver fe80::1%eth0\nsearch a b\noptions ndots:3\noptions rotate\nsortlist 10.0.0.0\n');
    assert.match(text, /^nameserver 127\.0\.0\.11\nsearch a b\noptions ndots:3 rotate\nsortlist 10\.0\.0\.0\n\n/m);
    assert.match(text, /ExtServers: \[host\(fe80::1%eth0\)\]\n# Overrides: \[\]\n# Option ndots from: host\n$/);
    assert.equal(keepsBareNames, true);
  });
  test('nobody to ask, or nobody that has an address', () => {
    const { text, servers } = internal({}, 'nameserver nine\n');
    assert.match(text, /\n# Used default nameservers\.\n# ExtServers: \[8\.8\.8\.8 8\.8\.4\.4\]\n# Invalid nameservers: \[nine\]\n/);
    assert.deepEqual(
      servers.map(({ address }) => address),
      ['8.8.8.8', '8.8.4.4'],
    );
  });
  for (const bad of [{ dns: ['nine'] }, { dns: ['fe80::1%a\nsearch evil'] }, { dnsSearch: ['a\nnameserver 6.6.6.6'] }, { dnsOptions: ['a b'] }]) {
    test(`refused: ${JSON.stringify(bad)}`, () => assert.throws(() => internal(bad, ''), { kind: 'invalid' }));
  }
});

test('a host’s file', () => {
  const text = '# by hand\n; too\n\tnameserver  10.0.0.1 ; first\nnameserver\nnameserver ::1\ndomain old\nsearch a\tb\noptions x\noptions y z\nsortlist 1\n';
  assert.deepEqual(parseResolvConf(text), { servers: ['10.0.0.1', '::1'], search: ['a', 'b'], options: ['x', 'y', 'z'], invalid: [], other: ['sortlist 1'] });
});
