import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PACKET, readPacket } from './file-packet.ts';
import { codec } from './messages.ts';

test('packets are read as protobuf writes them', () => {
  const { encode } = codec('fsutil.types.Packet');
  const stat = {
    path: 'dir/ä',
    mode: 2 ** 31 + 0o755,
    uid: 7,
    size: 5_000_000_000,
    modTime: 1_700_000_000_000_000_000,
    linkname: 'to',
    xattrs: { a: Buffer.from('b') },
  };
  assert.deepEqual(readPacket(encode({ type: PACKET.STAT, stat })), {
    type: PACKET.STAT,
    id: 0,
    data: new Uint8Array(0),
    stat: { path: 'dir/ä', mode: 2 ** 31 + 0o755, size: 5_000_000_000, modTime: 1_700_000_000_000_000_000, linkname: 'to' },
  });
  const data = readPacket(encode({ type: PACKET.DATA, ID: 300, data: Buffer.from('bytes') }));
  assert.deepEqual([data.type, data.id, Buffer.from(data.data).toString(), data.stat], [PACKET.DATA, 300, 'bytes', undefined]);
  assert.deepEqual(readPacket(new Uint8Array(0)), { type: 0, id: 0, data: new Uint8Array(0), stat: undefined });
});

test('times before 1970 come, to the microsecond', () => {
  const { encode } = codec('fsutil.types.Packet');
  const { stat } = readPacket(encode({ type: PACKET.STAT, stat: { path: 'old', modTime: -86_400_000_000_000 } }));
  assert.ok(Math.abs(stat!.modTime + 86_400_000_000_000) < 1000);
});

test('what is no packet is refused', () => {
  const broken = ['08', '08ff', '0affff', '12050a03', '0b', '22ff01', '2202', '120b08' + 'ff'.repeat(11), '0a0141', '1001', '2205' + '00'.repeat(4)];
  for (const hex of broken) assert.throws(() => readPacket(Buffer.from(hex, 'hex')), { kind: 'invalid' }, hex);
});

test('random bytes end in a packet or in a refusal', () => {
  let seed = 1;
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647);
  let refused = 0;
  for (let i = 0; i < 20_000; i++) {
    const bytes = Uint8Array.from({ length: random() % 24 }, () => random() % 256);
    try {
      readPacket(bytes);
    } catch (error) {
      assert.equal((error as { kind?: string }).kind, 'invalid');
      refused++;
    }
  }
  assert.ok(refused > 10_000);
});
