/** What we send, against what nft(8) 1.1 was seen to send for the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attributeTree } from '../../../test/support/netlink-tree.ts';
import { batchEnd, encodeChange } from './nftables-batch.ts';
import { decodeElements, encodeElements } from './nftables-elements.ts';
import { encodeStatements } from './nftables-expressions.ts';
import { encodeMessage, NLM } from './netlink-message.ts';
import { commentOf, UDATA } from './nftables-userdata.ts';
import type { NftChange, NftElement, NftSetType } from '../nftables-contract.ts';

const TABLE = { family: 'inet', table: 't' } as const;
const MAP = { key: ['inet_proto', 'ipv4_addr', 'inet_service'], data: ['ipv4_addr', 'inet_service'] } as const;
const RANGES = { key: ['ipv4_addr', 'inet_service'], interval: true } as const;
const NETS = { key: ['ipv4_addr'], interval: true } as const;
const VERDICTS = { key: ['ifname'], data: 'verdict' } as const;

/** `ignored`: attributes that nft sends and we do not, or whose value is free. */
function assertAsNft(change: NftChange, theirs: string, ignored: readonly string[] = []): void {
  const requests = encodeChange(change, 1);
  assert.equal(requests.length, 1);
  const parts = (message: Buffer) => ({
    type: message.readUInt16LE(4),
    append: message.readUInt16LE(6) & NLM.APPEND,
    header: message.subarray(16, 20).toString('hex'),
    attributes: Object.fromEntries(Object.entries(attributeTree(message.subarray(20))).filter(([path]) => !ignored.includes(path))),
  });
  assert.deepEqual(parts(encodeMessage(requests[0]!, 1)), parts(Buffer.from(theirs, 'hex')));
}

test('tables and chains', () => {
  const table = '40000000000a0100010000000000000001000000060001007400000008000200000000001c000600000668656c6c6f000104010107000208000000006ac73dd6';
  assertAsNft({ op: 'table-add', ...TABLE }, table, ['2', '6']);
  assertAsNft(
    { op: 'chain-add', ...TABLE, chain: 'c', base: { type: 'filter', hook: 'forward', priority: -5, policy: 'drop' } },
    '4c000000030a01040100000000000000010000000600010074000000060003006300000008000500000000000b00070066696c746572000014000480080001000000000208000200fffffffb',
  );
});

test('sets and maps, without the types of expressions that nft notes for itself', () => {
  assertAsNft(
    { op: 'set-add', ...TABLE, set: 'm', ...MAP },
    '94000000090a01040100000000000000010000000600010074000000060002006d0000000800030000000008080004000000c1cd080005000000000c08000600000001cd080007000000000808000a00000000013e000d00000400000000010400000000031200040d000000010a00000004040000000100041200040d000000010a000000040400000001000604000000000000',
    ['9', '13'],
  );
  assertAsNft(
    { op: 'set-add', ...TABLE, set: 's', ...RANGES },
    '84000000090a010401000000000000000100000006000100740000000600020073000000080003000000008408000400000001cd080005000000000808000a0000000001200009801c0002800c00018008000100000000040c00018008000100000000021e000d00000400000000031200040d000000010a000000040400000001000000',
    ['13'],
  );
  assertAsNft(
    { op: 'set-add', ...TABLE, set: 'v', ...VERDICTS },
    '80000000090a01040100000000000000010000000600010074000000060002007600000008000300000000080800040000000029080005000000001008000600ffffff00080007000000000008000a00000000012a000d0000040100000001040000000003080004040000000100040800040400000001000604000000000000',
    ['9', '13'],
  );
});

test('elements: concatenations, ranges of them, intervals, verdicts', () => {
  assertAsNft(
    { op: 'elements-add', ...TABLE, set: 'm', type: MAP, elements: [{ key: ['tcp', '10.0.0.1', 80], data: ['172.17.0.2', 8080] }] },
    '580000000c0a01040100000000000000010000000600010074000000060002006d00000008000400000000012c000380280001801400018010000100060000000a00000100500000100002800c000100ac1100021f900000',
    ['4'],
  );
  assertAsNft(
    { op: 'elements-add', ...TABLE, set: 's', type: RANGES, elements: [{ key: ['10.0.0.0/8', { from: 1, to: 1024 }] }] },
    '540000000c0a01040100000000000000010000000600010074000000060002007300000008000400000000022800038024000180100001800c0001000a0000000001000010000a800c0001000affffff04000000',
    ['4'],
  );
  assertAsNft(
    { op: 'elements-add', ...TABLE, set: 'v', type: VERDICTS, elements: [{ key: ['br0'], data: { jump: 'c' } }] },
    '640000000c0a01040100000000000000010000000600010074000000060002007600000008000400000000043800038034000180180001801400010062723000000000000000000000000000180002801400028008000100fffffffd0600020063000000',
    ['4'],
  );
  assertAsNft(
    { op: 'elements-delete', ...TABLE, set: 'm', type: MAP, elements: [{ key: ['tcp', '10.0.0.1', 80], data: ['172.17.0.2', 8080] }] },
    '400000000e0a01000100000000000000010000000600010074000000060002006d0000001c000380180001801400018010000100060000000a00000100500000',
  );
  // nft also sends the space before the first interval as one that ends at once; ours begins with the interval itself
  const [chunk] = encodeElements(NETS, [{ key: ['10.0.0.0/8'] }], true);
  assert.deepEqual(
    chunk!.map((item) => attributeTree(item)),
    [{ '1/1/1': '0a000000' }, { '1/1/1': '0b000000', '1/3': '00000001' }],
  );
});

