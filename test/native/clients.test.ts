/** The monitor under clients that send anything: the container goes on, nothing of its output is lost, others are served. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { DEFAULT_RUN } from '../../src/engine/contract.ts';
import { openEngine } from '../../src/engine/open-engine.ts';
import { askOnce } from '../../src/kernel/linux/monitor-client.ts';
import { helperMissing } from '../support/helper.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { tempFor } from '../support/temp.ts';

const WORDS = [
  'attach',
  'wait',
  'status',
  'start',
  'kill',
  'resize',
  'close',
  'stdin=1',
  'stdout=1',
  'stderr=0',
  'stdout=2',
  '99999999999',
  '-1',
  '0',
  '80',
  '\0',
];

function random(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Never a whole `kill N` with a signal that counts, and no `close-stdin`: those are what they say. */
function nonsense(pick: (below: number) => number): Buffer {
  switch (pick(5)) {
    case 0:
      return Buffer.from(Array.from({ length: pick(300) }, () => pick(256)));
    case 1:
      return Buffer.alloc(4000 + pick(3) * 48 + pick(100_000), 'x');
    case 2:
      return Buffer.from(`${Array.from({ length: pick(6) }, () => WORDS[pick(WORDS.length)]!).join(' ')}`.replace(/^kill.*/, 'kill 4444'));
    case 3:
      return Buffer.from('\n'.repeat(pick(2000)));
    default:
      return Buffer.from(
        `${['attach stdin=0 stdout=1 stderr=1', 'wait', 'status', 'resize 1 1', 'resize 99999 1', 'kill 65', 'kill -9', 'attach x=1'][pick(8)]}\n`,
      );
  }
}

test('random bytes, partial lines, huge lines, more clients than there are places, and early ends', { timeout: 120_000 }, async (t) => {
  const missing = helperMissing();
  if (missing !== undefined) return t.skip(missing);
  const hooks: (() => void)[] = [];
  const state = tempFor({ after: (hook) => hooks.push(hook) });
  const engine = openEngine({ stateDir: state });
  // hooks of a test run in their order: the folder goes last
  t.after(async () => {
    await engine.remove('fuzzed', { force: true }).catch(() => {});
    engine.close();
    hooks.forEach((hook) => hook());
  });
  const script = 'i=0; while [ ! -e /stop ] && [ $i -lt 20000 ]; do echo $i; i=$((i+1)); [ $((i % 50)) = 0 ] && usleep 20000; done; echo end';
  const running = await engine.run({
    ...DEFAULT_RUN,
    rootfs: { path: await busyboxRootfs(), overlay: true },
    args: ['sh', '-c', script],
    detach: true,
    name: 'fuzzed',
  });
  const path = `${state}/sockets/${running.containerId.slice(0, 24)}`;
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  const pick = random(seed);
  t.diagnostic(`SEED=${seed}`);
  const open: Socket[] = [];
  const end = Date.now() + Number(process.env['KOBAKO_FUZZ_MS'] ?? 4000);
  let clients = 0;
  while (Date.now() < end) {
    const socket = connect({ path, allowHalfOpen: true });
    clients++;
    socket.on('error', () => {});
    if (pick(3) > 0) socket.resume(); // else it never reads
    open.push(socket);
    for (let n = pick(4); n >= 0; n--) socket.write(nonsense(pick));
    if (pick(3) === 0) socket.end();
    if (pick(3) === 0) socket.destroy();
    // over 64 at once, then fewer again
    if (open.length > 90) for (const old of open.splice(0, 60)) old.destroy();
    if (pick(8) === 0) await new Promise((resolve) => setTimeout(resolve, pick(20)));
  }
  for (const socket of open) socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 200));
  const info = await engine.find('fuzzed');
  assert.equal(info.state, 'running', `SEED=${seed}: it did not live through ${clients} clients`);
  assert.equal((JSON.parse(await askOnce(path, 'status')) as { state: string }).state, 'running');
  await engine.exec('fuzzed', { args: ['touch', '/stop'] }).then((made) => made.wait());
  const exit = await running.wait();
  assert.equal(exit.status, 0);
  const logs = readFileSync(info.logPath, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { log: string }).log.trimEnd());
  assert.equal(logs.pop(), 'end');
  assert.deepEqual(
    logs,
    logs.map((_, i) => String(i)),
  );
  assert.ok(logs.length > 50 && clients > 100, `${logs.length} lines, ${clients} clients`);
});
