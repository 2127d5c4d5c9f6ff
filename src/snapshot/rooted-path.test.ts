import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goMode, rootedPath } from './rooted-path.ts';

test('paths as docker cp gives them', () => {
  const table: readonly (readonly [path: string, names: readonly string[], folder: boolean, base: string, called: string, text: string])[] = [
    ['/t/f', ['t', 'f'], false, 'f', 'f', '/t/f'],
    ['t//f', ['t', 'f'], false, 'f', 'f', '/t/f'],
    ['/t/f/', ['t', 'f'], true, 'f', 'f', '/t/f/'],
    ['/t/f/.', ['t', 'f'], true, '.', '.', '/t/f/.'],
    ['/t/./f/../g', ['t', 'g'], false, 'g', 'g', '/t/g'],
    ['/t/..', [], false, '/', '..', '/'],
    ['/../../x', ['x'], false, 'x', 'x', '/x'],
    ['/', [], true, '/', '/', '/'],
    ['/.', [], true, '.', '.', '/.'],
    ['.', [], true, '.', '.', '/.'],
    ['/é', ['\xc3\xa9'], false, '\xc3\xa9', '\xc3\xa9', '/é'],
  ];
  for (const [path, names, folder, base, called, text] of table) assert.deepEqual(rootedPath(path), { names, folder, base, called, text }, path);
  assert.throws(() => rootedPath('/a\0b'), { kind: 'invalid' });
  assert.throws(() => rootedPath(`/${'x'.repeat(5000)}`), { kind: 'invalid', message: /file name too long/ });
});

test("modes as Go's os.FileMode", () => {
  // what dockerd 28 says of such files
  assert.equal(goMode(0o104755), 8389101);
  assert.equal(goMode(0o120777), 134218239);
  assert.equal(goMode(0o040755), 2147484141);
  assert.equal(goMode(0o041777), 2148532735);
  assert.equal(goMode(0o042755), 2151678445);
  assert.equal(goMode(0o010644), 33554852);
  assert.equal(goMode(0o020644), 69206436);
});
