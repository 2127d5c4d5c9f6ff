import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { resolveUser } from './users.ts';

const passwd = [
  'root:x:0:0:root:/root:/bin/sh',
  '# a comment:x:9:9::/:',
  '',
  '   ',
  'broken',
  'short:x',
  'nan:x:one:1::/:',
  'minus:x:-1:1::/:',
  'guest:x:1000:1001:Guest:/home/guest:/bin/sh',
  'guest:x:2000:2001:the second one:/home/second:/bin/sh',
  '4242:x:5:6:a name of digits:/digits:/bin/sh',
  '  padded:x:7:8::/padded:/bin/sh  ',
  'nohome:x:9:9:::',
].join('\n');
const group = ['root:x:0:', 'adm:x:4:guest', 'audio:x:29:daemon,guest', 'guest:x:1001:', 'broken', 'nan:x:z:guest', '29:x:77:', 'again:x:4:guest'].join('\n');
const files = { passwd, group };

describe('--user', () => {
  const cases: [text: string, uid: number, gid: number, groups: number[], home: string][] = [
    ['', 0, 0, [], '/root'],
    ['root', 0, 0, [], '/root'],
    ['0', 0, 0, [], '/root'],
    ['guest', 1000, 1001, [4, 29], '/home/guest'],
    ['1000', 1000, 1001, [4, 29], '/home/guest'],
    ['guest:', 1000, 1001, [4, 29], '/home/guest'],
    ['guest:adm', 1000, 4, [], '/home/guest'],
    ['guest:12', 1000, 12, [], '/home/guest'],
    ['guest:29', 1000, 77, [], '/home/guest'], // a name wins over a number
    ['4242', 5, 6, [], '/digits'],
    ['3000', 3000, 0, [], '/'],
    ['3000:3001', 3000, 3001, [], '/'],
    [':adm', 0, 4, [], '/root'],
    ['padded', 7, 8, [], '/padded'],
    ['nohome', 9, 9, [], ''],
    ['2147483647:2147483647', 2147483647, 2147483647, [], '/'],
  ];
  for (const [text, uid, gid, groups, home] of cases) {
    test(JSON.stringify(text), () => assert.deepEqual(resolveUser(text, files), { uid, gid, groups, home }));
  }
});

describe('refused, in docker’s words', () => {
  const cases: [text: string, message: string][] = [
    ['nobody-here', 'unable to find user nobody-here: no matching entries in passwd file'],
    ['broken', 'unable to find user broken: no matching entries in passwd file'],
    ['nan', 'unable to find user nan: no matching entries in passwd file'],
    ['minus', 'unable to find user minus: no matching entries in passwd file'],
    ['guest:no-group', 'unable to find group no-group: no matching entries in group file'],
    ['-1', 'uids and gids must be in range 0-2147483647'],
    ['2147483648', 'uids and gids must be in range 0-2147483647'],
    ['guest:2147483648', 'uids and gids must be in range 0-2147483647'],
    ['1e3', 'unable to find user 1e3: no matching entries in passwd file'],
    ['0x10', 'unable to find user 0x10: no matching entries in passwd file'],
    ['guest:adm:more', 'unable to find group adm:more: no matching entries in group file'],
  ];
  for (const [text, message] of cases) test(text, () => assert.throws(() => resolveUser(text, files), { kind: 'invalid', message }));
});

describe('--group-add', () => {
  test('names and numbers, each once, after the user’s own', () => {
    assert.deepEqual(resolveUser('guest', files, ['audio', '50', '4']).groups, [4, 29, 50]);
    assert.deepEqual(resolveUser('guest:adm', files, ['audio']).groups, [29]);
  });
  test('one that is not there', () => {
    assert.throws(() => resolveUser('', files, ['nope']), { message: 'Unable to find group nope: no matching entries in group file' });
  });
});

test('without files, numbers only', () => {
  const none = { passwd: '', group: '' };
  assert.deepEqual(resolveUser('', none), { uid: 0, gid: 0, groups: [], home: '/' });
  assert.deepEqual(resolveUser('7:8', none), { uid: 7, gid: 8, groups: [], home: '/' });
  assert.throws(() => resolveUser('root', none), /unable to find user root/);
});
