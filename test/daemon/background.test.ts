/** The daemon that a command starts where somebody must stay. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../../src/base/errors.ts';
import { listens, startInBackground } from '../../src/kernel/linux/background-daemon.ts';
import { kobako } from '../support/kobako.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { tempFor } from '../support/temp.ts';

function ground(t: TestContext) {
  const hooks: (() => unknown)[] = [];
  t.after(async () => {
    for (const hook of hooks) await hook();
  });
  const folder = tempFor(t);
  const env = { ...process.env, KOBAKO_STATE_DIR: `${folder}/state`, KOBAKO_DATA_ROOT: `${folder}/data`, KOBAKO_DAEMON: '', KOBAKO_HOST: '', DOCKER_HOST: '' };
  const pidfile = `${folder}/state/daemon.pid`;
  const pid = () => Number(readFileSync(pidfile, 'utf8'));
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await kobako(args, { env });
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  hooks.push(async () => {
    if (!existsSync(pidfile)) return;
    const left = await run('ps', '-aq');
    if (left !== '') await run('rm', '-f', ...left.split('\n'));
    const daemon = pid();
    process.kill(daemon, 'SIGTERM');
    while (existsSync(`/proc/${daemon}/stat`)) await sleep(20);
  });
  return { folder, run, pid };
}

/** A program that listens, and nothing else. */
const LISTENER = `
  const { appendFileSync, chmodSync } = require('node:fs');
  appendFileSync(process.argv[2], process.pid + '\\n');
  require('node:net').createServer((socket) => socket.destroy()).listen(process.argv[1]);
  process.on('SIGTERM', () => process.exit());
`;

describe('a daemon in the background', () => {
  test('several who start one at once: one starts it, all find it', async (t) => {
    const folder = tempFor(t);
    const socket = `${folder}/s/kobako.sock`;
    const started = `${folder}/started`;
    const pids = () => (existsSync(started) ? readFileSync(started, 'utf8').trim().split('\n').map(Number) : []);
    t.after(() => pids().forEach((pid) => process.kill(pid, 'SIGTERM')));
    assert.equal(await listens(socket), false);
    const daemon = { command: [process.execPath, '-e', LISTENER, socket, started], env: {}, socket } as const;
    await Promise.all([1, 2, 3].map(() => startInBackground(daemon)));
    assert.equal(await listens(socket), true);
    await startInBackground(daemon);
    assert.equal(pids().length, 1);
  });

  test('one that cannot start says why, and only that', async (t) => {
    const socket = `${tempFor(t)}/kobako.sock`;
    const start = (words: string) => startInBackground({ command: ['sh', '-c', `echo ${words} >&2; exit 3`], env: { PATH: process.env['PATH'] }, socket });
    const shown = (words: string) => (error: unknown) =>
      error instanceof EngineError &&
      error.message === 'the daemon could not be started: it ended with exit code 3' &&
      (error.detail as { shown: string }).shown === words;
    await assert.rejects(start('first'), shown('first'));
    await assert.rejects(start('second'), shown('second'));
    await assert.rejects(startInBackground({ command: ['/no/such/program'], env: {}, socket }), /could not be started: spawn \/no\/such\/program ENOENT/);
  });

  test('run -d has one: it restarts what ends, and whoever comes next finds it', async (t) => {
    const { run, pid } = ground(t);
    const root = `${await busyboxRootfs()}:O`;
    assert.equal(await run('run', '--rm', '--rootfs', root, 'echo', 'alone'), 'alone');
    assert.throws(pid, 'nobody had to stay');
    await run('run', '-d', '--name', 'comes-back', '--restart', 'always', '--rootfs', root, 'sh', '-c', 'sleep 0.2; exit 1');
    const daemon = pid();
    while (Number(await run('inspect', '-f', '{{.RestartCount}}', 'comes-back')) < 2) await sleep(50);
    await run('run', '-d', '--rm', '--name', 'goes', '--rootfs', root, 'true');
    while ((await run('ps', '-a', '--format', '{{.Names}}')) !== 'comes-back') await sleep(50);
    assert.equal(await run('run', '--rm', '--rootfs', root, 'echo', 'together'), 'together');
    assert.equal(pid(), daemon);
  });
});
