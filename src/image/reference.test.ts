import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../base/errors.ts';
import type { Reference } from './contract.ts';
import { familiarName, familiarReference, formatReference, parseReference, parseReferenceOrId, repositoryName, withDefaultTag } from './reference.ts';

const HEX = 'a'.repeat(64);
const DIGEST = `sha256:${HEX}`;

/** What was given, in full, as Docker shows it. */
const GOOD: readonly (readonly [given: string, full: string, familiar: string])[] = [
  ['redis', 'docker.io/library/redis', 'redis'],
  ['redis:7', 'docker.io/library/redis:7', 'redis:7'],
  ['library/redis', 'docker.io/library/redis', 'redis'],
  ['docker.io/redis', 'docker.io/library/redis', 'redis'],
  ['docker.io/library/redis', 'docker.io/library/redis', 'redis'],
  ['index.docker.io/redis', 'docker.io/library/redis', 'redis'],
  ['index.docker.io/user/app:x', 'docker.io/user/app:x', 'user/app:x'],
  ['registry-1.docker.io/user/app', 'registry-1.docker.io/user/app', 'registry-1.docker.io/user/app'],
  ['user/app', 'docker.io/user/app', 'user/app'],
  ['library/a/b', 'docker.io/library/a/b', 'library/a/b'],
  ['localhost', 'docker.io/library/localhost', 'localhost'],
  ['localhost/x', 'localhost/x', 'localhost/x'],
  ['localhost:5000/x:y', 'localhost:5000/x:y', 'localhost:5000/x:y'],
  ['host:5000/x', 'host:5000/x', 'host:5000/x'],
  ['host:5000', 'docker.io/library/host:5000', 'host:5000'],
  ['example.com/x', 'example.com/x', 'example.com/x'],
  ['UP/foo', 'UP/foo', 'UP/foo'],
  ['[::1]:5000/x', '[::1]:5000/x', '[::1]:5000/x'],
  ['[fe80::AB]/x', '[fe80::AB]/x', '[fe80::AB]/x'],
  ['xn--7o8h.com/x', 'xn--7o8h.com/x', 'xn--7o8h.com/x'],
  ['host:99999999/x', 'host:99999999/x', 'host:99999999/x'],
  [`redis@${DIGEST}`, `docker.io/library/redis@${DIGEST}`, `redis@${DIGEST}`],
  [`redis:7@${DIGEST}`, `docker.io/library/redis:7@${DIGEST}`, `redis:7@${DIGEST}`],
  [`h.io:1/a/b:7@${DIGEST}`, `h.io:1/a/b:7@${DIGEST}`, `h.io:1/a/b:7@${DIGEST}`],
  [`sha256:${HEX}`, `docker.io/library/sha256:${HEX}`, `sha256:${HEX}`],
  ['redis:UPPER_case-1.0', 'docker.io/library/redis:UPPER_case-1.0', 'redis:UPPER_case-1.0'],
  ['foo__bar---baz.x', 'docker.io/library/foo__bar---baz.x', 'foo__bar---baz.x'],
  [`a:${'b'.repeat(128)}`, `docker.io/library/a:${'b'.repeat(128)}`, `a:${'b'.repeat(128)}`],
  [`x/${HEX}`, `docker.io/x/${HEX}`, `x/${HEX}`],
  [`h.io/${'a'.repeat(255)}`, `h.io/${'a'.repeat(255)}`, `h.io/${'a'.repeat(255)}`],
];

