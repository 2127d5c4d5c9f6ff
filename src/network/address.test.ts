import assert from 'node:assert/strict';
import { BlockList, isIP } from 'node:net';
import { randomInt } from 'node:crypto';
import { describe, test } from 'node:test';
import { contains, covers, formatAddress, formatPrefix, lastOf, overlaps, parseAddress, parseCidr, sizeOf, type Prefix } from './address.ts';

const prefix = (text: string): Prefix => parseCidr(text)!.prefix;

describe('addresses', () => {
  test('both ways', () => {
    for (const text of ['0.0.0.0', '10.1.2.3', '255.255.255.255', '::', '::1', 'fd00::', 'fe80::1:0:0:1', '1:2:3:4:5:6:7:8', '1:0:0:2::3', '::2:0:0:0:0:3'])
      assert.equal(formatAddress(parseAddress(text)!), text.replace('::2:0:0:0:0:3', '0:0:2::3'));
    assert.equal(formatAddress(parseAddress('FD00:0001:0000::00aB')!), 'fd00:1::ab');
    assert.equal(formatAddress(parseAddress('64:ff9b::192.0.2.33')!), '64:ff9b::c000:221');
    assert.deepEqual(parseAddress('::ffff:10.0.0.1'), parseAddress('10.0.0.1'));
    assert.equal(parseAddress('::ffff:10.0.0.1')!.family, 4);
  });

  test('what is none', () => {
    for (const text of ['', 'x', '10.1.2', '10.1.2.256', '010.1.2.3', '10.1.2.3/24', '1::2::3', 'fe80::1%eth0', '12345::', ':', '10.1.2.3 '])
      assert.equal(parseAddress(text), undefined, text);
  });

  test('many, against node:net', () => {
    for (let count = 0; count < 500; count++) {
      const groups = Array.from({ length: 8 }, () => (randomInt(3) === 0 ? randomInt(65_536) : 0));
      const text = groups.map((group) => group.toString(16)).join(':');
      const shown = formatAddress(parseAddress(text)!);
      assert.equal(isIP(shown) !== 0, true, shown);
      assert.deepEqual(parseAddress(shown), parseAddress(text), `${text} ${shown}`);
    }
  });
});

describe('subnets', () => {
  test('as they are written, and what is none', () => {
    assert.deepEqual(parseCidr('10.1.2.3/24'), { prefix: { family: 4, first: 0x0a01_0200n, length: 24 }, address: { family: 4, value: 0x0a01_0203n } });
    assert.equal(formatPrefix(prefix('fd00:1:2:3:4::/64')), 'fd00:1:2:3::/64');
    assert.equal(formatPrefix(prefix('255.255.255.255/0')), '0.0.0.0/0');
    for (const text of ['', '10.0.0.0', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/08', '::/129', '::ffff:10.0.0.0/120', '/8', '10.0.0.0/8/8', ' 10.0.0.0/8'])
      assert.equal(parseCidr(text), undefined, text);
  });

  test('size, ends, and who is in whom', () => {
    assert.deepEqual([sizeOf(prefix('10.0.0.0/30')), sizeOf(prefix('fd00::/64'))], [4n, 1n << 64n]);
    assert.equal(formatAddress({ family: 4, value: lastOf(prefix('10.0.0.0/30')) }), '10.0.0.3');
    assert.deepEqual([covers(prefix('10.0.0.0/8'), prefix('10.9.0.0/16')), covers(prefix('10.9.0.0/16'), prefix('10.0.0.0/8'))], [true, false]);
    assert.deepEqual([overlaps(prefix('10.9.0.0/16'), prefix('10.0.0.0/8')), overlaps(prefix('10.0.0.0/16'), prefix('10.1.0.0/16'))], [true, false]);
    assert.equal(overlaps(prefix('0.0.0.0/0'), prefix('::/0')), false);
  });

  test('many, against node:net', () => {
    for (let count = 0; count < 500; count++) {
      const [length, first] = [randomInt(33), randomInt(2 ** 32)];
      const subnet = prefix(`${formatAddress({ family: 4, value: BigInt(first) })}/${length}`);
      const list = new BlockList();
      list.addSubnet(formatAddress({ family: 4, value: subnet.first }), length, 'ipv4');
      const near = subnet.first + BigInt(randomInt(8)) - 4n;
      const value = near < 0n ? 0n : near & 0xffff_ffffn;
      assert.equal(contains(subnet, { family: 4, value }), list.check(formatAddress({ family: 4, value }), 'ipv4'), `${formatPrefix(subnet)} ${value}`);
    }
  });
});
