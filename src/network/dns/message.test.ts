import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { opt, query, readMessage, reply, wireName, words } from '../../../test/support/dns-messages.ts';
import { answers, encodeAnswer, encodeName, encodeStatus, nameKey, parseQuery, RCODE, TYPE, withId, type Fault } from './message.ts';

const parsed = (bytes: Buffer) => {
  const found = parseQuery(bytes);
  assert.ok(found !== undefined && !('rcode' in found), 'a query');
  return found;
};
const head = (questions = 1, additional = 0) => words(1, 0x0100, questions, 0, 0, additional);
const A_IN = words(1, 1);

describe('queries', () => {
  test('name, type, class and where the question ends', () => {
    const { key, type, class: of, questionEnd, ednsSize } = parsed(query('Web.Example', { type: 'AAAA' }));
    assert.deepEqual([key, type, of, questionEnd, ednsSize], ['web.example', 28, 1, 12 + 13 + 4, undefined]);
  });
  test('the root, and the longest name', () => {
    assert.equal(parsed(query('')).key, '');
    const longest = [63, 63, 63, 61].map((length) => 'x'.repeat(length)).join('.');
    assert.equal(parsed(query(longest)).key, longest);
    assert.deepEqual(parseQuery(query(`${longest}x`)), { rcode: RCODE.FORMERR, questionEnd: 12, ednsSize: undefined });
  });
  test('the size of EDNS, also after other records', () => {
    assert.equal(parsed(query('a', { edns: 4096 })).ednsSize, 4096);
    const other = Buffer.concat([wireName('b'), words(250, 255, 0, 0, 3), Buffer.from('sig')]);
    assert.equal(parsed(Buffer.concat([head(1, 2), wireName('a'), A_IN, opt(1400), other])).ednsSize, 1400);
  });
  test('dots in a label are none between labels', () => {
    const bytes = Buffer.concat([head(), Buffer.of(3), Buffer.from('a.b'), Buffer.of(0), A_IN]);
    assert.notEqual(parsed(bytes).key, nameKey('a.b'));
  });
  test('bytes of names that are no ASCII are compared as they are', () => {
    const bytes = Buffer.concat([head(), Buffer.of(4), Buffer.from('Äb'), Buffer.from('C'), Buffer.of(0), A_IN]);
    assert.equal(parsed(bytes).key, nameKey('ÄbC.'));
    assert.notEqual(nameKey('ä'), nameKey('Ä'));
  });
});

describe('what is malformed', () => {
  test('no answer at all', () => {
    assert.equal(parseQuery(Buffer.alloc(11)), undefined);
    assert.equal(parseQuery(reply(query('a'), [])), undefined);
  });
  const faults: [string, Buffer, Fault['rcode']][] = [
    ['no question', head(0), RCODE.FORMERR],
    ['two questions', Buffer.concat([head(2), wireName('a'), A_IN, wireName('b'), A_IN]), RCODE.FORMERR],
    ['a name that goes on after the end', Buffer.concat([head(), Buffer.of(9, 97)]), RCODE.FORMERR],
    ['a name without an end', Buffer.concat([head(), Buffer.of(1, 97)]), RCODE.FORMERR],
    ['a name that points to itself', Buffer.concat([head(), Buffer.of(0xc0, 12), A_IN]), RCODE.FORMERR],
    ['a label of a kind that does not exist', Buffer.concat([head(), Buffer.of(0x41, 97, 0), A_IN]), RCODE.FORMERR],
    ['no type', Buffer.concat([head(), wireName('a'), words(1)]), RCODE.FORMERR],
    ['records that are not there', Buffer.concat([head(1, 1), wireName('a'), A_IN]), RCODE.FORMERR],
    ['a record that goes on after the end', Buffer.concat([head(1, 1), wireName('a'), A_IN, wireName('b'), words(1, 1, 0, 0, 5), Buffer.of(1)]), RCODE.FORMERR],
    ['EDNS twice', Buffer.concat([head(1, 2), wireName('a'), A_IN, opt(512), opt(512)]), RCODE.FORMERR],
    ['EDNS of a name', Buffer.concat([head(1, 1), wireName('a'), A_IN, Buffer.of(1, 97), opt(512)]), RCODE.FORMERR],
    ['an update', query('a', { flags: 5 << 11 }), RCODE.NOTIMP],
    ['EDNS of a version to come', query('a', { edns: 1232, ednsVersion: 1 }), RCODE.BADVERS],
    ['a transfer of the zone', query('a', { type: 'AXFR' }), RCODE.REFUSED],
  ];
  for (const [what, bytes, rcode] of faults) {
    test(what, () => {
      const fault = parseQuery(bytes) as Fault;
      assert.equal(fault.rcode, rcode);
      const said = readMessage(encodeStatus(bytes, fault, fault.rcode));
      assert.equal(said.rcode, rcode & 0xf);
      assert.equal(said.id, bytes.readUInt16BE(0));
      assert.equal(said.flags & 0x8000, 0x8000);
      if (rcode === RCODE.BADVERS) assert.equal(said.records[0]!.ttl >>> 24, 1);
    });
  }
});

