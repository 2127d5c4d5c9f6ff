import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { query, readMessage } from '../../../test/support/dns-messages.ts';
import { addressBytes, reverseKey } from './address.ts';
import { answerFromZone } from './answer.ts';
import { encodeName, nameKey, parseQuery, type Query } from './message.ts';
import { ContainerZone, dnsNames, NetworkNames, viewedNetwork, type ViewedNetwork } from './zone.ts';

/** What real Docker 28.5 was asked, with these containers and names. */
const n1 = new NetworkNames('n1');
n1.put({ id: 'e1', names: ['web', 'Svc', 'db', '7bce7c2a6203', 'webhost.example.org'], ipv4: '172.18.0.2/16' });
n1.put({ id: 'e2', names: ['Web2', 'Svc', 'e010c50b750b'], ipv4: '172.18.0.3' });
const net6 = new NetworkNames('Net6');
net6.put({ id: 'e3', names: ['Web2', 'two', 'e010c50b750b'], ipv4: '172.19.0.2/16', ipv6: 'fdee:c74c:8325::2/64' });
net6.put({ id: 'e4', names: ['web6', 'Svc', 'f9900cf6c889', 'h6'], ipv4: '172.19.0.3/16', ipv6: 'fdee:c74c:8325::3/64' });
const dotted = new NetworkNames('dotted.net');
dotted.put({ id: 'e5', names: ['Web2', 'e010c50b750b'], ipv4: '172.21.0.2/16', ipv6: 'fdee:c74c:8325:1::2/64' });
/** Of container Web2. */
const NETWORKS: readonly ViewedNetwork[] = [viewedNetwork(net6), viewedNetwork(dotted), viewedNetwork(n1, [['Lnk', 'Web']])];
const zone = new ContainerZone(() => NETWORKS);

const text = (bytes: Buffer) => (bytes.length === 4 ? bytes.join('.') : bytes.toString('hex').replace(/(....)(?=.)/g, '$1:'));
const find = (name: string, family: 4 | 6 = 4, view = zone) => view.find(nameKey(name), family)?.map(text);

describe('names of a container’s networks', () => {
  const cases: [string, 4 | 6, string[] | undefined][] = [
    ['web', 4, ['172.18.0.2']],
    ['WEB', 4, ['172.18.0.2']],
    ['web', 6, []],
    ['db', 4, ['172.18.0.2']],
    ['sVC', 4, ['172.19.0.3']],
    ['svc', 6, ['fdee:c74c:8325:0000:0000:0000:0000:0003']],
    ['lnk', 4, ['172.18.0.2']],
    ['LNK', 4, ['172.18.0.2']],
    ['web.n1', 4, ['172.18.0.2']],
    ['lnk.n1', 4, ['172.18.0.2']],
    ['lnk.net6', 4, undefined],
    ['webhost', 4, undefined],
    ['webhost.example.org', 4, ['172.18.0.2']],
    ['webhost.example.org.n1', 4, ['172.18.0.2']],
    ['7bce7c2a6203', 4, ['172.18.0.2']],
    ['two', 4, ['172.19.0.2']],
    ['web2', 4, ['172.19.0.2']],
    ['web2.dotted.net', 4, ['172.21.0.2']],
    ['Web2.dotted.net', 6, ['fdee:c74c:8325:0001:0000:0000:0000:0002']],
    ['web2.n1', 6, []],
    ['web6.dotted.net', 4, undefined],
    ['n1', 4, undefined],
    ['nosuch', 4, undefined],
    ['', 4, undefined],
    ['.web', 4, undefined],
  ];
  for (const [name, family, expected] of cases) test(`${name} by IPv${family}`, () => assert.deepEqual(find(name, family), expected));

  test('those who share a name come first in turn, for each family by itself', () => {
    const shared = new NetworkNames('s');
    for (const last of [1, 2, 3]) shared.put({ id: `e${last}`, names: [`c-${last}`, 'web'], ipv4: `10.0.0.${last}`, ipv6: `fd00::${last}` });
    const view = new ContainerZone(() => [viewedNetwork(shared)]);
    const asked = Array.from({ length: 6 }, () => [find('web', 4, view)!, find('web', 6, view)!] as const);
    assert.deepEqual(
      asked.map(([[first]]) => first),
      ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.1', '10.0.0.2', '10.0.0.3'],
    );
    assert.equal(new Set(asked.slice(0, 3).map(([, [first]]) => first)).size, 3);
    for (const [all] of asked) assert.deepEqual(all.toSorted(), ['10.0.0.1', '10.0.0.2', '10.0.0.3']);
  });
  test('a link hides the name that is in its network', () => {
    const view = new ContainerZone(() => [viewedNetwork(n1, [['web', 'web2']])]);
    assert.deepEqual(find('web', 4, view), ['172.18.0.3']);
    const broken = new ContainerZone(() => [viewedNetwork(n1, [['web', 'gone']])]);
    assert.equal(find('web', 4, broken), undefined);
  });
});

test('what a container is called', () => {
  const id = `e010c50b750b${'0'.repeat(52)}`;
  assert.deepEqual(dnsNames({ id, name: 'web', hostname: 'webhost.example.org' }, ['Svc', 'db']), ['web', 'Svc', 'db', 'e010c50b750b', 'webhost.example.org']);
  assert.deepEqual(dnsNames({ id, name: 'web', hostname: 'e010c50b750b' }, ['web']), ['web', 'e010c50b750b']);
  assert.deepEqual(dnsNames({ id, name: 'web' }, []), ['web', 'e010c50b750b']);
});

