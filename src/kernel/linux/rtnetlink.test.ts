/** What we send, against what ip(8) of iproute2 6.1 was seen to send for the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attributeTree } from '../../../test/support/netlink-tree.ts';
import { encodeMessage, NLM } from './netlink-message.ts';
import type { NetlinkRequest } from './netlink-message.ts';
import { decodeLink, newLink, setBridgePort, setLink } from './rtnetlink-links.ts';
import { addressRequest, neighbourRequest, routeRequest } from './rtnetlink-routes.ts';

/** ip(8) does not flag what is nested. */
const NESTED = ['18', '18/2', '18/5', '26', '26/10'];

const indexOf = (link: string | number): number => (typeof link === 'number' ? link : 6);

/** `size`: of the family's struct. */
function assertAsIp(request: NetlinkRequest, theirs: string, size: number, ignored?: string): void {
  const parts = (message: Buffer) => ({
    type: message.readUInt16LE(4),
    flags: message.readUInt16LE(6) & ~NLM.ACK,
    header: message.subarray(16, 16 + size).toString('hex'),
    attributes: Object.fromEntries(Object.entries(attributeTree(message.subarray(16 + size), NESTED)).filter(([path]) => path !== ignored)),
  });
  assert.deepEqual(parts(encodeMessage(request, 1)), parts(Buffer.from(theirs, 'hex')));
}

test('new links', () => {
  assertAsIp(
    newLink({ kind: 'bridge', name: 'br0', multicastSnooping: false }, indexOf),
    '540000001000050681a7076b000000000000000000000000000000000000000008000300627230002c0012000a00010062726964676500001c000200080001000000000008000500000000000500170000000000',
    16,
  );
  assertAsIp(
    newLink({ kind: 'veth', name: 'v0', mtu: 1400, mac: '02:00:00:00:00:01', peer: { name: 'eth0' } }, indexOf),
    '6c0000001000050681a7076b000000000000000000000000000000000000000008000400780500000a00010002000000000100000700030076300000300012000800010076657468240002002000010000000000000000000000000000000000090003006574683000000000',
    16,
  );
  assertAsIp(
    newLink({ kind: 'vlan', name: 'vl', parent: 'd0', id: 5 }, indexOf),
    '480000001000050689a7076b0000000000000000000000000000000000000000080005000600000007000300766c00001800120008000100766c616e0c0002000600010005000000',
    16,
  );
  assertAsIp(
    newLink({ kind: 'macvlan', name: 'mv', parent: 'd0', mode: 'vepa' }, indexOf),
    '4c0000001000050689a7076b00000000000000000000000000000000000000000800050006000000070003006d7600001c0012000b0001006d6163766c616e000c0002000800010002000000',
    16,
  );
  assertAsIp(
    newLink({ kind: 'ipvlan', name: 'iv', parent: 'd0', mode: 'l3', flag: 'private' }, indexOf),
    '540000001000050689a7076b000000000000000000000000000000000000000008000500060000000700030069760000240012000a0001006970766c616e00001400020006000100010000000600020001000000',
    16,
  );
  assert.throws(() => newLink({ kind: 'vlan', name: 'vl', parent: 1, id: 4096 }, indexOf), { kind: 'invalid' });
});

test('links that are there', () => {
  // ours is RTM_SETLINK (19) where ip sends RTM_NEWLINK (16) without NLM_F_CREATE: the kernel does the same for both
  const [up] = setLink(6, { up: true }, indexOf) as [NetlinkRequest];
  assertAsIp({ ...up, type: 16 }, '200000001000050089a7076b0000000000000000060000000100000001000000', 16);
  const [master] = setLink(4, { master: 2 }, indexOf) as [NetlinkRequest];
  assertAsIp({ ...master, type: 16 }, '280000001000050089a7076b000000000000000004000000000000000000000008000a0002000000', 16);
  const [alias] = setLink(6, { alias: 'hello' }, indexOf) as [NetlinkRequest];
  assertAsIp({ ...alias, type: 16 }, '2c0000001000050089a7076b00000000000000000600000000000000000000000900140068656c6c6f000000', 16);
  assertAsIp(
    setBridgePort(4, { hairpin: true, isolated: true, flood: false, learning: false }),
    '580000001000050089a7076b000000000000000004000000000000000000000038001200100001006272696467655f736c617665240005000500040001000000050021000100000005000900000000000500080000000000',
    16,
    '18/1', // `bridge_slave`, which the kernel does not look at
  );
});

