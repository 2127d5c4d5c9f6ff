import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProcess, parseResources, parseSpec } from './validate.ts';

const spec = (more: object) => JSON.stringify({ ociVersion: '1.0.2', root: { path: 'rootfs' }, ...more });

test('a wrong field is named, with what it must be', () => {
  const cases: [object, string][] = [
    [{ process: { cwd: 1 } }, 'config.json.process.cwd: must be a string'],
    [{ process: {} }, 'config.json.process.cwd: is missing'],
    [{ process: { cwd: '/', args: 'sh' } }, 'config.json.process.args: must be a list'],
    [{ process: { cwd: '/', args: ['sh', 1] } }, 'config.json.process.args[1]: must be a string'],
    [{ process: { cwd: '/', user: { uid: -1 } } }, 'config.json.process.user.uid: must be from 0 to 4294967295'],
    [{ process: { cwd: '/\0' } }, 'config.json.process.cwd: must not contain a NUL byte'],
    [{ process: { cwd: '/'.repeat(5000) } }, 'config.json.process.cwd: is longer than a path can be'],
    [{ mounts: [{}] }, 'config.json.mounts[0].destination: is missing'],
    [{ hooks: { poststop: [{ path: '/x', timeout: 1.5 }] } }, 'config.json.hooks.poststop[0].timeout: must be a whole number'],
    [{ linux: { seccomp: { syscalls: [] } } }, 'config.json.linux.seccomp.defaultAction: is missing'],
    [{ linux: [] }, 'config.json.linux: must be an object'],
    [{ annotations: { key: 1 } }, 'config.json.annotations.key: must be a string'],
    [{ root: undefined }, 'config.json.root: is missing'],
    [{ ociVersion: '2.0.0' }, 'config.json.ociVersion: "2.0.0" is not of version 1'],
  ];
  for (const [more, message] of cases) assert.throws(() => parseSpec(spec(more)), { message, kind: 'invalid' });
});

test('text that is no JSON, or is something else', () => {
  for (const text of ['', '{', '[', 'nothing', `${'['.repeat(100_000)}`]) assert.throws(() => parseSpec(text), /^EngineError: config\.json: /);
  for (const text of ['[]', '1', 'null', '"x"']) assert.throws(() => parseSpec(text), { message: 'config.json: must be an object' });
  assert.throws(() => parseProcess('[]'), { message: 'process: must be an object' });
  assert.throws(() => parseResources('{"pids":1}'), { message: 'resources.pids: must be an object' });
});

test('what Go writes and what nobody knows is fine', () => {
  const { process } = parseSpec(spec({ process: { cwd: '/', args: null, rlimits: [{ type: 'RLIMIT_CORE', soft: 0, hard: 1 }] }, unknown: { deep: 1 } }));
  assert.equal(process!.args, undefined);
  const large = parseSpec('{"ociVersion":"1.0.2","root":{"path":"x"},"linux":{"seccomp":{"defaultAction":"A","defaultErrnoRet":18446744073709551615}}}');
  assert.equal(large.linux!.seccomp!.defaultErrnoRet as unknown, 18446744073709551615n);
});
