import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ellipsis } from '../width.ts';
import { displayPorts } from './ports.ts';
import { familiar, naturalCompare, shortId, splitTag } from './text.ts';

test('names', () => {
  assert.deepEqual(['sha256:0123456789abcdef', '0123456789abcdef', '<missing>', ''].map(shortId), ['0123456789ab', '0123456789ab', '<missing>', '']);
  assert.deepEqual(['docker.io/library/redis:7', 'docker.io/me/x', 'library/a/b', 'host:5000/library/x'].map(familiar), [
    'redis:7',
    'me/x',
    'library/a/b',
    'host:5000/library/x',
  ]);
  assert.deepEqual(
    [splitTag('redis:7'), splitTag('host:5000/x'), splitTag('host:5000/x:1')],
    [
      ['redis', '7'],
      ['host:5000/x', undefined],
      ['host:5000/x', '1'],
    ],
  );
});

test('as people sort', () => {
  const sorted = ['a', 'a1', 'a01', 'a2', 'a10', 'a10b', 'b', 'b9/tcp', 'b10/tcp'];
  assert.deepEqual(sorted.toReversed().toSorted(naturalCompare), sorted);
});

test('short texts: wide characters are two', () => {
  assert.deepEqual(
    ['abcde', 'abcdef', '日本語', '日本a', ''].map((text) => ellipsis(text, 5)),
    ['abcde', 'abcd…', '日本…', '日本a', ''],
  );
});

test('ports', () => {
  const tcp = (PrivatePort: number, PublicPort?: number, IP = '0.0.0.0') => ({
    PrivatePort,
    Type: 'tcp',
    ...(PublicPort === undefined ? {} : { PublicPort, IP }),
  });
  assert.equal(displayPorts(null), '');
  assert.equal(displayPorts([tcp(82), tcp(80), tcp(81)]), '80-82/tcp');
  assert.equal(displayPorts([tcp(80, 80), tcp(81, 81), tcp(80, 80, '::'), tcp(81, 81, '::')]), '0.0.0.0:80-81->80-81/tcp, [::]:80-81->80-81/tcp');
  assert.equal(displayPorts([tcp(81, 8081), tcp(80, 8080), { PrivatePort: 53, Type: 'udp' }]), '53/udp, 0.0.0.0:8080->80/tcp, 0.0.0.0:8081->81/tcp');
});
