/** The monitor under strain: terminals, input from several sides, clients that misbehave, disks and tables that are full. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { attachTo } from '../../src/engine/start-process.ts';
import { askOnce, FrameReader } from '../../src/kernel/linux/monitor-client.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { collector, engineFor, logLines, monitorOf, shell, socketOf, until } from '../support/monitored.ts';

let sh: ReturnType<typeof shell>;
before(async () => {
  sh = shell(await busyboxRootfs());
});

/** Clock ticks of processor time. */
const ticks = (pid: number) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return Number(fields[11]) + Number(fields[12]);
};
const limit = (pid: number, resource: string, soft: number | '') => execFileSync('prlimit', ['--pid', String(pid), `--${resource}=${soft}:`]);
const connected = (path: string) =>
  new Promise<Socket>((resolve) => {
    const socket = connect(path, () => resolve(socket));
  });
const closed = (socket: Socket) => new Promise<void>((resolve) => socket.once('close', resolve));

describe('a terminal', () => {
  test('its size, a change of it, and SIGWINCH', async (t) => {
    const { engine } = engineFor(t);
    const stdout = collector();
    const script = "trap 'stty size' WINCH; stty size; echo ready; for i in $(seq 100); do sleep 0.1; done";
    const running = await engine.run({ ...sh(script, { tty: true, stdin: true }), detach: false }, { stdout, size: { rows: 11, cols: 22 } });
    await until('it is ready', () => stdout.text().includes('ready'));
    assert.ok(stdout.text().includes('11 22'));
    await running.resize({ rows: 33, cols: 44 });
    await until('it has seen the new size', () => stdout.text().includes('33 44'));
    await running.kill(9);
  });

  test('detach keys, and attach again in the middle: what is typed and written goes on', async (t) => {
    const { engine } = engineFor(t);
    const [stdin, first, second] = [new PassThrough(), collector(), collector()];
    const script = 'stty -echo; echo ready; while read line; do echo "got $line"; done';
    const running = await engine.run({ ...sh(script, { tty: true, stdin: true }), detach: false }, { stdin, stdout: first });
    await until('it is ready', () => first.text().includes('ready'));
    stdin.write('one\n');
    await until('an answer', () => first.text().includes('got one'));
    stdin.write('\x10\x11');
    assert.deepEqual(await running.attached(), { kind: 'detached' });
    const again = new PassThrough();
    const attached = await engine.attach(running.containerId, { stdin: again, stdout: second, detachKeys: 'x,y' });
    again.write('two\n\x10\x11three\n');
    await until('an answer to the second', () => second.text().includes('three'));
    assert.ok(second.text().includes('got two'));
    again.write('xy');
    assert.deepEqual(await attached.attached(), { kind: 'detached' });
    assert.equal((await engine.find(running.containerId)).state, 'running');
    assert.ok(!first.text().includes('two'));
  });
});

describe('input', () => {
  test('half-closed, while the output goes on', async (t) => {
    const { engine } = engineFor(t);
    const [stdin, stdout] = [new PassThrough(), collector()];
    const running = await engine.run({ ...sh('cat; for i in 1 2 3; do sleep 0.1; echo "after $i"; done', { stdin: true }), detach: false }, { stdin, stdout });
    stdin.end('x'.repeat(300_000));
    await running.attached();
    assert.equal(stdout.text(), `${'x'.repeat(300_000)}after 1\nafter 2\nafter 3\n`);
  });

  test('of several clients: every line of each arrives whole', async (t) => {
    const { engine, state } = engineFor(t);
    const running = await engine.run(sh('head -n 3000', { stdin: true }));
    const path = socketOf(state, running.containerId);
    const clients = await Promise.all(['a', 'b', 'c'].map(async (name) => ({ name, socket: await attachTo(path, { stdin: new PassThrough() }) })));
    for (let i = 0; i < 1000; i++) for (const { name, socket } of clients) socket.write(`${name}${i}\n`);
    await running.wait();
    const got = logLines((await engine.find(running.containerId)).logPath).map(({ log }) => log.trim());
    for (const { name, socket } of clients) {
      assert.deepEqual(
        got.filter((line) => line.startsWith(name)),
        Array.from({ length: 1000 }, (_, i) => `${name}${i}`),
      );
      socket.destroy();
    }
  });

  test('attached at the start, it ends with its client; kept open (-i) without one, it does not', async (t) => {
    const { engine } = engineFor(t);
    const stdin = new PassThrough();
    const once = await engine.run({ ...sh('cat >/dev/null; exit 8', { stdin: true }), detach: false }, { stdin });
    stdin.end();
    assert.equal((await once.wait()).status, 8);
    const kept = await engine.run(sh('while read line; do echo "got $line"; done', { stdin: true }));
    for (const text of ['one', 'two']) {
      const [input, stdout] = [new PassThrough(), collector()];
      const attached = await engine.attach(kept.containerId, { stdin: input, stdout });
      input.write(`${text}\n`);
      await until('an answer', () => stdout.text() === `got ${text}\n`);
      input.end();
      assert.equal((await engine.find(kept.containerId)).state, 'running');
      void attached;
    }
  });
});

