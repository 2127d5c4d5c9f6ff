import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SearchQuery } from './query.ts';

test('values as Docker reads them', () => {
  const query = new SearchQuery('a=1&b=%C3%A9+x&a=2&empty=&bare&c%3D=d=e&&no=False&none=%20none%20&maybe=maybe');
  assert.equal(query.text('a'), '1');
  assert.deepEqual(query.list('a'), ['1', '2']);
  assert.deepEqual(query.list('nope'), []);
  assert.equal(query.text('b'), 'é x');
  assert.equal(query.text('empty'), '');
  assert.equal(query.text('bare'), '');
  assert.equal(query.text('c='), 'd=e');
  assert.equal(query.text('__proto__'), undefined);
  assert.deepEqual(
    ['a', 'no', 'none', 'empty', 'bare', 'maybe', 'nope'].map((name) => query.flag(name)),
    [true, false, false, false, false, true, false],
  );
  assert.equal(query.flag('nope', true), true);
  assert.equal(query.flag('empty', true), false);
});

test('integers', () => {
  const query = new SearchQuery('a=-5&b=&c=1.5&d=abc&e=99999999999999999999&f=+5&g=%2B5');
  assert.equal(query.integer('a'), -5);
  assert.equal(query.integer('b'), undefined);
  assert.equal(query.integer('nope'), undefined);
  assert.equal(query.integer('g'), 5);
  assert.throws(() => query.integer('c'), { kind: 'invalid', message: 'strconv.Atoi: parsing "1.5": invalid syntax' });
  assert.throws(() => query.integer('d'), { message: 'strconv.Atoi: parsing "abc": invalid syntax' });
  assert.throws(() => query.integer('e'), { message: 'strconv.Atoi: parsing "99999999999999999999": value out of range' });
  assert.throws(() => query.integer('f'), { kind: 'invalid' });
});

test('filters, in both forms', () => {
  const filters = (value: string) => ({ ...new SearchQuery(`filters=${encodeURIComponent(value)}`).filters() });
  assert.deepEqual(filters('{"label":["a=b","c","c"],"status":[]}'), { label: ['a=b', 'c'], status: [] });
  assert.deepEqual(filters('{"label":{"a=b":true,"c":false},"x":null}'), { label: ['a=b', 'c'], x: [] });
  assert.deepEqual(filters('null'), {});
  assert.deepEqual(filters(''), {});
  assert.deepEqual({ ...new SearchQuery('').filters() }, {});
  for (const bad of ['abc', '[1]', '5', '{"a":"b"}', '{"a":[1]}', '{"a":{"b":1}}', '{"a":["b"],"c":{"d":true}}']) {
    assert.throws(() => filters(bad), { kind: 'invalid', message: 'invalid filter' }, bad);
  }
});

test('what is no escape is refused', () => {
  assert.throws(() => new SearchQuery('a=%zz').text('a'), { kind: 'invalid', message: 'invalid URL escape "%zz"' });
  assert.throws(() => new SearchQuery('a=b%2').text('x'), { message: 'invalid URL escape "%2"' });
  assert.throws(() => new SearchQuery('a=%ff').text('x'), { kind: 'invalid' });
  assert.throws(() => new SearchQuery('a=1;b=2').text('x'), { message: 'invalid semicolon separator in query' });
});
