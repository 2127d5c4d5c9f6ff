/** The monitor: log, attach, memory. Through the engine, as its users meet it. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { before, describe, test } from 'node:test';
import { attachTo } from '../../src/engine/start-process.ts';
import { askOnce } from '../../src/kernel/linux/monitor-client.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { collector, engineFor, finished, logLines, monitorOf, shell, socketOf, until } from '../support/monitored.ts';

let sh: ReturnType<typeof shell>;
before(async () => {
  sh = shell(await busyboxRootfs());
});

async function collect(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

describe('the json-file log', () => {
  test('streams, times, bytes that are no UTF-8, no newline at the end', async (t) => {
    const { engine } = engineFor(t);
    const { logPath, told: exit } = await finished(engine, sh(`echo 'a <b> & "c"'; echo err >&2; sleep 0.05; printf 'x\\377y'; exit 3`));
    assert.equal(exit.status, 3);
    const raw = readFileSync(logPath, 'utf8');
    assert.match(raw, /\{"log":"a \\u003cb\\u003e \\u0026 \\"c\\"\\n","stream":"stdout","time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z"\}\n/);
    assert.ok(raw.includes('"log":"x\\ufffdy","stream":"stdout"'), raw);
    assert.ok(logLines(logPath).some(({ log, stream }) => log === 'err\n' && stream === 'stderr'));
  });

  test('a line over 16 KiB is split as Docker splits it', async (t) => {
    const { engine } = engineFor(t);
    const { logPath } = await finished(engine, sh('head -c 40000 /dev/zero | tr "\\0" x; echo'));
    assert.deepEqual(
      logLines(logPath).map(({ log }) => log.length),
      [16384, 16384, 40000 - 2 * 16384 + 1],
    );
  });

  test('rotation by max-size and max-file; all that is kept is in order and whole', async (t) => {
    const { engine } = engineFor(t);
    const { logPath, id } = await finished(
      engine,
      sh('i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i+1)); done', { logMaxSize: 20_000, logMaxFile: 3 }),
    );
    const files = readdirSync(logPath.replace(/\/[^/]*$/, ''))
      .filter((name) => name.startsWith('container-json.log'))
      .sort();
    assert.deepEqual(files, ['container-json.log', 'container-json.log.1', 'container-json.log.2']);
    const kept: string[] = [];
    for await (const { log } of engine.logs(id)) kept.push(log);
    const first = Number(/\d+/.exec(kept[0]!)![0]);
    assert.ok(first > 0 && kept.length > 100);
    assert.deepEqual(
      kept,
      Array.from({ length: 3000 - first }, (_, index) => `line ${first + index}\n`),
    );
  });

  test('100,000 lines, every one of them', async (t) => {
    const { engine } = engineFor(t);
    const { logPath } = await finished(engine, sh('seq 100000'));
    const all = logLines(logPath);
    assert.equal(all.length, 100_000);
    assert.equal(all.at(-1)!.log, '100000\n');
  });
});

describe('attach', () => {
  test('several clients, one that comes later, and a half-closed input', async (t) => {
    const { engine } = engineFor(t);
    const running = await engine.run(sh('while read line; do echo "got $line"; done; echo end', { stdin: true }));
    const [one, two] = [new PassThrough(), new PassThrough()];
    const [input, first] = [new PassThrough(), new PassThrough()];
    const a = await engine.attach(running.containerId, { stdout: one });
    const b = await engine.attach(running.containerId, { stdin: input, stdout: two });
    input.write('1\n');
    await new Promise((resolve) => two.once('readable', resolve));
    const c = await engine.attach(running.containerId, { stdout: first });
    input.write('2\n');
    await new Promise((resolve) => first.once('readable', resolve));
    assert.equal(String(first.read()), 'got 2\n', 'one that comes later gets what comes later');
    assert.equal(await askOnce(socketOf((await engine.find(running.containerId)).logPath.split('/containers/')[0]!, running.containerId), 'close-stdin'), '');
    await Promise.all([a.attached(), b.attached(), c.attached()]);
    for (const stream of [one, two]) {
      stream.end();
      assert.equal(await collect(stream), 'got 1\ngot 2\nend\n');
    }
  });

  test('a client that does not read blocks neither container nor log, and then gets all', async (t) => {
    const { engine, state } = engineFor(t);
    const running = await engine.run(sh('read go; seq 300000', { stdin: true, logDriver: 'json-file' }));
    const path = socketOf(state, running.containerId);
    const slow = await attachTo(path, { stdout: new PassThrough() });
    slow.pause();
    const control = await attachTo(path, { stdin: new PassThrough() });
    control.write('go\n');
    const { logPath } = await engine.find(running.containerId);
    for (let i = 0; i < 400 && !(existsSync(logPath) && readFileSync(logPath, 'utf8').includes('"300000\\n"')); i++)
      await new Promise((resolve) => setTimeout(resolve, 25));
    assert.ok(readFileSync(logPath, 'utf8').includes('"300000\\n"'), 'the log is whole while the client sleeps');
    const chunks: Buffer[] = [];
    slow.on('data', (chunk: Buffer) => chunks.push(chunk)).resume();
    await new Promise((resolve) => slow.once('close', resolve).once('end', resolve));
    control.destroy();
    let text = '';
    for (let bytes = Buffer.concat(chunks); bytes.length >= 8;) {
      const size = bytes.readUInt32BE(4);
      text += bytes.toString('latin1', 8, 8 + size);
      bytes = bytes.subarray(8 + size);
    }
    assert.equal(text, `${Array.from({ length: 300_000 }, (_, index) => index + 1).join('\n')}\n`);
  });

  test('what is no request gets an error and harms nothing', async (t) => {
    const { engine, state } = engineFor(t);
    const running = await engine.run(sh('sleep 30'));
    const path = socketOf(state, running.containerId);
    for (const line of ['nonsense', 'attach stdin=2', 'kill 99', 'resize a b', 'x'.repeat(3000)])
      await assert.rejects(askOnce(path, line), `${line.slice(0, 20)} was taken`);
    assert.match(await askOnce(path, 'status'), /"state":"running"/);
  });
});

describe('what the monitor needs', () => {
  for (const [name, more] of [
    ['with pipes and a log', { stdin: true }],
    ['with a terminal and a log', { stdin: true, tty: true }],
  ] as const)
    test(`${name}, three clients and a client that fell behind: at most 300 KB, and no processor while idle`, async (t) => {
      const { engine, state } = engineFor(t);
      const running = await engine.run(sh('read go; seq 20000; sleep 60', more));
      const path = socketOf(state, running.containerId);
      const outputs = [collector(), collector(), collector()];
      const clients = await Promise.all(outputs.map((stdout) => engine.attach(running.containerId, { stdout })));
      const ends = Promise.allSettled(clients.map((client) => client.attached()));
      const slow = await attachTo(path, { stdin: new PassThrough(), stdout: new PassThrough() });
      slow.pause();
      slow.write('go\n');
      await until('all have all', () => outputs.every((output) => output.text().trimEnd().endsWith('\n20000')));
      const pid = monitorOf(state, running.containerId);
      await new Promise((resolve) => setTimeout(resolve, 300));
      const pss = Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))![1]);
      t.diagnostic(`the monitor's PSS: ${pss} KB`);
      assert.ok(pss <= 300, `${pss} KB`);
      assert.equal(readdirSync(`/proc/${pid}/task`).length, 1);
      const wakeUps = () =>
        readFileSync(`/proc/${pid}/status`, 'utf8')
          .match(/ctxt_switches:\s+\d+/g)!
          .join();
      await new Promise((resolve) => setTimeout(resolve, 300));
      const before = wakeUps();
      await new Promise((resolve) => setTimeout(resolve, 1000));
      assert.equal(wakeUps(), before, 'it was not woken');
      slow.destroy();
      await engine.kill(running.containerId, 9);
      assert.ok((await ends).every(({ status }) => status === 'fulfilled'));
    });
});
