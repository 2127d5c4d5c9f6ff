import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressBytes, addressText, macBytes, macText, maskBytes, parsePrefix, prefixRange } from './ip-bytes.ts';

test('addresses to bytes and back, as RFC 5952 writes them', () => {
  const texts = [
    '0.0.0.0',
    '172.17.0.2',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    '2001:db8::1:0:0:1',
    '1:2:3:4:5:6:7:8',
    '1:0:2:3:4:5:6:7',
    '2001:db8::',
    '::ffff:10.0.0.1',
  ];
  for (const text of texts) assert.equal(addressText(addressBytes(text)), text);
  assert.equal(addressBytes('2001:DB8::A').toString('hex'), '20010db800000000000000000000000a');
  assert.equal(addressBytes('64:ff9b::192.0.2.33').toString('hex'), '0064ff9b0000000000000000c0000221');
});

test('what is no address is refused', () => {
  for (const text of ['', '1.2.3', '1.2.3.4.5', '256.1.1.1', ':::', 'fe80::1%eth0', '1::2::3', 'localhost', '10.0.0.1/8']) {
    assert.throws(() => addressBytes(text), { kind: 'invalid' }, text);
  }
});

test('prefixes: their lengths, masks and ends', () => {
  assert.deepEqual(parsePrefix('10.1.2.3/8'), { bytes: Buffer.of(10, 1, 2, 3), length: 8 });
  assert.equal(parsePrefix('10.1.2.3').length, 32);
  for (const text of ['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '::/129', '10.0.0.0/8x', '10.0.0.0/1e1'])
    assert.throws(() => parsePrefix(text), { kind: 'invalid' }, text);
  assert.deepEqual(maskBytes(20, 4), Buffer.of(255, 255, 240, 0));
  assert.deepEqual(maskBytes(0, 4), Buffer.of(0, 0, 0, 0));
  assert.deepEqual(maskBytes(32, 4), Buffer.of(255, 255, 255, 255));
  const range = prefixRange(parsePrefix('172.18.3.4/20'));
  assert.equal(addressText(range.first), '172.18.0.0');
  assert.equal(addressText(range.last), '172.18.15.255');
});

test('MAC addresses', () => {
  assert.equal(macText(macBytes('02:42:AC:11:00:02')), '02:42:ac:11:00:02');
  for (const text of ['', '02:42:ac:11:00', '02-42-ac-11-00-02', '02:42:ac:11:00:0g']) assert.throws(() => macBytes(text), { kind: 'invalid' }, text);
});