describe('answers', () => {
  const records = (count: number) => Array.from({ length: count }, (_, index) => ({ type: TYPE.A, data: Buffer.of(10, 0, 0, index) }));
  test('the question as it was asked, the records under its name', () => {
    const said = readMessage(encodeAnswer(parsed(query('WeB', { id: 7 })), records(2), 600, 512));
    assert.deepEqual([said.id, said.flags, said.question, said.counts], [7, 0x8180, 'WeB', [1, 2, 0, 0]]);
    assert.deepEqual(said.records[1], { name: 'WeB', type: 1, class: 1, ttl: 600, data: Buffer.of(10, 0, 0, 1) });
  });
  test('recursion is desired only if it was', () => assert.equal(readMessage(encodeAnswer(parsed(query('a', { flags: 0 })), [], 1, 512)).flags, 0x8080));
  test('EDNS is spoken to who speaks it', () => {
    const said = readMessage(encodeAnswer(parsed(query('a', { edns: 4096 })), records(1), 600, 512));
    assert.deepEqual(
      said.records.map(({ type }) => type),
      [1, 41],
    );
    assert.equal(said.records[1]!.name, '');
  });
  for (const [limit, edns] of [
    [512, undefined],
    [600, 600],
  ] as const) {
    test(`what does not fit in ${limit} bytes is left out, and it is said`, () => {
      const asked = parsed(query('name', edns === undefined ? {} : { edns }));
      const bytes = encodeAnswer(asked, records(100), 600, limit);
      const said = readMessage(bytes);
      assert.ok(bytes.length <= limit && bytes.length > limit - 16);
      assert.equal(said.truncated, true);
      assert.equal(readMessage(encodeAnswer(asked, records(said.counts[1]!), 600, limit)).truncated, false);
    });
  }
});

test('an answer belongs to a query by its id and its question', () => {
  const bytes = query('web.example');
  const asked = parsed(bytes);
  const good = reply(bytes, [{ data: Buffer.of(1, 2, 3, 4) }]);
  const is = (message: Buffer) => answers(message, asked, 0x1234);
  assert.equal(is(good), true);
  assert.equal(is(reply(query('WEB.example'), [])), true);
  for (const [what, bad] of Object.entries({
    id: withId(good, 0x1235),
    name: reply(query('web.example.evil'), []),
    type: reply(query('web.example', { type: 'AAAA' }), []),
    class: reply(query('web.example', { class: 3 }), []),
    'a query': bytes,
    short: good.subarray(0, 11),
    cut: good.subarray(0, 20),
    'no question, and all is well': words(0x1234, 0x8180, 0, 0, 0, 0),
  }))
    assert.equal(is(bad), false, what);
  assert.equal(is(words(0x1234, 0x8181, 0, 0, 0, 0)), true, 'a server that did not understand');
});

test('names for messages', () => {
  assert.deepEqual(encodeName('web.Net6'), wireName('web.Net6'));
  for (const bad of ['', 'a..b', 'x'.repeat(64), Array(50).fill('abcde').join('.')]) assert.equal(encodeName(bad), undefined, bad);
});
