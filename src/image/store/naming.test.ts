import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Digest } from '../../base/digest.ts';
import { removeImage, setNames, type ImageUser } from './naming.ts';
import type { NamedEntry } from './references.ts';

const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}`;
const image = (letter: string): Omit<NamedEntry, 'name'> => ({
  target: { mediaType: 'm', digest: digest(letter), size: 1 },
  facts: { id: digest(letter), created: undefined, size: 0, labels: {}, platform: { os: 'linux', architecture: 'amd64' } },
});
const entry = (letter: string, name: string | undefined): NamedEntry => ({ ...image(letter), name });
const full = (name: string) => `docker.io/library/${name}`;
const shown = (entries: readonly NamedEntry[]) =>
  entries.map(({ name, facts }) => `${facts.id[7]}=${name?.replace('docker.io/library/', '') ?? '<none>'}`).toSorted();
const user = (letter: string, running: boolean): ImageUser => ({ id: 'c'.repeat(64), running, image: digest(letter) });
const short = (letter: string) => letter.repeat(12);

describe('setNames', () => {
  const table: readonly (readonly [what: string, before: readonly NamedEntry[], names: readonly string[], image: string, after: readonly string[]])[] = [
    ['a first name', [], ['r:1'], 'a', ['a=r:1']],
    ['several at once', [], ['r:1', `r@${digest('f')}`], 'a', ['a=r:1', `a=r@${digest('f')}`]],
    ['one of them twice', [], ['r:1', 'r:1'], 'a', ['a=r:1']],
    ['none: dangling', [], [], 'a', ['a=<none>']],
    ['a name ends dangling', [entry('a', undefined)], ['r:1'], 'a', ['a=r:1']],
    ['a name moves; who had it last stays, dangling', [entry('a', full('r:1'))], ['r:1'], 'b', ['a=<none>', 'b=r:1']],
    ['a name moves; who has another is not dangling', [entry('a', full('r:1')), entry('a', full('r:2'))], ['r:1'], 'b', ['a=r:2', 'b=r:1']],
    ['what is dangling already stays so once', [entry('a', undefined)], [], 'a', ['a=<none>']],
  ];
  for (const [what, before, names, letter, after] of table) {
    test(what, () => assert.deepEqual(shown(setNames(before, names.map(full), image(letter))), after));
  }
  test('when somebody gave a name is kept while it is the same image’s, however that is packed', () => {
    const before = [{ ...entry('a', full('r:1')), tagged: 'then' }];
    const packed = { ...image('a'), target: { mediaType: 'm', digest: digest('e'), size: 2 } };
    const times = (entries: readonly NamedEntry[]) => entries.map(({ name, tagged }) => [name, tagged]);
    assert.deepEqual(times(setNames(before, [full('r:1')], packed)), [[full('r:1'), 'then']]);
    assert.deepEqual(times(setNames(before, [full('r:1')], { ...packed, tagged: 'now' })), [[full('r:1'), 'now']]);
    const moved = setNames(before, [full('r:1')], image('b'));
    assert.deepEqual(times(moved.filter(({ name }) => name !== undefined)), [[full('r:1'), undefined]]);
  });

  test('nothing new is the same table', () => {
    const before = [entry('a', full('r:1'))];
    assert.equal(setNames(before, [full('r:1')], image('a')), before);
  });
});

describe('removeImage', () => {
  const one = [entry('a', full('r:1')), entry('a', full(`r@${digest('f')}`))];
  const two = [...one, entry('a', full('r:2'))];
  const apart = [...one, entry('a', full('s:1'))];
  interface Case {
    readonly what: string;
    readonly entries: readonly NamedEntry[];
    readonly name?: string;
    readonly force?: boolean;
    readonly users?: readonly ImageUser[];
    readonly lines?: readonly string[];
    readonly left?: readonly string[];
    readonly gone?: boolean;
    readonly error?: string;
  }
  const untagged = ['r:1', `r@${digest('f')}`];
  const cases: readonly Case[] = [
    { what: 'the last tag takes the digests and the image along', entries: one, name: 'r:1', lines: [...untagged, digest('a')], left: [], gone: true },
    { what: 'one of two tags takes nothing along', entries: two, name: 'r:2', lines: ['r:2'], left: ['a=r:1', `a=r@${digest('f')}`], gone: false },
    {
      what: 'the last tag of a repository takes its digests, another repository keeps the image',
      entries: apart,
      name: 'r:1',
      lines: untagged,
      left: ['a=s:1'],
      gone: false,
    },
    { what: 'a digest name goes alone', entries: one, name: `r@${digest('f')}`, lines: [`r@${digest('f')}`], left: ['a=r:1'], gone: false },
    { what: 'by id, all names of one repository', entries: one, lines: [...untagged, digest('a')], left: [], gone: true },
    { what: 'by id, dangling', entries: [entry('a', undefined)], lines: [digest('a')], left: [], gone: true },
    { what: 'other images stay', entries: [...one, entry('b', full('t:1'))], name: 'r:1', lines: [...untagged, digest('a')], left: ['b=t:1'], gone: true },
    {
      what: 'by id with several tags',
      entries: two,
      error: `conflict: unable to delete ${short('a')} (must be forced) - image is referenced in multiple repositories`,
    },
    {
      what: 'by id with several tags, forced: in their order',
      entries: two,
      force: true,
      lines: [untagged[0]!, 'r:2', ...untagged.slice(1), digest('a')],
      left: [],
      gone: true,
    },
    {
      what: 'the only name, in use',
      entries: one,
      name: 'r:1',
      users: [user('a', false)],
      error: `conflict: unable to remove repository reference "r:1" (must force) - container ${short('c')} is using its referenced image ${short('a')}`,
    },
    {
      what: 'one of two names, in use',
      entries: two,
      name: 'r:2',
      users: [user('a', true)],
      lines: ['r:2'],
      left: ['a=r:1', `a=r@${digest('f')}`],
      gone: false,
    },
    {
      what: 'the only name, forced over a stopped container',
      entries: one,
      name: 'r:1',
      force: true,
      users: [user('a', false)],
      lines: [...untagged, digest('a')],
      left: [],
      gone: true,
    },
    {
      what: 'the only name, forced over a running container: dangling',
      entries: one,
      name: 'r:1',
      force: true,
      users: [user('a', true)],
      lines: untagged,
      left: ['a=<none>'],
      gone: false,
    },
    {
      what: 'by id, a running container, forced',
      entries: one,
      force: true,
      users: [user('a', true)],
      error: `conflict: unable to delete ${short('a')} (cannot be forced) - image is being used by running container ${short('c')}`,
    },
    {
      what: 'by id, a stopped container',
      entries: one,
      users: [user('a', false)],
      error: `conflict: unable to delete ${short('a')} (must be forced) - image is being used by stopped container ${short('c')}`,
    },
    {
      what: 'a container of another image does not matter',
      entries: one,
      name: 'r:1',
      users: [user('b', true)],
      lines: [...untagged, digest('a')],
      left: [],
      gone: true,
    },
  ];
  for (const { what, entries, name, force = false, users = [], lines, left, gone, error } of cases) {
    test(what, () => {
      const request = { name: name === undefined ? undefined : full(name), asked: name ?? 'id', id: digest('a'), force, users };
      if (error !== undefined) {
        assert.throws(() => removeImage(entries, request), { name: 'EngineError', kind: 'conflict', message: error });
        return;
      }
      const removed = removeImage(entries, request);
      assert.deepEqual(
        removed.lines.map((line) => Object.values(line)[0]),
        lines,
      );
      assert.deepEqual(shown(removed.entries), left);
      assert.equal(removed.gone, gone);
    });
  }
});