describe('containers that come and go', () => {
  test('what goes is gone, with all its names and addresses', () => {
    const names = new NetworkNames('n');
    names.put({ id: 'a', names: ['one', 'svc', 'svc', 'SVC'], ipv4: '10.0.0.1', ipv6: 'fd00::1' });
    names.put({ id: 'b', names: ['two', 'svc'], ipv4: '10.0.0.2' });
    const view = new ContainerZone(() => [viewedNetwork(names)]);
    assert.equal(find('svc', 4, view)!.length, 2);
    names.remove('a');
    names.remove('a');
    assert.deepEqual([find('one', 4, view), find('svc', 4, view), find('svc', 6, view)], [undefined, ['10.0.0.2'], []]);
    assert.equal(view.nameOf(reverseKey(addressBytes('10.0.0.1')!)), undefined);
    assert.equal(view.nameOf(reverseKey(addressBytes('fd00::1')!)), undefined);
    names.remove('b');
    assert.equal(find('svc', 4, view), undefined);
  });
  test('another name in place of one, another container at the same address', () => {
    const names = new NetworkNames('n');
    const view = new ContainerZone(() => [viewedNetwork(names)]);
    names.put({ id: 'a', names: ['old'], ipv4: '10.0.0.1' });
    names.put({ id: 'a', names: ['new'], ipv4: '10.0.0.1' });
    assert.deepEqual([find('old', 4, view), find('new', 4, view)], [undefined, ['10.0.0.1']]);
    names.put({ id: 'b', names: ['next'], ipv4: '10.0.0.1' });
    names.remove('a');
    assert.deepEqual(view.nameOf('1.0.0.10.in-addr.arpa'), encodeName('next.n'));
  });
  test('the networks are those of the moment', () => {
    let networks: ViewedNetwork[] = [];
    const view = new ContainerZone(() => networks);
    assert.equal(find('web', 4, view), undefined);
    networks = [viewedNetwork(n1)];
    assert.deepEqual(find('web', 4, view), ['172.18.0.2']);
  });
});

describe('what is said', () => {
  const ask = (name: string, type: Parameters<typeof query>[1], view = zone) => {
    const asked = parseQuery(query(name, type)) as Query;
    const bytes = answerFromZone(asked, view, 512);
    return bytes === undefined ? undefined : readMessage(bytes).records.map(({ data, ttl }) => [ttl, data.toString('hex')]);
  };
  test('addresses for ten minutes', () => assert.deepEqual(ask('web', {}), [[600, 'ac120002']]));
  for (const type of ['AAAA', 'MX', 'TXT', 'SRV', 'HTTPS', 'PTR'] as const)
    test(`${type} of a name that has none: nothing, and no denial`, () => assert.deepEqual(ask('web', { type }), []));
  test('ANY: both families', () => assert.equal(ask('web6', { type: 'ANY' })!.length, 2));
  test('what is none of ours is not answered', () => {
    for (const type of ['A', 'AAAA', 'MX', 'TXT', 'PTR', 'ANY'] as const) assert.equal(ask('nosuch', { type }), undefined, type);
    assert.equal(ask('web', { class: 3 }), undefined);
    assert.equal(ask('1.0.18.172.in-addr.arpa', { type: 'PTR' }), undefined);
  });
  test('the names of addresses', () => {
    const name = (text: string) => encodeName(text)!.toString('hex');
    assert.deepEqual(ask('2.0.18.172.IN-ADDR.arpa', { type: 'PTR' }), [[600, name('web.n1')]]);
    assert.deepEqual(ask('3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.5.2.3.8.c.4.7.c.e.e.d.F.ip6.arpa', { type: 'PTR' }), [[600, name('web6.Net6')]]);
  });
  test('with search domains of his own a client tries them before anybody outside is asked', () => {
    const view = new ContainerZone(() => NETWORKS, true);
    assert.deepEqual([ask('nosuch', {}, view), ask('nosuch', { type: 'AAAA' }, view)], [[], []]);
    assert.deepEqual([ask('nosuch', { type: 'TXT' }, view), ask('nosuch.org', {}, view)], [undefined, undefined]);
    assert.deepEqual(ask('web', {}, view), [[600, 'ac120002']]);
  });
});

describe('addresses', () => {
  const cases: [string, string | undefined][] = [
    ['10.1.2.3', '0a010203'],
    ['10.1.2.3/24', '0a010203'],
    ['::', '0'.repeat(32)],
    ['::1', `${'0'.repeat(31)}1`],
    ['fe80::1%eth0', `fe80${'0'.repeat(27)}1`],
    ['1:2:3:4:5:6:7:8/64', '00010002000300040005000600070008'],
    ['1::', `0001${'0'.repeat(28)}`],
    ['::ffff:1.2.3.4', `${'0'.repeat(20)}ffff01020304`],
    ['64:ff9b::192.0.2.33', `0064ff9b${'0'.repeat(16)}c0000221`],
    ['web', undefined],
    ['', undefined],
  ];
  for (const [address, hex] of cases) test(JSON.stringify(address), () => assert.equal(addressBytes(address)?.toString('hex'), hex));
});
