import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isGitUrl, parseGitUrl } from './build-git.ts';

test('repositories as Docker tells them from files', () => {
  for (const url of ['https://h/r.git', 'https://h/r.git#main:sub', 'git://h/r', 'git@h:r', 'ssh://h/r', 'github.com/o/r', 'https://h/r.git?ref=x'])
    assert.ok(isGitUrl(url), url);
  for (const url of ['https://h/r.tar', 'http://h/a.git.tar', 'file', '/path.git']) assert.ok(!isGitUrl(url), url);
  assert.deepEqual(parseGitUrl('https://h/r.git#main:a/b'), { remote: 'https://h/r.git', ref: 'main', folder: 'a/b' });
  assert.deepEqual(parseGitUrl('https://h/r.git?tag=v1&subdir=x'), { remote: 'https://h/r.git', ref: 'v1', folder: 'x' });
  assert.deepEqual(parseGitUrl('github.com/o/r'), { remote: 'https://github.com/o/r', ref: '', folder: '' });
  for (const url of ['https://h/r.git#--upload-pack=x', 'https://h/r.git#a:../../etc', '-x.git', 'https://h/r.git#a b'])
    assert.throws(() => parseGitUrl(url), { kind: 'invalid' }, url);
});
