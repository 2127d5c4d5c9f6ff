import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { uniqueName } from './unique-name.ts';

test('no name comes twice, also from another process', () => {
  const source = `import { uniqueName } from ${JSON.stringify(new URL('unique-name.ts', import.meta.url).href)}; console.log(uniqueName());`;
  const others = [0, 1].map(() => execFileSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' }).trim());
  const names = [...Array.from({ length: 1000 }, uniqueName), ...others];
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.match(name, /^[0-9a-z]{17,}$/);
});
