import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutOwnPlaces } from './own-places.ts';
import type { FilesystemChange } from './types/container-answers.ts';

const changes = (text: string) => text.split(' ').map((word): FilesystemChange => ({ Kind: 'CAD'.indexOf(word[0]!) as 0, Path: word.slice(1) }));

test('places that mounts are made at are no changes', () => {
  for (const [all, left] of [
    ['A/dev A/proc A/sys A/x', 'A/x'],
    ['A/etc A/etc/hosts A/x', 'A/x'],
    ['C/etc A/etc/hostname A/x', 'A/x'],
    ['A/etc A/etc/hosts A/etc/mine', 'C/etc A/etc/mine'],
    ['A/.dockerenv C/etc A/etc/mtab A/x', 'A/x'],
    ['A/.dockerenv C/etc C/etc/mtab', 'C/etc C/etc/mtab'],
    ['C/etc D/etc/hosts', 'C/etc D/etc/hosts'],
    ['C/dev A/dev/x', 'C/dev A/dev/x'],
  ] as const) {
    assert.deepEqual(withoutOwnPlaces(changes(all)), changes(left), all);
  }
});
