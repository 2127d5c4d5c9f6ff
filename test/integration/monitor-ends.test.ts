/** How processes end, and `--init`: what the exit record says, and that it is true. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { DEFAULT_RUN } from '../../src/engine/contract.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { collector, engineFor, finished, logLines, shell, until } from '../support/monitored.ts';

let sh: ReturnType<typeof shell>;
before(async () => {
  sh = shell(await busyboxRootfs());
});

describe('the exit record', () => {
  for (const [name, script, status, signal] of [
    ['a code', 'exit 42', 42, 0],
    ['a signal that the first process sends itself from outside a pid namespace', 'kill -TERM $$', 143, 15],
    ['a signal that dumps core', 'ulimit -c unlimited; kill -ABRT $$', 134, 6],
    ['a real-time signal', 'kill -40 $$', 168, 40],
  ] as const)
    test(name, async (t) => {
      const { engine } = engineFor(t);
      const namespaces = { ...DEFAULT_RUN.namespaces, pid: { kind: 'host' as const } };
      const { exit, told } = await finished(engine, sh(`cd /tmp; ${script}`, { namespaces }));
      for (const record of [told, exit!]) assert.deepEqual([record.status, record.signal, record.oomKilled, record.error], [status, signal, false, undefined]);
      assert.ok(BigInt(told.exitedAt) >= BigInt(told.startedAt) && BigInt(told.startedAt) > 0n);
    });

  test('the OOM killer: said in the event, in the file and to who waits; the file itself says only what was read', async (t) => {
    const { engine, state } = engineFor(t);
    const running = await engine.run(
      sh('sleep 0.2; head -c 200m /dev/zero | tail | wc -c; exit 3', { limits: { ...DEFAULT_RUN.limits, memory: 32 << 20, memorySwap: 32 << 20 } }),
    );
    const waited = engine.wait(running.containerId);
    const records = [await running.wait(), await waited, (await engine.find(running.containerId)).exit!];
    for (const record of records) assert.deepEqual([record.status, record.oomKilled], [3, true]);
    const text = readFileSync(`${state}/containers/${running.containerId}/exit.json`, 'utf8');
    assert.ok(!text.includes('oomKilled'), 'the monitor does not know, and does not say');
    assert.match(text, /oom_kill [1-9]/);
  });

  test('of an exec', async (t) => {
    const { engine } = engineFor(t);
    const { containerId } = await engine.run(sh('sleep 60'));
    const code = async (script: string) => {
      const { status, signal } = await (await engine.exec(containerId, { args: ['sh', '-c', script] })).wait();
      return [status, signal];
    };
    assert.deepEqual(await code('exit 7'), [7, 0]);
    assert.deepEqual(await code('kill -SEGV $$'), [139, 11]);
  });

  test('kill and wait after the end', async (t) => {
    const { engine } = engineFor(t);
    const running = await engine.run(sh('exit 4'));
    assert.equal((await running.wait()).status, 4);
    await assert.rejects(running.kill(15), { kind: 'not-found' });
    await assert.rejects(engine.kill(running.containerId, 15), { kind: 'conflict' });
    await engine.stop(running.containerId);
    engine.close();
    assert.equal((await running.wait()).status, 4);
    assert.equal((await engine.wait(running.containerId)).status, 4);
  });

  test('stop with no time limit waits; with one it kills', async (t) => {
    const { engine } = engineFor(t);
    const slow = await engine.run(sh('trap "sleep 0.5; exit 6" TERM; echo ready; while :; do sleep 0.1; done', { name: 'slow' }));
    await until('it is ready', async () => (await engine.logs('slow')[Symbol.asyncIterator]().next()).value?.log === 'ready\n');
    await engine.stop(slow.containerId, -1);
    assert.equal((await slow.wait()).status, 6);
    const deaf = await engine.run(sh('trap "" TERM; while :; do sleep 0.1; done'));
    await engine.stop(deaf.containerId, 0);
    assert.equal((await deaf.wait()).status, 137);
  });
});

describe('--init', () => {
  test('reaps orphans, runs the program in the foreground of a group of its own, gives its exit code', async (t) => {
    const { engine } = engineFor(t);
    const output = collector();
    const script = '(sleep 0.1 & sleep 0.1 &) ; sleep 0.5; cut -d" " -f1-8 /proc/self/stat; grep -l "^State:.Z" /proc/[0-9]*/status; exit 5';
    const running = await engine.run({ ...sh(script, { init: true, tty: true }), detach: false }, { stdout: output });
    assert.equal((await running.wait()).status, 5);
    await running.attached();
    const [, , , , , , , foreground] = output.text().split('\r\n')[0]!.split(' ');
    const group = output.text().split(' ')[4];
    assert.equal(group, foreground, output.text());
    assert.ok(!output.text().includes('/status'), `zombies: ${output.text()}`);
  });

  test('without it orphans stay zombies: the test above can fail', async (t) => {
    const { engine } = engineFor(t);
    const output = collector();
    // exec: a shell as pid 1 would reap
    const script = '(sleep 0.1 & sleep 0.1 &) ; exec awk \'BEGIN { system("sleep 0.5"); system("grep -l ^State:.Z /proc/[0-9]*/status") }\'';
    const running = await engine.run({ ...sh(script), detach: false }, { stdout: output });
    await running.wait();
    await running.attached();
    assert.match(output.text(), /status/);
  });

  test('hands on every signal that can be caught, real-time ones and CONT after TSTP too', async (t) => {
    const { engine } = engineFor(t);
    const wanted = [1, 2, 3, 10, 12, 14, 15, 18, 20, 21, 22, 23, 28, 34, 50, 64];
    const traps = wanted.map((number) => `trap 'echo got ${number}' ${number}`).join('; ');
    const running = await engine.run(sh(`${traps}; echo ready; while :; do sleep 0.05; done`, { init: true }));
    const { logPath } = await engine.find(running.containerId);
    const seen = async () => logLines(logPath).map(({ log }) => log.trim());
    await until('it is ready', async () => (await seen()).includes('ready'));
    for (const number of wanted) {
      await engine.kill(running.containerId, number);
      await until(`signal ${number}`, async () => (await seen()).includes(`got ${number}`));
    }
    await running.kill(9);
    assert.deepEqual([(await running.wait()).status], [137]);
  });

  test('a program that a signal ends: 128 and its number', async (t) => {
    const { engine } = engineFor(t);
    const running = await engine.run(sh('exec sleep 60', { init: true }));
    await until('the program runs', () => readFileSync(`/proc/${running.pid}/task/${running.pid}/children`, 'utf8') !== '');
    await new Promise((resolve) => setTimeout(resolve, 200));
    await engine.kill(running.containerId, 15);
    assert.equal((await running.wait()).status, 143);
  });
});
