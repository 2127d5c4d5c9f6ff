import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { completeHostConfig } from './container-document.ts';
import { remapOf, remapped } from './userns-remap.ts';

const files = {
  passwd: 'root:x:0:0::/root:/bin/sh\ndockremap:x:990:991::/:/bin/false\nann:x:1000:1000::/home/ann:/bin/sh\nbare:x:1001:1000::/:\n',
  group: 'root:x:0:\ndockremap:x:991:\npeople:x:1000:ann\n',
  subuid: '# subordinate\ndockremap:231072:65536\nann:100000:1000\n1000:300000:10\nbroken:x:1\n',
  subgid: 'dockremap:231072:65536\npeople:200000:65536\n',
};

describe('userns-remap', () => {
  test('default, a user, numbers; all ranges of somebody in their order', () => {
    assert.equal(remapOf('', files), undefined);
    const whole = [{ Container: 0, Host: 231072, Size: 65536 }];
    assert.deepEqual(remapOf('default', files), { uids: whole, gids: whole });
    assert.deepEqual(remapOf('dockremap:dockremap', files), { uids: whole, gids: whole });
    const ann = {
      uids: [
        { Container: 0, Host: 100000, Size: 1000 },
        { Container: 1000, Host: 300000, Size: 10 },
      ],
      gids: [{ Container: 0, Host: 200000, Size: 65536 }],
    };
    for (const text of ['ann', 'ann:people', '1000', '1000:1000']) assert.deepEqual(remapOf(text, files), ann, text);
  });

  const wrong: [string, RegExp, Partial<typeof files>?][] = [
    ['nobody', /no user nobody/],
    ['default', /no user dockremap/, { passwd: '' }],
    ['ann:nobody', /no group nobody/],
    ['bare', /no subuid ranges found for user "bare"/],
    ['ann', /no subgid ranges found for group "people"/, { subgid: '' }],
    ['a:b:c', /invalid user\/group specification/],
    ['ann:', /invalid user\/group specification/],
    ['ann', /is no range/, { subuid: 'ann:0:65536' }],
    ['ann', /is no range/, { subuid: 'ann:x:1' }],
    ['ann', /is no range/, { subuid: 'ann:4294967290:65536' }],
  ];
  for (const [text, message, changed] of wrong) {
    test(`refused: ${text}, ${message.source}`, () => assert.throws(() => remapOf(text, { ...files, ...changed }), { kind: 'invalid', message }));
  }

  const remap = remapOf('default', files)!;
  test('a container gets the ids, unless it says otherwise', () => {
    const plain = completeHostConfig({});
    assert.deepEqual(remapped(remap, plain).Kobako, { UidMap: remap.uids, GidMap: remap.gids });
    assert.equal(remapped(undefined, plain), plain);
    const own = [{ Container: 0, Host: 5, Size: 5 }];
    for (const given of [{ UsernsMode: 'host', Privileged: true }, { UsernsMode: 'container:x' }, { Kobako: { UidMap: own } }]) {
      const host = completeHostConfig(given);
      assert.equal(remapped(remap, host), host);
    }
  });

  const refused: [object, RegExp][] = [
    [{ Privileged: true }, /privileged mode is incompatible with user namespaces/],
    [{ NetworkMode: 'host' }, /cannot share the host's network namespace when user namespaces are enabled/],
    [{ PidMode: 'host' }, /cannot share the host PID namespace when user namespaces are enabled/],
  ];
  for (const [given, message] of refused) {
    test(message.source, () => assert.throws(() => remapped(remap, completeHostConfig(given)), { kind: 'invalid', message }));
  }
});
