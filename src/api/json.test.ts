import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkJsonType, jsonText, parseJson } from './json.ts';

/** Each text with what dockerd 28.5 says. */
const REFUSED: readonly (readonly [text: string, message: string])[] = [
  ['', 'invalid JSON: got EOF while reading request body'],
  [' \n', 'invalid JSON: got EOF while reading request body'],
  ['{', 'invalid JSON: unexpected EOF'],
  ['{} {}', 'unexpected content after JSON'],
  ['{}garbage', 'unexpected content after JSON'],
  ['{"a":1,}', "invalid JSON: invalid character '}' looking for beginning of object key string"],
  ['{"a" 1}', "invalid JSON: invalid character '1' after object key"],
  ['{"a":1 "b":2}', "invalid JSON: invalid character '\"' after object key:value pair"],
  ['[1 2]', "invalid JSON: invalid character '2' after array element"],
  ['{"a":.5}', "invalid JSON: invalid character '.' looking for beginning of value"],
  ['{"a":-}', "invalid JSON: invalid character '}' in numeric literal"],
  ['{"a":1.}', "invalid JSON: invalid character '}' in numeric literal"],
  ['{"a":1e}', "invalid JSON: invalid character '}' in numeric literal"],
  ['{"a":"\\x"}', 'invalid JSON: invalid escape sequence `\\x` in string'],
  ['{"a":"\\u12"}', 'invalid JSON: invalid escape sequence `\\u12"}` in string'],
  ['{"a":truE}', "invalid JSON: invalid character 'E' in literal true (expecting 'e')"],
  ['{"a":nulx}', "invalid JSON: invalid character 'x' in literal null (expecting 'l')"],
  ['{"a":"b', 'invalid JSON: unexpected EOF'],
  ['{"a":[1,', 'invalid JSON: unexpected EOF'],
  ['{"a":tr', 'invalid JSON: unexpected EOF'],
  ['{"a":"\\', 'invalid JSON: unexpected EOF'],
  ['x', "invalid JSON: invalid character 'x' looking for beginning of value"],
  ['{é:1}', "invalid JSON: invalid character 'é' looking for beginning of object key string"],
  ['{"a":[1}', "invalid JSON: invalid character '}' after array element"],
  ['{"a":00}', "invalid JSON: invalid character '0' after object key:value pair"],
  ['\ufeff{}', "invalid JSON: invalid character '\\ufeff' looking for beginning of value"],
  ["{'a':1}", "invalid JSON: invalid character '\\'' looking for beginning of object key string"],
  ['{"a":"\u0001"}', "invalid JSON: invalid character '\\x01' in string"],
  ['{"a":"\n"}', "invalid JSON: invalid character '\\n' in string"],
];

test('what is no JSON is refused in the words of the daemon', () => {
  for (const [text, message] of REFUSED) assert.throws(() => parseJson(text), { kind: 'invalid', message }, JSON.stringify(text));
});

test('whatever JSON.parse refuses has an explanation, however deep it goes', () => {
  assert.throws(() => parseJson('['.repeat(10_000)), { message: 'invalid JSON: unexpected EOF' });
  assert.throws(() => parseJson(`${'['.repeat(10_000)}{`), { message: "invalid JSON: invalid character '{' exceeded max depth" });
  assert.throws(() => parseJson('['.repeat(1_000_000)), { message: "invalid JSON: invalid character '[' exceeded max depth" });
  assert.throws(() => parseJson(`[${'-12.5e+3, "long \\n text",\n'.repeat(100_000)}01]`), {
    message: "invalid JSON: invalid character '1' after array element",
  });
  const characters = '{}[]",:0-1.eE+tfnrual \\x\n';
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: 1 + Math.floor(Math.random() * 12) }, () => characters[Math.floor(Math.random() * characters.length)]).join('');
    try {
      parseJson(text);
    } catch (error) {
      assert.match(
        String(error),
        /^EngineError: (?:invalid JSON: (?:unexpected EOF|got EOF|invalid (?:character|escape))|unexpected content after JSON)/,
        JSON.stringify(text),
      );
    }
  }
});

test('a body of another type than JSON is refused; no type is one only without a body', () => {
  for (const type of ['application/json', 'Application/JSON', 'application/json; charset=utf-8', 'application/json;']) checkJsonType(type, false);
  checkJsonType(undefined, true);
  assert.throws(() => checkJsonType(undefined, false), { message: 'malformed Content-Type header (): mime: no media type' });
  assert.throws(() => checkJsonType('text/plain', true), { message: "unsupported Content-Type header (text/plain): must be 'application/json'" });
  assert.throws(() => checkJsonType('application/json;;', false), {
    message: 'malformed Content-Type header (application/json;;): mime: invalid media parameter',
  });
});

test('a bigint is written as the number that it is', () => {
  assert.equal(jsonText({ a: 1764115200123456789n, b: '1n', c: [2n] }), '{"a":1764115200123456789,"b":"1n","c":[2]}');
  assert.equal(jsonText(undefined), 'null');
});
