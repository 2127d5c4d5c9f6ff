/** What docker exec and attach answer to what is asked wrongly, as their users know it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { daemonForAll } from '../support/daemon.ts';

const daemon = await daemonForAll();

async function exec(body: object): Promise<{ readonly text: string; readonly code: number | null; readonly keys: string }> {
  const made = await daemon.api.post('/v1.51/containers/place/exec', { AttachStdout: true, AttachStderr: true, Tty: true, ...body });
  assert.equal(made.status, 201, made.text);
  const { Id } = made.json as { Id: string };
  const { text } = await daemon.api.post(`/v1.51/exec/${Id}/start`, { Tty: true });
  const { ExitCode, DetachKeys } = (await daemon.api.get(`/v1.51/exec/${Id}/json`)).json as { ExitCode: number | null; DetachKeys: string };
  return { text: text.trim(), code: ExitCode, keys: DetachKeys };
}

test('exec: folders that are none, and a program without a name', async () => {
  await daemon.run({ Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: 'none' } }, 'place');
  assert.deepEqual(await exec({ Cmd: ['pwd'], WorkingDir: '/tmp', DetachKeys: 'ctrl-a' }), { text: '/tmp', code: 0, keys: 'AQ==' });
  const missing = await exec({ Cmd: ['pwd'], WorkingDir: '/none' });
  assert.match(missing.text, /chdir to cwd \("\/none"\) set in config\.json failed: no such file or directory/);
  assert.equal(missing.code, 127);
  const relative = await exec({ Cmd: ['pwd'], WorkingDir: 'tmp' });
  assert.match(relative.text, /Cwd must be an absolute path/);
  assert.equal(relative.code, 128);
  const nameless = await exec({ Cmd: [''] });
  assert.match(nameless.text, /exec: "": executable file not found in \$PATH/);
  assert.equal(nameless.code, 127);
});

test('run: a program without a name is not found', async () => {
  const id = await daemon.create({ Cmd: [''], HostConfig: { NetworkMode: 'none' } });
  const started = await daemon.api.post(`/v1.51/containers/${id}/start`);
  assert.match(started.text, /exec: \\"\\": executable file not found in \$PATH/);
  const { State } = (await daemon.api.get(`/v1.51/containers/${id}/json`)).json as { State: { ExitCode: number } };
  assert.equal(State.ExitCode, 127);
});

test('detach keys that are none', async () => {
  const id = await daemon.create({ Cmd: ['true'], HostConfig: { NetworkMode: 'none' } });
  const attached = await daemon.api.post(`/v1.51/containers/${id}/attach?stream=1&stdout=1&detachKeys=ctrl-1`);
  assert.deepEqual([attached.status, attached.json], [400, { message: 'Invalid detach keys (ctrl-1) provided' }]);
  const made = await daemon.api.post('/v1.51/containers/place/exec', { Cmd: ['true'], DetachKeys: 'bogus' });
  assert.deepEqual([made.status, made.json], [400, { message: 'Invalid escape keys (bogus) provided' }]);
});