describe('clients that misbehave', () => {
  test('200 that attach and go leave no place taken, on a container that writes nothing', async (t) => {
    const { engine, state } = engineFor(t);
    const running = await engine.run(sh('sleep 60', { stdin: true }));
    const path = socketOf(state, running.containerId);
    const fds = () => execFileSync('ls', [`/proc/${monitorOf(state, running.containerId)}/fd`], { encoding: 'utf8' }).split('\n').length;
    const before = fds();
    for (let i = 0; i < 200; i++) (await attachTo(path, { stdout: new PassThrough(), ...(i % 2 === 0 ? { stdin: new PassThrough() } : {}) })).destroy();
    await until('the monitor has let go of them', () => fds() === before);
    assert.match(await askOnce(path, 'status'), /running/);
  });

  test('those that go while a container reads no input give up their places, once others need them; what they sent before is still read', async (t) => {
    const { engine, state } = engineFor(t);
    const running = await engine.run(sh('while ! [ -e /go ]; do sleep 0.1; done; head -c 150010 | wc -c; sleep 60', { stdin: true }));
    const path = socketOf(state, running.containerId);
    const first = await attachTo(path, { stdin: new PassThrough() });
    await new Promise((sent) => first.write('x'.repeat(150_000), sent));
    first.destroy();
    for (let i = 0; i < 200; i++) {
      const socket = await attachTo(path, { stdin: new PassThrough() });
      if (i % 2 === 0) await new Promise((sent) => socket.write('y', sent));
      socket.destroy();
    }
    assert.match(await askOnce(path, 'status'), /running/);
    const pid = monitorOf(state, running.containerId);
    const before = ticks(pid);
    await sleep(1000);
    assert.ok(ticks(pid) - before <= 5, `${ticks(pid) - before} ticks of processor time in a second`);
    const stdout = collector();
    const last = await engine.attach(running.containerId, { stdout });
    await (await engine.exec(running.containerId, { args: ['touch', '/go'] })).wait();
    await until('all has been read', () => stdout.text().trim() === '150010');
    void last;
    await running.kill(9);
  });

  test('64 that say nothing: the next is told so, and has a place when one goes', async (t) => {
    const { engine, state } = engineFor(t);
    const running = await engine.run(sh('sleep 60'));
    const path = socketOf(state, running.containerId);
    const silent = await Promise.all(Array.from({ length: 64 }, () => connected(path)));
    await assert.rejects(askOnce(path, 'status'), /too many clients|went away/);
    silent[0]!.destroy();
    await until('there is a place', () =>
      askOnce(path, 'status').then(
        () => true,
        () => false,
      ),
    );
    for (const socket of silent) socket.destroy();
  });

  test('no fd left for another: the monitor does not spin, and takes it when it can', async (t) => {
    const { engine, state } = engineFor(t);
    const running = await engine.run(sh('sleep 60'));
    const path = socketOf(state, running.containerId);
    const pid = monitorOf(state, running.containerId);
    const open = readdirSync(`/proc/${pid}/fd`).map(Number);
    const free = Array.from({ length: 40 }, (_, fd) => fd).filter((fd) => !open.includes(fd)).length;
    limit(pid, 'nofile', 40);
    const fillers = await Promise.all(Array.from({ length: free }, () => connected(path)));
    const waiting = askOnce(path, 'status');
    await new Promise((resolve) => setTimeout(resolve, 300));
    const before = ticks(pid);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.ok(ticks(pid) - before <= 5, `${ticks(pid) - before} ticks of processor time in a second`);
    limit(pid, 'nofile', 1024);
    assert.match(await waiting, /running/);
    for (const socket of fillers) socket.destroy();
  });

  test('100 MB behind: the log goes on, and then all arrives', async (t) => {
    const { engine, state } = engineFor(t);
    const running = await engine.run(
      sh('read go; i=0; while [ $i -lt 100 ]; do head -c 1000000 /dev/zero | tr "\\0" x; echo; i=$((i+1)); done; exit 3', {
        stdin: true,
        logMaxSize: 5_000_000,
        logMaxFile: 2,
      }),
    );
    const path = socketOf(state, running.containerId);
    const slow = await attachTo(path, { stdin: new PassThrough(), stdout: new PassThrough() });
    slow.pause();
    slow.write('go\n');
    // it ends while the client sleeps, and whoever asks is told at once
    assert.equal((await running.wait()).status, 3);
    assert.equal((await engine.find(running.containerId)).state, 'exited');
    let bytes = 0;
    const frames = new FrameReader((_, payload) => (bytes += payload.length));
    slow.on('data', (chunk: Buffer) => frames.push(chunk)).resume();
    slow.once('end', () => slow.destroy());
    await closed(slow);
    assert.equal(bytes, 100 * 1_000_001);
  });

  test('behind, and reading little by little: it gets what was written, not what the disk has had back', async (t) => {
    const { engine, state } = engineFor(t);
    const all = Buffer.from(Array.from({ length: 300_000 }, (_, index) => `${index + 1}\n`).join(''));
    const running = await engine.run(sh('seq 300000 >/all; while read n; do head -c $n /all; done', { stdin: true, logDriver: 'none' }));
    const slow = await attachTo(socketOf(state, running.containerId), { stdin: new PassThrough(), stdout: new PassThrough() });
    let got: Buffer[] = [];
    const frames = new FrameReader((_, payload) => void got.push(Buffer.from(payload)));
    slow.on('data', (chunk: Buffer) => {
      frames.push(chunk);
      slow.pause();
    });
    // what is given back is what has been sent, in pieces of a MiB; the last ones end here and there in a page
    for (let size = 1_100_001; size < 1_600_000; size += 21_001) {
      slow.pause();
      slow.write(`${size}\n`);
      await sleep(20);
      for (got = []; got.reduce((sum, chunk) => sum + chunk.length, 0) < size; await sleep(1)) {
        slow.resume();
      }
      assert.ok(Buffer.concat(got).equals(all.subarray(0, size)), `other bytes than were written, of ${size}`);
    }
    slow.destroy();
  });

  test('behind with no room on the disk: that client is let go, container and others go on', async (t) => {
    const { engine, state } = engineFor(t);
    const running = await engine.run(sh('read go; seq 500000; sleep 0.2; exit 3', { stdin: true, logDriver: 'none' }));
    const path = socketOf(state, running.containerId);
    limit(monitorOf(state, running.containerId), 'fsize', 100_000);
    const slow = await attachTo(path, { stdin: new PassThrough(), stdout: new PassThrough() });
    slow.pause();
    slow.write('go\n');
    const exit = await running.wait();
    assert.equal(exit.status, 3);
    let bytes = 0;
    slow.on('data', (chunk: Buffer) => (bytes += chunk.length)).resume();
    slow.once('end', () => slow.destroy());
    await closed(slow);
    assert.ok(bytes < 3_388_895, `${bytes} bytes: not all of it`);
  });

  test('a starter that is stopped holds nothing up', async (t) => {
    const { engine, state } = engineFor(t);
    const running = await engine.run(sh('read go; seq 1000; exit 3', { stdin: true }));
    const path = socketOf(state, running.containerId);
    const stopped = await attachTo(path, { stdout: new PassThrough() });
    stopped.pause();
    const control = await attachTo(path, { stdin: new PassThrough() });
    control.write('go\n');
    assert.equal((await engine.wait(running.containerId)).status, 3);
    stopped.destroy();
    control.destroy();
  });
});