test('a link is set down and its IPv6 told before anything else, and up after all', () => {
  const flags = (request: NetlinkRequest): string => request.body.subarray(8, 16).toString('hex');
  assert.deepEqual(setLink(6, { up: false, name: 'x' }, indexOf).map(flags), ['0000000001000000', '0000000000000000']);
  assert.deepEqual(setLink(6, { up: true, name: 'x' }, indexOf).map(flags), ['0100000001000000']);
  assert.deepEqual(setLink(6, { up: true, ipv6LinkLocal: 'none' }, indexOf).map(flags), ['0000000000000000', '0100000001000000']);
  assert.deepEqual(attributeTree(setLink(6, { ipv6LinkLocal: 'none' }, indexOf)[0]!.body.subarray(16)), { '26/10/8': '01' });
  assert.equal(setLink(6, { up: true, ipv6LinkLocal: 'none', namespace: { fd: 9 } }, indexOf).length, 1);
  assert.deepEqual(setLink(6, {}, indexOf), []);
});

test('addresses, routes and neighbours', () => {
  assertAsIp(
    addressRequest('NEW', { link: 'd0', address: '172.17.0.2/16', broadcast: '172.17.255.255' }, indexOf),
    '300000001400050689a7076b00000000021000000600000008000200ac11000208000400ac11ffff08000100ac110002',
    8,
  );
  // ip puts IFA_F_NODAD (2) into the header too, where there is room for the first eight flags only
  const nodad = addressRequest('NEW', { link: 'd0', address: 'fd00::2/64', nodad: true }, indexOf);
  assert.deepEqual(attributeTree(nodad.body.subarray(8)), { 1: 'fd000000000000000000000000000002', 2: 'fd000000000000000000000000000002', 8: '02000000' });
  assertAsIp(
    routeRequest('NEW', { to: '10.1.0.0/16', via: '172.17.0.1' }, indexOf),
    '2c0000001800050689a7076b0000000002100000fe04000100000000080001000a01000008000500ac110001',
    12,
  );
  assertAsIp(
    routeRequest('NEW', { to: 'default', via: 'fd00::1' }, indexOf),
    '300000001800050689a7076b000000000a000000fe0400010000000014000500fd000000000000000000000000000001',
    12,
  );
  assertAsIp(routeRequest('DELETE', { to: '10.1.2.3/16' }, indexOf), '240000001900050089a7076b0000000002100000fe00ff0000000000080001000a010000', 12);
  assertAsIp(
    neighbourRequest('NEW', { link: 'd0', address: '172.17.0.9', mac: '02:00:00:00:00:09' }, indexOf),
    '300000001c0005058aa7076b0000000002000000060000008000000008000100ac1100090a0002000200000000090000',
    12,
  );
  assert.throws(() => routeRequest('NEW', { to: 'default', link: 'd0' }, indexOf), /neither a gateway nor a family/);
  assert.throws(() => routeRequest('NEW', { to: '10.0.0.0/8', family: 'inet6' }, indexOf), /not an address of inet6/);
});

test('names that no interface can have, or that the kernel would make another of', () => {
  for (const name of ['', '.', '..', 'a/b', 'a b', 'a:b', 'eth%d', 'a\0b', 'sixteen-letters-', 'ü'.repeat(8)]) {
    assert.throws(() => newLink({ kind: 'dummy', name }, indexOf), { kind: 'invalid' }, name);
    assert.throws(() => newLink({ kind: 'veth', name: 'v0', peer: { name } }, indexOf), { kind: 'invalid' }, name);
    assert.throws(() => setLink(6, { name }, indexOf), { kind: 'invalid' }, name);
  }
  newLink({ kind: 'dummy', name: 'fifteen-letters' }, indexOf);
  for (const more of [{ alias: 'x' }, { master: 'br0' }]) {
    assert.throws(() => newLink({ kind: 'dummy', name: 'd0', namespace: { fd: 9 }, ...more }, indexOf), /neither alias nor master/);
  }
});

test('a link as the kernel tells it', () => {
  const { body } = newLink({ kind: 'veth', name: 'v0', mtu: 1400, mac: '02:00:00:00:00:01', peer: { name: 'eth0' }, up: true }, indexOf);
  body.writeInt32LE(17, 4);
  body.writeUInt32LE(0x10001, 8);
  assert.deepEqual(decodeLink({ type: 16, flags: 0, sequence: 1, body }), {
    index: 17,
    name: 'v0',
    kind: 'veth',
    mac: '02:00:00:00:00:01',
    loopback: false,
    up: true,
    running: true,
    mtu: 1400,
    master: undefined,
    alias: undefined,
    peer: undefined,
    peerNamespace: undefined,
  });
});
