import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeMode, parseChmod } from './chmod.ts';

test('modes as COPY --chmod takes them', () => {
  const rows: readonly (readonly [text: string, before: number, folder: boolean, after: number])[] = [
    ['', 0o644, false, 0o644],
    ['755', 0o600, false, 0o755],
    ['0755', 0o600, false, 0o755],
    ['4755', 0o600, false, 0o4755],
    ['u+x', 0o644, false, 0o744],
    ['+x', 0o644, false, 0o755],
    ['a=r', 0o777, false, 0o444],
    ['go-rwx', 0o777, false, 0o700],
    ['u=rwx,go=rX', 0o644, true, 0o755],
    ['u=rw,go=rX', 0o644, false, 0o644],
    ['a+X', 0o644, false, 0o644],
    ['a+X', 0o744, false, 0o755],
    ['g=u', 0o640, false, 0o660],
    ['u+s', 0o755, false, 0o4755],
    ['o+t', 0o755, true, 0o1755],
    ['u-w+x', 0o644, false, 0o544],
  ];
  for (const [text, before, folder, after] of rows) assert.equal(changeMode(before, parseChmod(text), folder), after, `${text} of ${before.toString(8)}`);
  for (const text of ['888', '77777', 'u', 'z+x', 'u+q', 'u+x,', '-1']) assert.throws(() => parseChmod(text), { kind: 'invalid' }, text);
});