describe('the log', () => {
  test('a full disk stops nothing; with room again the log goes on with whole lines', async (t) => {
    const { engine, state } = engineFor(t);
    const running = await engine.run(
      sh('for n in 1 2 3; do read go; i=0; while [ $i -lt 2000 ]; do echo "$n line $i"; i=$((i+1)); done; done; exit 3', { stdin: true }),
    );
    const pid = monitorOf(state, running.containerId);
    const control = await attachTo(socketOf(state, running.containerId), { stdin: new PassThrough(), stdout: new PassThrough() });
    let seen = '';
    const frames = new FrameReader((_, payload) => (seen += String(payload)));
    control.on('data', (chunk: Buffer) => frames.push(chunk)).resume();
    limit(pid, 'fsize', 50_000);
    for (const n of [1, 2, 3]) {
      if (n === 3) limit(pid, 'fsize', 1 << 30);
      control.write('go\n');
      await until(`round ${n}`, () => seen.includes(`${n} line 1999\n`));
    }
    assert.equal((await running.wait()).status, 3);
    const kept: string[] = [];
    for await (const { log } of engine.logs(running.containerId)) kept.push(log);
    assert.ok(kept.length > 2000 && kept.length < 6000, `${kept.length} lines`);
    assert.deepEqual(
      kept.filter((line) => line.startsWith('3 ')),
      Array.from({ length: 2000 }, (_, i) => `3 line ${i}\n`),
    );
    control.destroy();
  });

  test('followed over many rotations, nothing is missing and nothing comes twice', async (t) => {
    const { engine } = engineFor(t);
    const lines = 20_000;
    const script = `i=0; while [ $i -lt ${lines} ]; do echo "line $i"; i=$((i+1)); done`;
    const running = await engine.run(sh(script, { logMaxSize: 10_000, logMaxFile: 200 }));
    let next = 0;
    for await (const { log } of engine.logs(running.containerId, { follow: true })) {
      assert.equal(log, `line ${next}\n`);
      next++;
    }
    assert.equal(next, lines);
    const last: string[] = [];
    for await (const { log } of engine.logs(running.containerId, { tail: 3 })) last.push(log);
    assert.deepEqual(last, [`line ${lines - 3}\n`, `line ${lines - 2}\n`, `line ${lines - 1}\n`]);
  });

  test('followed to the very end: what is written last is there', async (t) => {
    const { engine } = engineFor(t);
    for (let i = 0; i < 10; i++) {
      const running = await engine.run(sh('sleep 0.1; seq 5000; printf last'));
      let last = '';
      for await (const { log } of engine.logs(running.containerId, { follow: true })) last = log;
      assert.equal(last, 'last');
    }
  });
});
