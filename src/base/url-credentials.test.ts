import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutCredentials } from './url-credentials.ts';

test('names and passwords of URLs are struck out, and nothing else', () => {
  const cases: Readonly<Record<string, string>> = {
    'https://u:p@host/x': 'https://xxxxx:xxxxx@host/x',
    'https://token@host/x.git#main': 'https://xxxxx@host/x.git#main',
    'https://u:p@ss@host': 'https://xxxxx:xxxxx@host',
    'get git+ssh://a:b@h/p and http://c@i/q': 'get git+ssh://xxxxx:xxxxx@h/p and http://xxxxx@i/q',
    'https://host/a@b': 'https://host/a@b',
    'https://host?mail=a@b': 'https://host?mail=a@b',
    'git@host:repo.git': 'git@host:repo.git',
    'pkg:docker/a@1?platform=linux%2Famd64': 'pkg:docker/a@1?platform=linux%2Famd64',
  };
  for (const [text, shown] of Object.entries(cases)) assert.equal(withoutCredentials(text), shown);
});
