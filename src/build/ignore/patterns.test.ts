import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../../base/errors.ts';
import { ignoreFileNames, readIgnoreFile } from './ignore-file.ts';
import { IgnorePatterns } from './patterns.ts';
import { globMatches } from './wild.ts';

test('patterns, as moby/patternmatcher matches them', () => {
  const cases: readonly (readonly [patterns: string, path: string, matched: boolean])[] = [
    ['a', 'a', true],
    ['a', 'a/b/c', true],
    ['a', 'b/a', false],
    ['a/', 'a/b', true],
    ['*', 'a/b', true],
    ['*.go', 'x.go', true],
    ['*.go', 'd/x.go', false],
    ['*/*.go', 'd/x.go', true],
    ['**/*.go', 'x.go', true],
    ['**/*.go', 'd/e/x.go', true],
    ['**', 'a/b', true],
    ['**/', 'a', true],
    ['**/foo', 'foo', true],
    ['**/foo', 'd/foo', true],
    ['**/foo', 'd/xfoo', false],
    ['**foo', 'xfoo', true],
    ['foo/**', 'foo', false],
    ['foo/**', 'foo/a/b', true],
    ['foo**', 'foobar', true],
    ['a/**/b', 'a/b', true],
    ['a/**/b', 'a/x/y/b', true],
    ['a/**/b', 'ab', false],
    ['a**b', 'ab', true],
    ['a**/b', 'ax/b', true],
    ['dir/**/*.x', 'dir/a/b.x', true],
    ['a?c', 'abc', true],
    ['a?c', 'a/c', false],
    ['[a-c]x', 'bx', true],
    ['[^a-c]x', 'bx', false],
    ['[^a]x', 'bx', true],
    ['a[b', 'x', false],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['.x', 'ax', false],
    ['a.b', 'acb', false],
    ['A', 'a', false],
    ['a+(b)|{c}$', 'a+(b)|{c}$', true],
    ['é?', 'é☃', true],
    ['a,!a/b', 'a/b', false],
    ['a,!a/b', 'a/c', true],
    ['a,!a/b,a/b/c', 'a/b/c', true],
    ['!a,a', 'a', true],
    ['*,!*.md,README-secret.md', 'README.md', false],
    ['*,!*.md,README-secret.md', 'README-secret.md', true],
    ['*,!a', 'a/b', false],
    ['**/node_modules', 'x/node_modules/y/z', true],
    ['./a', 'a', true],
    ['a/../b', 'b', true],
    ['x//y', 'x/y', true],
  ];
  for (const [text, path, matched] of cases) {
    if (text === 'a[b') {
      assert.throws(() => new IgnorePatterns([text]), { message: 'syntax error in pattern' });
      continue;
    }
    const patterns = new IgnorePatterns(text.split(',').map((each) => (each.startsWith('a+(b)') ? 'a+(b)|{c}$' : each)));
    assert.equal(patterns.matches(path), matched, `${text} and ${path}`);
    // a walk from the top comes to the same
    let parent;
    let own = false;
    for (const [index] of path.split('/').entries()) {
      const at: ReturnType<IgnorePatterns['below']> = patterns.below(
        path
          .split('/')
          .slice(0, index + 1)
          .join('/'),
        parent,
      );
      parent = at.own;
      own = at.matched;
    }
    assert.equal(own, matched, `${text} and ${path}, walked to`);
  }
  assert.throws(() => new IgnorePatterns(['!']), { message: 'illegal exclusion pattern: "!"' });
  for (const bad of ['a\\', '[]', '[^]', '[a-]', '[-a]', '[a']) assert.throws(() => new IgnorePatterns([bad]), EngineError, bad);
});

test('the lines of .dockerignore', () => {
  const text = '\ufeff# comment\n\n  a/b/  \n/lead\n! ex/../c\r\n #not a comment\n!\n./d\n/\n';
  assert.deepEqual(readIgnoreFile(text), ['a/b', 'lead', '!c', '#not a comment', '!', 'd', '/']);
  assert.deepEqual(ignoreFileNames('docker/prod.Dockerfile'), ['docker/prod.Dockerfile.dockerignore', '.dockerignore']);
});

test('filepath.Match, for wildcards in COPY and ADD', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['*', 'abc', true],
    ['*c', 'abc', true],
    ['a*', 'ab/c', false],
    ['a*b*c*d*e*', 'axbxcxdxe', true],
    ['a*b?c*x', 'abxbbxdbxebxczzy', false],
    ['**', 'a', true],
    ['**/b', 'a/b', true],
    ['**/c', 'a/b/c', false],
    ['[a-]', 'x', false],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'axb', false],
    ['[^a]', '☺', true],
    ['[\\]a]', ']', true],
    ['a???b', 'a☺☺☺b', true],
    ['', '', true],
  ];
  for (const [pattern, name, matched] of cases) {
    if (pattern === '[a-]') assert.throws(() => globMatches(pattern, name), { message: 'syntax error in pattern' });
    else assert.equal(globMatches(pattern, name), matched, `${pattern} and ${name}`);
  }
});

test('no pattern takes long', () => {
  const path = 'a/'.repeat(1000);
  assert.equal(globMatches('*a'.repeat(500) + 'b', 'a'.repeat(2000)), false);
  assert.equal(new IgnorePatterns(['**/a'.repeat(500) + 'b']).matches(path), false);
  assert.throws(() => new IgnorePatterns(['*'.repeat(5000)]), EngineError);
});
