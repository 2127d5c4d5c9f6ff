import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../../base/errors.ts';
import { expand } from './expand.ts';

const ENV = new Map([
  ['v', 'hello-world.tar.gz'],
  ['e', ''],
  ['s', 'a b  c'],
  ['x', '1'],
  ['p', 'a*b?c'],
]);
const of = (word: string, escape = '\\') => expand(word, ENV, { escape });

test('variables, modifiers, quotes and escapes', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['plain', 'plain'],
    ['$x', '1'],
    ['${x}', '1'],
    ['a${x}b', 'a1b'],
    ['$x.y', '1.y'],
    ['$nope', ''],
    ['$', '$'],
    ['$ x', '$ x'],
    ['$1abc', 'abc'],
    ['\\$x', '$x'],
    ["'$x'", '$x'],
    ['"$x"', '1'],
    ['"\\$x"', '$x'],
    ['"a\\"b"', 'a"b'],
    ['"a\\b"', 'a\\b'],
    ["'a\\b'", 'a\\b'],
    ['a\\b', 'ab'],
    ['a\\ b', 'a b'],
    ['a\\', 'a'],
    ['"it\'s"', "it's"],
    ['${e-w}', ''],
    ['${e:-w}', 'w'],
    ['${nope-w}', 'w'],
    ['${nope:-$x}', '1'],
    ['${nope:-${nope:-deep}}', 'deep'],
    ['${nope:-"a b"}', 'a b'],
    ['${x+w}', 'w'],
    ['${e+w}', 'w'],
    ['${e:+w}', ''],
    ['${nope+w}', ''],
    ['${x:?no}', '1'],
    ['${e?no}', ''],
    ['${v#*-}', 'world.tar.gz'],
    ['${v##*.}', 'gz'],
    ['${v%.*}', 'hello-world.tar'],
    ['${v%%.*}', 'hello-world'],
    ['${v#h?l}', 'lo-world.tar.gz'],
    ['${v#nope}', 'hello-world.tar.gz'],
    ['${v/o/0}', 'hell0-world.tar.gz'],
    ['${v//o/0}', 'hell0-w0rld.tar.gz'],
    ['${v//l*r/Z}', 'heZ.gz'],
    ['${v//l/}', 'heo-word.tar.gz'],
    ['${s// /_}', 'a_b__c'],
    ['${p/\\*/x}', 'axb?c'],
    ['${p//\\?/x}', 'a*bxc'],
    ['${p#a\\*}', 'b?c'],
    ['${v/hello-world\\.tar\\.gz/x}', 'ERROR'],
    ['${nope/a/b}', ''],
  ];
  for (const [word, expected] of cases) {
    if (expected === 'ERROR') assert.throws(() => of(word), /invalid pattern \(.*\) in substitution: invalid escape/);
    else assert.equal(of(word).text, expected, word);
  }
  assert.equal(of('a`$x', '`').text, 'a$x', 'the escape directive counts');
  assert.equal(of('c:\\path', '`').text, 'c:\\path');
});

test('what cannot be expanded is told in words of BuildKit', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['${x', 'failed to process "${x": unsupported modifier (\ufffd) in substitution'],
    ['${x^}', 'failed to process "${x^}": unsupported modifier (^) in substitution'],
    ['${x:=y}', 'failed to process "${x:=y}": unsupported modifier (:=) in substitution'],
    ['${x:-y', 'failed to process "${x:-y": syntax error: missing \'}\''],
    ['${x/a', 'failed to process "${x/a": syntax error: missing \'/\' in ${}'],
    ['${x/a/b', 'failed to process "${x/a/b": syntax error: missing \'}\''],
    ['${}', 'failed to process "${}": syntax error: bad substitution'],
    ['${', 'failed to process "${": syntax error: missing \'}\''],
    ['"abc', 'failed to process "\\"abc": unexpected end of statement while looking for matching double-quote'],
    ["'abc", 'failed to process "\'abc": unexpected end of statement while looking for matching single-quote'],
    ['${nope:?}', 'failed to process "${nope:?}": nope: is not allowed to be unset'],
    ['${e:?}', 'failed to process "${e:?}": e: is not allowed to be empty'],
    ['${nope?must be}', 'failed to process "${nope?must be}": nope: must be'],
  ];
  for (const [word, message] of cases) assert.throws(() => of(word), { name: 'EngineError', kind: 'invalid', message });
});

test('words are split where white space is neither quoted nor escaped, values too', () => {
  assert.deepEqual(of('a  b').words, ['a', 'b']);
  assert.deepEqual(of('$s').words, ['a', 'b', 'c']);
  assert.deepEqual(of('"$s"').words, ['a b  c']);
  assert.deepEqual(of('a\\ b c').words, ['a b', 'c']);
  assert.deepEqual(of('$nope').words, []);
});

test('names that were looked up are told', () => {
  const { matched, unmatched } = of('$x ${nope:-$v} ${other}');
  assert.deepEqual([...matched].toSorted(), ['v', 'x']);
  assert.deepEqual([...unmatched].toSorted(), ['nope', 'other']);
});

test('for titles: quotes and unset variables can stay', () => {
  const options = { escape: '\\', rawQuotes: true, keepUnset: true };
  assert.equal(expand(`echo "$x" '$x' $nope \${nope:-d}`, ENV, options).text, `echo "1" '$x' $nope \${nope:-d}`);
});

test('hostile words end soon', () => {
  const deep = '${a:-'.repeat(5000) + '}'.repeat(5000);
  assert.throws(() => of(deep), EngineError);
  const long = new Map([['a', 'x'.repeat(600_000)]]);
  assert.throws(() => expand('$a$a$a', long, { escape: '\\' }), EngineError);
  const slow = new Map([['a', 'a'.repeat(200_000)]]);
  assert.throws(() => expand(`\${a//${'a*'.repeat(100)}b/x}`, slow, { escape: '\\' }), /takes too long/);
});