test('rules', () => {
  assertAsNft(
    { op: 'rule-add', ...TABLE, chain: 'c', statements: [{ match: 'tcp dport', is: 80 }, { counter: true }, { verdict: 'accept' }], comment: 'x' },
    '24010000060a010c01000000000000000100000006000100740000000600020063000000f800048024000180090001006d6574610000000014000280080002000000001008000100000000012c00018008000100636d700020000280080001000000000108000200000000000c0003800500010006000000340001800c0001007061796c6f6164002400028008000100000000010800020000000002080003000000000208000400000000022c00018008000100636d700020000280080001000000000108000200000000000c0003800600010000500000140001800c000100636f756e7465720004000280300001800e000100696d6d6564696174650000001c0002800800010000000000100002800c00028008000100000000010800070000027800',
    ['7'],
  );
  assertAsNft(
    {
      op: 'rule-add',
      ...TABLE,
      chain: 'c',
      statements: [{ match: 'ip saddr', is: '172.16.0.0/12' }, { match: 'ct state', is: ['established', 'related'] }, { verdict: 'drop' }],
    },
    'dc010000060a010c01000000000000000100000006000100740000000600020063000000b801048024000180090001006d6574610000000014000280080002000000000f08000100000000012c00018008000100636d700020000280080001000000000108000200000000000c00038005000100020000003400018 00c0001007061796c6f6164002400028008000100000000010800020000000001080003000000000c0800040000000004440001800c0001006269747769736500340002800800010000000001080002000000000108000300000000040c00048008000100fff000000c00058008000100000000002c00018008000100636d700020000280080001000000000108000200000000000c00038008000100ac1000002000018007000100637400001400028008000200000000000800010000000001440001800c0001006269747769736500340002800800010000000001080002000000000108000300000000040c00048008000100060000000c00058008000100000000002c00018008000100636d700020000280080001000000000108000200000000010c0003800800010000000000300001800e000100696d6d6564696174650000001c0002800800010000000000100002800c0002800800010000000000'.replaceAll(
      ' ',
      '',
    ),
  );
  // nft's lookup names its set by an id too (4#5/2/4)
  assertAsNft(
    {
      op: 'rule-add',
      ...TABLE,
      chain: 'c',
      statements: [{ dnat: { ip: 'ip', map: { name: 'm', key: ['meta l4proto', 'ip daddr', 'th dport'], gives: 'address . port' } } }],
    },
    '68010000060a010c010000000000000001000000060001007400000006000200630000004401048024000180090001006d6574610000000014000280080002000000000f08000100000000012c00018008000100636d700020000280080001000000000108000200000000000c000380050001000200000024000180090001006d657461000000001400028008000200000000100800010000000001340001800c0001007061796c6f616400240002800800010000000009080002000000000108000300000000100800040000000004340001800c0001007061796c6f61640024000280080001000000000a080002000000000208000300000000020800040000000002340001800b0001006c6f6f6b757000002400028008000200000000010800030000000001060001006d000000080004000000000130000180080001006e617400240002800800010000000001080002000000000208000300000000010800050000000009',
    ['4/1#5/2/4'],
  );
});

test('what a rule cannot be', () => {
  assert.throws(() => encodeStatements('ip', [{ match: 'ip6 saddr', is: '::1' }]), /no ip6 saddr in a table of family ip/);
  assert.throws(() => encodeStatements('inet', [{ match: 'ip saddr', is: '::1' }]), /not an ipv4_addr: ::1/);
  assert.throws(() => encodeStatements('inet', [{ match: 'tcp dport', is: 65536 }]), /invalid inet_service: 65536/);
  assert.throws(() => encodeStatements('inet', [{ match: 'tcp dport', is: { from: 9, to: 8 } }]), /range ends before it begins/);
  assert.throws(() => encodeStatements('inet', [{ match: 'iifname', is: 'sixteen-letters-' }]), /invalid interface name/);
  assert.throws(() => encodeStatements('inet', [{ match: 'meta mark', is: { from: 1, to: 2 } }]), /no range of mark/);
  assert.throws(() => encodeStatements('inet', [{ match: 'meta l4proto', is: ['tcp', 'udp'] }]), /use a set/);
  assert.throws(() => encodeStatements('inet', [{ match: 'meta l4proto', is: 'constructor' }]), /invalid inet_proto/);
  assert.throws(() => encodeStatements('inet', [{ match: [], in: 's' }]), /nothing to look up/);
});