/** What real docker 28 says (docker pull, docker tag). */
const BAD: readonly (readonly [given: string, message: string])[] = [
  ['Foo', 'invalid reference format: repository name (library/Foo) must be lowercase'],
  ['docker.io/Foo', 'invalid reference format: repository name (library/Foo) must be lowercase'],
  ['index.docker.io/Foo', 'invalid reference format: repository name (library/Foo) must be lowercase'],
  ['localhost/Foo:x', 'invalid reference format: repository name (Foo) must be lowercase'],
  ['redis:Bad@', 'invalid reference format'],
  ['redis:', 'invalid reference format'],
  [':x', 'invalid reference format'],
  ['', 'invalid reference format'],
  ['a//b', 'invalid reference format'],
  ['/a', 'invalid reference format'],
  ['a/', 'invalid reference format'],
  ['a:b:c', 'invalid reference format'],
  ['a:b@', 'invalid reference format'],
  ['-a', 'invalid reference format'],
  ['http://x/y', 'invalid reference format'],
  ['foo__bar___baz', 'invalid reference format'],
  ['foo.-bar', 'invalid reference format'],
  ['host:/x', 'invalid reference format'],
  ['-h.io/x', 'invalid reference format'],
  ['redis\n', 'invalid reference format'],
  ['redis:7\n', 'invalid reference format'],
  [' redis', 'invalid reference format'],
  ['localhost/x@sha256:abc', 'invalid reference format'],
  ['a@sha512:abc', 'invalid reference format'],
  [`a:${'b'.repeat(129)}`, 'invalid reference format'],
  [HEX, `invalid repository name (${HEX}), cannot specify 64-byte hexadecimal strings`],
  [`x/${'a'.repeat(260)}`, 'repository name must not be more than 255 characters'],
  [`x@sha256:${'A'.repeat(64)}`, 'invalid checksum digest format'],
  [`x@SHA256:${HEX}`, 'invalid reference format: repository name (library/x@SHA256) must be lowercase'],
  [`x@sha256:${'a'.repeat(63)}`, 'invalid checksum digest length'],
  [`x@sha1:${'a'.repeat(40)}`, 'unsupported digest algorithm'],
];

test('completes familiar names and shows them as Docker does', () => {
  for (const [given, full, familiar] of GOOD) {
    const reference = parseReference(given);
    assert.equal(formatReference(reference), full, given);
    assert.equal(familiarReference(reference), familiar, given);
    assert.deepEqual(parseReference(full), reference, `${given} in full`);
    assert.deepEqual(parseReference(familiar), reference, `${given} as shown`);
  }
});

test('refuses in the words of docker 28', () => {
  for (const [given, message] of BAD) {
    assert.throws(
      () => parseReference(given),
      (error: EngineError) => {
        assert.ok(error instanceof EngineError && error.kind === 'invalid', given);
        assert.equal(error.message, message, given);
        return true;
      },
      given,
    );
  }
});

test('a first part with an underscore and a dot is refused: it is a host by its dot, and no host', () => {
  assert.throws(() => parseReference('foo__bar---baz.x/a_b'), /^EngineError: invalid reference format$/);
});

test('the default tag only where nothing else says which', () => {
  const tagged = (text: string) => formatReference(withDefaultTag(parseReference(text)));
  assert.equal(tagged('redis'), 'docker.io/library/redis:latest');
  assert.equal(tagged('redis:7'), 'docker.io/library/redis:7');
  assert.equal(tagged(`redis@${DIGEST}`), `docker.io/library/redis@${DIGEST}`);
});

test('an id is no name', () => {
  assert.equal(parseReferenceOrId(HEX), DIGEST);
  assert.equal(parseReferenceOrId(DIGEST), DIGEST);
  assert.equal((parseReferenceOrId('redis:7') as Reference).tag, '7');
});

test('names without tag and digest', () => {
  const reference = parseReference(`redis:7@${DIGEST}`);
  assert.equal(repositoryName(reference), 'docker.io/library/redis');
  assert.equal(familiarName(reference), 'redis');
});

test('fuzz: a reference reads back as itself, anything else is an EngineError, and no input costs time', () => {
  const parts = [
    'a',
    'B',
    '0',
    '.',
    '-',
    '_',
    '__',
    '/',
    ':',
    '@',
    '[',
    ']',
    '::',
    'localhost',
    'docker.io',
    'library',
    'sha256:',
    HEX,
    '\n',
    '\0',
    'é',
    'K',
    ' ',
  ];
  let seed = 7;
  const next = (below: number) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % below;
  let parsed = 0;
  for (let round = 0; round < 50_000; round++) {
    let text = '';
    for (let length = next(9); length >= 0; length--) text += parts[next(parts.length)];
    let reference: Reference;
    try {
      reference = parseReference(text);
    } catch (error) {
      assert.ok(error instanceof EngineError && error.kind === 'invalid', JSON.stringify(text));
      continue;
    }
    parsed++;
    assert.deepEqual(parseReference(formatReference(reference)), reference, JSON.stringify(text));
  }
  assert.ok(parsed > 1000, `only ${parsed} of the inputs were references`);
  const start = performance.now();
  for (const text of [`${'a-'.repeat(2000)}!.x/y`, `x/${'a_'.repeat(2000)}`, `x/${'-'.repeat(4000)}`, 'a'.repeat(10_000_000)]) {
    assert.throws(() => parseReference(text), EngineError);
  }
  assert.ok(performance.now() - start < 2000);
});
