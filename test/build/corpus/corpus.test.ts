import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { CORPUS } from './corpus.ts';

const here = import.meta.dirname;

test('every case has a name and a Dockerfile of its own, and every Dockerfile and result its case', () => {
  const names = CORPUS.map(({ name }) => name);
  assert.deepEqual(names, [...new Set(names)]);
  const named = (folder: string, extension: string) =>
    readdirSync(folder)
      .map((file) => file.replace(extension, ''))
      .toSorted();
  const withFile = CORPUS.filter(({ dockerfile }) => dockerfile === undefined).map(({ name }) => name);
  assert.deepEqual(named(`${here}/dockerfiles`, '.Dockerfile'), withFile.toSorted());
  assert.deepEqual(named(`${here}/../expected`, '.json'), names.toSorted());
});
