/** The data root's disk is full: what needs room is refused in words that say so, all else goes on, and so does the daemon. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { ApiAnswer } from '../support/api-client.ts';
import { TestDaemon } from '../support/daemon.ts';
import { nothingLeft } from '../support/daemon-state.ts';
import { fill } from '../support/full-disk.ts';
import { runOk } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

const NO_ROOM = /no space left on device/;
const QUIET = { Image: 'busybox', Cmd: ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.05; done'], HostConfig: { NetworkMode: 'none' } };

const hooks: (() => void)[] = [];
const daemon = new TestDaemon(tempFor({ after: (hook) => void hooks.push(hook) }), []);
const ballast = `${daemon.dataRoot}/ballast`;
let running = '';
let created = '';

const post = (path: string, body?: unknown) => daemon.api.post(`/v1.51${path}`, body, { checked: false });
const refused = ({ status, text }: ApiAnswer) => {
  assert.equal(status, 500, text);
  assert.match(text, NO_ROOM);
};

for (const storage of ['tmpfs', 'ext4'] as const) {
  describe(`a full ${storage}`, () => {
    before(async () => {
      mkdirSync(daemon.dataRoot);
      if (storage === 'tmpfs') await runOk('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'kobako-test', daemon.dataRoot]);
      else {
        await runOk('truncate', ['-s', '32M', `${daemon.folder}/disk`]);
        await runOk('mkfs.ext4', ['-q', '-m', '0', `${daemon.folder}/disk`]);
        await runOk('mount', ['-o', 'loop', `${daemon.folder}/disk`, daemon.dataRoot]);
      }
      await daemon.start();
      await daemon.importBusybox();
      running = await daemon.run(QUIET);
      created = ((await post('/containers/create', QUIET)).json as { Id: string }).Id;
      fill(ballast);
    });
    after(async () => {
      rmSync(ballast, { force: true });
      for (const { Id } of (await daemon.api.get('/v1.51/containers/json?all=1', { checked: false })).json as { Id: string }[])
        await daemon.api.delete(`/v1.51/containers/${Id}?force=1`);
      nothingLeft(daemon);
      await daemon.stop();
      await runOk('umount', [daemon.dataRoot]);
      rmSync(daemon.dataRoot, { recursive: true });
    });

    test('create, start, import, load, commit and files into a container say so', async () => {
      refused(await post('/containers/create?name=new', QUIET));
      refused(await post(`/containers/${created}/start`));
      const again = await post(`/containers/${created}/start`);
      refused(again);
      const body = readFileSync(`${daemon.folder}/busybox.tar`);
      const headers = { 'Content-Type': 'application/x-tar' };
      const imported = await daemon.api.ask('POST', '/v1.51/images/create?fromSrc=-&repo=other', { body, headers, checked: false });
      assert.match(imported.text, NO_ROOM);
      const loaded = await daemon.api.ask('POST', '/v1.51/images/load', { body: await savedImage(), headers, checked: false });
      assert.match(loaded.text, NO_ROOM);
      refused(await post(`/commit?container=${running}&repo=committed`, {}));
      refused(await daemon.api.ask('PUT', `/v1.51/containers/${running}/archive?path=/`, { body, headers, checked: false }));
    });

    test('what needs no room goes on: looking, exec, logs, stop, kill, rm', async () => {
      for (const path of ['/info', '/version', '/containers/json?all=1', '/images/json', `/containers/${running}/json`, `/containers/${running}/logs?stdout=1`])
        assert.equal((await daemon.api.get(`/v1.51${path}`, { checked: false })).status, 200, path);
      const exec = await post(`/containers/${running}/exec`, { Cmd: ['sh', '-c', 'echo from exec; exit 5'], AttachStdout: true });
      assert.equal(exec.status, 201, exec.text);
      const { Id } = exec.json as { Id: string };
      const started = await post(`/exec/${Id}/start`, {});
      assert.match(started.text, /from exec/);
      assert.equal(((await daemon.api.get(`/v1.51/exec/${Id}/json`)).json as { ExitCode: number }).ExitCode, 5);
      const stopped = await post(`/containers/${running}/stop`);
      assert.equal(stopped.status, 204, stopped.text);
      assert.equal((await post(`/containers/${running}/wait`)).status, 200);
      const { State } = (await daemon.api.get(`/v1.51/containers/${running}/json`)).json as { State: { Running: boolean; ExitCode: number } };
      assert.deepEqual([State.Running, State.ExitCode], [false, 0]);
      assert.equal((await daemon.api.delete(`/v1.51/containers/${running}`)).status, 204);
    });

    test('with room again everything works, and nothing half made is there', async () => {
      rmSync(ballast);
      const started = await post(`/containers/${created}/start`);
      assert.equal(started.status, 204, started.text);
      running = await daemon.run(QUIET, 'new');
      const { json } = await daemon.api.get('/v1.51/images/json');
      assert.deepEqual(
        (json as { RepoTags: string[] }[]).flatMap(({ RepoTags }) => RepoTags),
        ['busybox:latest'],
      );
      assert.equal((await daemon.api.get('/_ping')).text, 'OK');
      assert.doesNotMatch(daemon.log(), /nobody (?:caught|waited for)/);
    });
  });
}

async function savedImage(): Promise<Buffer> {
  const response = await daemon.api.stream('GET', '/v1.51/images/busybox/get');
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
