import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../base/errors.ts';
import { choice, decode, type Decoded, flag, int64, list, map, optional, pair, partial, struct, text, textMap, texts, uint, uint16, words } from './decode.ts';

const shape = partial('demo.Config', {
  Name: text(),
  Mode: text('demo.Mode'),
  On: flag,
  Size: int64,
  Weight: uint16,
  Cmd: words,
  Env: texts,
  Labels: textMap,
  Sets: map(struct('struct {}', {})),
  Window: pair(uint),
  Disk: struct('demo.Disk', { Path: text(), Rate: int64, Note: optional(text()) }),
  Disks: list(struct('demo.Disk', { Path: text() }), '[]*demo.Disk'),
  Grid: list(texts),
  Colour: choice('demo.Colour', ['', 'red'], (colour) => `no such colour: ${colour}`),
});

// the types are the shape's: this file does not compile otherwise
const typed: Decoded<typeof shape> = { Name: 'x', Cmd: ['a'], Disk: { Path: '/', Rate: 1 }, Colour: 'red' };
// @ts-expect-error: of a struct everything but the optional is there
const lacking: Decoded<typeof shape> = { Disk: { Path: '/' } };
// @ts-expect-error: a choice is one of its words
const wrong: Decoded<typeof shape> = { Colour: 'blue' };
// @ts-expect-error: numbers are no strings
const number: Decoded<typeof shape> = { Size: '5' };

test('what is there is kept, in any case; the rest is as if absent', () => {
  assert.deepEqual(decode(shape, typed), typed);
  assert.deepEqual(decode(shape, lacking), { Disk: { Path: '/', Rate: 0 } });
  assert.throws(() => decode(shape, wrong), /^EngineError: no such colour: blue$/);
  assert.throws(() => decode(shape, number), EngineError);
  assert.deepEqual(decode(shape, { name: 'a', LABELS: { A: 'b' }, unknown: 1, On: null, sIZE: -0 }), { Name: 'a', Labels: { A: 'b' }, Size: 0 });
  assert.deepEqual(decode(shape, { Name: 'a', name: 'b' }), { Name: 'b' });
  assert.deepEqual(decode(shape, null), {});
  assert.deepEqual(decode(shape, undefined), {});
});

test('null in a list or a map is the zero value, a command may be one string, pairs are filled up and cut off', () => {
  assert.deepEqual(decode(shape, { Env: [null, 'a'], Labels: { a: null }, Disks: [null], Grid: [null, ['x', null]], Sets: { b: null } }), {
    Env: ['', 'a'],
    Labels: { a: '' },
    Disks: [{ Path: '' }],
    Grid: [[], ['x', '']],
    Sets: { b: {} },
  });
  assert.deepEqual(decode(shape, { Cmd: 'sh -c', Window: [5] }), { Cmd: ['sh -c'], Window: [5, 0] });
  assert.deepEqual(decode(shape, { Cmd: [null, 'x'], Window: [1, 2, 'three'] }), { Cmd: ['', 'x'], Window: [1, 2] });
});

test('names that mean something to JavaScript are names like others', () => {
  const given: unknown = JSON.parse('{"Labels":{"__proto__":"x","constructor":"y"},"__proto__":{"Name":"z"},"hasOwnProperty":1,"toString":2}');
  const got = decode(shape, given);
  assert.equal(Object.getPrototypeOf(got), Object.prototype);
  assert.equal(got.Name, undefined);
  assert.deepEqual(Object.entries(got.Labels!), [
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ]);
});

test('a wrong type is refused in the words of the daemon', () => {
  const cases: readonly (readonly [document: string, message: string])[] = [
    ['[]', 'array into Go value of type demo.Config'],
    ['5', 'number into Go value of type demo.Config'],
    ['"x"', 'string into Go value of type demo.Config'],
    ['{"name":5}', 'number into Go struct field Config.name of type string'],
    ['{"Mode":{}}', 'object into Go struct field Config.Mode of type demo.Mode'],
    ['{"On":1}', 'number into Go struct field Config.On of type bool'],
    ['{"Size":"5"}', 'string into Go struct field Config.Size of type int64'],
    ['{"Size":5.5}', 'number 5.5 into Go struct field Config.Size of type int64'],
    ['{"Weight":70000}', 'number 70000 into Go struct field Config.Weight of type uint16'],
    ['{"Size":9007199254740993}', 'number 9007199254740992 into Go struct field Config.Size of type int64'],
    ['{"Cmd":[1]}', 'array into Go value of type string'],
    ['{"Cmd":{}}', 'object into Go value of type string'],
    ['{"Env":"a"}', 'string into Go struct field Config.Env of type []string'],
    ['{"Env":[1]}', 'number into Config.Env.0 of type string'],
    ['{"Labels":{"a/~b":1}}', 'number into Go struct field Config.Labels.a~1~0b of type string'],
    ['{"Labels":[]}', 'array into Go struct field Config.Labels of type map[string]string'],
    ['{"Window":[-1,2]}', 'number -1 into Config.Window.0 of type uint'],
    ['{"Disk":{"Path":true}}', 'bool into Go struct field Config.Disk.Path of type string'],
    ['{"Disks":{}}', 'object into Go struct field Config.Disks of type []*demo.Disk'],
    ['{"Disks":[{"Path":1}]}', 'number into Go struct field Config.Disks.0.Path of type string'],
    ['{"Grid":[["a",1]]}', 'number into Config.Grid.0.1 of type string'],
  ];
  for (const [document, message] of cases) {
    assert.throws(() => decode(shape, JSON.parse(document)), { kind: 'invalid', message: `invalid JSON: json: cannot unmarshal ${message}` }, document);
  }
});