test('the test of the IP version is made once', () => {
  const names = (family: 'inet' | 'ip') =>
    encodeStatements(family, [
      { match: 'ip saddr', is: '10.0.0.1' },
      { match: 'ip daddr', is: '10.0.0.2' },
    ]).map((bytes) => attributeTree(bytes)['1']);
  const hex = (name: string): string => Buffer.from(`${name}\0`).toString('hex');
  assert.deepEqual(names('inet'), ['meta', 'cmp', 'payload', 'cmp', 'payload', 'cmp'].map(hex));
  assert.deepEqual(names('ip'), ['payload', 'cmp', 'payload', 'cmp'].map(hex));
});

test('elements come back as they were sent, neighbours and the ends of all addresses too', () => {
  const roundTrip = (type: NftSetType, elements: NftElement[]): NftElement[] =>
    decodeElements(
      type,
      encodeElements(type, elements, true).map((items) => Buffer.concat(items)),
    );
  const map: NftElement[] = [{ key: ['tcp', '10.0.0.1', 80], data: ['172.17.0.2', 8080], comment: 'c' }];
  assert.deepEqual(roundTrip(MAP, map), map);
  const nets: NftElement[] = [
    { key: [{ from: '0.0.0.0', to: '0.255.255.255' }] },
    { key: ['9.9.9.9'] },
    { key: [{ from: '10.0.0.0', to: '10.255.255.255' }] },
    { key: [{ from: '11.0.0.0', to: '11.255.255.255' }] },
    { key: [{ from: '255.255.255.254', to: '255.255.255.255' }] },
  ];
  assert.deepEqual(roundTrip(NETS, nets), nets);
  const backwards = encodeElements(NETS, nets, true).map((items) => Buffer.concat(items.toReversed()));
  assert.deepEqual(decodeElements(NETS, backwards), nets, 'in whatever order the kernel tells them');
  assert.deepEqual(
    roundTrip(VERDICTS, [
      { key: ['br0'], data: { goto: 'x' } },
      { key: ['br1'], data: 'drop' },
    ]),
    [
      { key: ['br0'], data: { goto: 'x' } },
      { key: ['br1'], data: 'drop' },
    ],
  );
  assert.throws(() => encodeElements(MAP, [{ key: ['tcp', '10.0.0.1'], data: [] }], true), /a key of 2 parts, 3 are wanted/);
  assert.throws(() => encodeElements(MAP, [{ key: ['tcp', '10.0.0.1', 1] }], true), /has no data/);
  assert.throws(() => encodeElements(NETS, [{ key: ['10.0.0.1'], data: 'drop' }], true), /a set has no data/);
  assert.throws(() => encodeElements(VERDICTS, [{ key: ['br0'], data: ['x'] }], true), /a verdict is wanted/);
});

test('many elements go into several messages, each small enough', () => {
  const elements = Array.from({ length: 3000 }, (_, port): NftElement => ({ key: ['tcp', '10.0.0.1', port], data: ['172.17.0.2', port] }));
  const chunks = encodeElements(MAP, elements, true);
  assert.ok(chunks.length > 1);
  assert.equal(chunks.flat().length, 3000);
  for (const chunk of chunks) assert.ok(Buffer.concat(chunk).length < 0xffff);
});

test('comments, and a batch begins and ends', () => {
  const [request] = encodeChange({ op: 'table-add', ...TABLE, comment: 'hello' }, 1);
  assert.equal(attributeTree(request!.body.subarray(4))['6'], '000668656c6c6f00');
  assert.equal(commentOf(Buffer.from('0001ff' + '000668656c6c6f00', 'hex'), UDATA.COMMENT), '\ufffd');
  assert.equal(commentOf(Buffer.from('0104ffffffff' + '000668656c6c6f00', 'hex'), UDATA.COMMENT), 'hello');
  assert.equal(commentOf(undefined, UDATA.COMMENT), undefined);
  assert.throws(() => encodeChange({ op: 'table-add', ...TABLE, comment: 'x'.repeat(128) }, 1), /comment longer than 127 bytes/);
  assert.equal(encodeMessage(batchEnd('BEGIN'), 0).toString('hex'), '14000000100001000000000000000000' + '0000000a');
});
