import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  attribute,
  attributeList,
  decodeAttributes,
  decodeFailure,
  decodeMessages,
  encodeMessage,
  nested,
  NLM,
  NLMSG,
  text,
  textOf,
  u16,
  u32,
  u32be,
  u64be,
  u8,
} from './netlink-message.ts';

test('a message: its length without the filling, its bytes with it', () => {
  const message = encodeMessage({ type: 0x10, flags: NLM.ACK, body: Buffer.from('abcde') }, 7);
  assert.equal(message.toString('hex'), '15000000' + '1000' + '0500' + '07000000' + '00000000' + '6162636465000000');
  assert.deepEqual(
    decodeMessages(Buffer.concat([message, message])).map(({ type, flags, sequence, body }) => [type, flags, sequence, body.toString()]),
    [
      [0x10, 5, 7, 'abcde'],
      [0x10, 5, 7, 'abcde'],
    ],
  );
});

test('messages that are cut off or say a wrong length are refused', () => {
  const message = encodeMessage({ type: 0x10, flags: 0, body: Buffer.alloc(8) }, 1);
  assert.throws(() => decodeMessages(message.subarray(0, 20)), /message of 24 bytes at 0 of 20/);
  assert.throws(() => decodeMessages(message.subarray(0, 10)), /at 0 of 10/);
  assert.throws(() => decodeMessages(Buffer.concat([message, Buffer.alloc(16)])), /message of 0 bytes at 24/);
});

test('attributes: aligned, nested ones flagged', () => {
  assert.equal(attribute(3, text('lo')).toString('hex'), '070003006c6f0000');
  assert.equal(attribute(4, u8(9)).toString('hex'), '0500040009000000');
  assert.equal(nested(18, [attribute(1, u16(5)), attribute(2, u32(6))]).toString('hex'), '14001280' + '0600010005000000' + '0800020006000000');
  assert.equal(attribute(2, u32be(-1)).toString('hex'), '08000200ffffffff');
  assert.equal(attribute(6, u64be(0x0102030405060708n)).toString('hex'), '0c0006000102030405060708');
  assert.throws(() => attribute(1, Buffer.alloc(0x10000)), /attribute 1 of 65536 bytes/);
  assert.throws(() => text('eth\0x'), { kind: 'invalid' });
});

test('attributes read: nested flag taken off, repeated ones in order, broken ones refused', () => {
  const bytes = Buffer.concat([nested(5, [attribute(1, u32(2))]), attribute(1, text('a')), attribute(1, text('b'))]);
  const attributes = decodeAttributes(bytes);
  assert.equal(decodeAttributes(attributes.get(5)!).get(1)!.readUInt32LE(0), 2);
  assert.equal(textOf(attributes.get(1)!), 'b');
  assert.deepEqual(
    attributeList(bytes).map(([type]) => type),
    [5, 1, 1],
  );
  assert.throws(() => decodeAttributes(Buffer.from('0300010000000000', 'hex')), /attribute of 3 bytes/);
  assert.throws(() => decodeAttributes(Buffer.from('0900010000000000', 'hex')), /attribute of 9 bytes at 0 of 8/);
});

test("a failure, with the kernel's explanation, behind a request that comes back whole or as its header", () => {
  const error = Buffer.from('ecffffff', 'hex'); // -20
  const request = encodeMessage({ type: 0x10, flags: 0, body: Buffer.from('abc') }, 1);
  const explanation = attribute(1, text('no way'));
  const decode = (flags: number, ...body: Buffer[]) => decodeFailure({ type: NLMSG.ERROR, flags, sequence: 1, body: Buffer.concat(body) });
  assert.deepEqual(decode(0, error, request), { errno: 20, explanation: undefined });
  assert.deepEqual(decode(NLM.ACK_TLVS, error, request, explanation), { errno: 20, explanation: 'no way' });
  assert.deepEqual(decode(NLM.ACK_TLVS | NLM.CAPPED, error, request.subarray(0, 16), explanation), { errno: 20, explanation: 'no way' });
  assert.deepEqual(decode(0, Buffer.alloc(4), request), { errno: 0, explanation: undefined });
});
