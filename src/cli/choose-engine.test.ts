import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine } from '../engine/contract.ts';
import { chooseEngine } from './choose-engine.ts';
import type { EngineNeed } from './context.ts';

/** What was done, in its order. */
async function chosen(env: Record<string, string>, { listens = false, need = {} as EngineNeed } = {}): Promise<string[]> {
  const done: string[] = [];
  await chooseEngine(
    env,
    {
      connect: async (url) => (done.push(`connect ${url}`), {} as Engine),
      open: async () => (done.push('open'), {} as Engine),
      listens: async (socket) => (done.push(`listens ${socket}`), listens),
      startDaemon: async (socket) => void done.push(`start ${socket}`),
    },
    need,
  );
  return done;
}

const SOCKET = '/run/kobako/kobako.sock';

test('a daemon that is named is taken, whatever else there is', async () => {
  assert.deepEqual(await chosen({ DOCKER_HOST: 'tcp://d' }), ['connect tcp://d']);
  assert.deepEqual(await chosen({ DOCKER_HOST: 'tcp://d', KOBAKO_HOST: 'tcp://k' }, { need: { stays: true } }), ['connect tcp://k']);
  assert.deepEqual(await chosen({ DOCKER_HOST: '' }), [`listens ${SOCKET}`, 'open']);
});

test('the daemon of the state folder, else this process', async () => {
  assert.deepEqual(await chosen({}, { listens: true }), [`listens ${SOCKET}`, `connect unix://${SOCKET}`]);
  assert.deepEqual(await chosen({ KOBAKO_DAEMON: 'never' }, { listens: true }), [`listens ${SOCKET}`, `connect unix://${SOCKET}`]);
  assert.deepEqual(await chosen({ KOBAKO_STATE_DIR: '/x' }), ['listens /x/kobako.sock', 'open']);
});

test('where somebody must stay a daemon is started, unless that is never wanted', async () => {
  const need = { stays: true };
  assert.deepEqual(await chosen({}, { need }), [`listens ${SOCKET}`, `start ${SOCKET}`, `connect unix://${SOCKET}`]);
  assert.deepEqual(await chosen({}, { need, listens: true }), [`listens ${SOCKET}`, `connect unix://${SOCKET}`]);
  assert.deepEqual(await chosen({ KOBAKO_DAEMON: 'never' }, { need }), [`listens ${SOCKET}`, 'open']);
});
