import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageFilter } from './image-list.ts';
import type { ImageParts } from './image-parts.ts';
import type { ImageSummary } from '../image/store/store.ts';

test('before and since: images that were made in one second', () => {
  const times: Readonly<Record<string, string>> = { a: '2026-01-01T00:00:00.100Z', b: '2026-01-01T00:00:00.2Z', c: '2026-01-01T00:00:00.300Z' };
  const store = { find: (name: string) => ({ entry: { facts: { created: times[name] } } }) };
  const shown = (key: string, ...values: string[]) => {
    const test = imageFilter({ store } as unknown as ImageParts, key, values);
    return Object.keys(times).filter((name) => test({ created: times[name] } as ImageSummary));
  };
  assert.deepEqual(shown('before', 'b'), ['a']);
  assert.deepEqual(shown('since', 'b'), ['c']);
  assert.deepEqual(shown('since', 'a', 'b'), ['c']);
  assert.deepEqual(shown('until', '2026-01-01T00:00:00.2Z'), ['a']);
});
