/** A helper that serves: the runner that is ready before its plan, and namespaces that are made by one. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { LinuxPlanRunner } from '../../src/kernel/linux/helper.ts';
import type { RunningPlan } from '../../src/kernel/contract.ts';
import type { NetworkNamespace } from '../../src/kernel/network-contract.ts';
import { linuxNetworkKernel } from '../../src/kernel/linux/network-namespaces.ts';
import { PlanBuilder } from '../../src/runtime/builder.ts';
import { addHold, planNamespaces } from '../../src/runtime/hold.ts';
import { until } from '../support/monitored.ts';
import { projectDir } from '../support/paths.ts';
import { tempFor } from '../support/temp.ts';

/** One that serves already. */
async function servingFor(t: TestContext): Promise<LinuxPlanRunner> {
  const runner = new LinuxPlanRunner(`${projectDir}/dist/kobako-helper`, { serveIn: tempFor(t) });
  t.after(() => runner.close());
  runner.warm();
  await until('it serves', () => servers().length === 1);
  await told();
  return runner;
}

/** What a process has just become is known here a moment later. */
const told = () => new Promise((resolve) => setTimeout(resolve, 100));

const parentOf = (pid: number) =>
  Number(
    readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[1],
  );
const childrenOf = (parent: number) =>
  readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return pid > 0 && parentOf(pid) === parent;
      } catch {
        return false; // it has just gone
      }
    });
const servers = () => childrenOf(process.pid).filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('\0serve\0'));

/** Its process waits. */
function planWaiting() {
  const builder = new PlanBuilder();
  builder.monitor('clone', { flags: 0 });
  builder.container('death-signal', { signal: 9 });
  addHold(builder, 'until it is aborted');
  return { ops: builder.ops };
}

/** Runs a plan to where its process waits; then that process goes. */
async function once(runner: LinuxPlanRunner): Promise<{ runner: number }> {
  const running = runner.run(planWaiting());
  await running.waiting;
  running.abort();
  await running.closed;
  return { runner: running.pid };
}

test('a plan goes to the runner that waits longest; one that was killed is replaced; they end with the server', async (t) => {
  const runner = await servingFor(t);
  const [server] = servers();
  const spares = async () => {
    await until('two wait', () => childrenOf(server!).length === 2);
    await told();
    return childrenOf(server!);
  };
  await once(runner);
  const first = await spares();
  // a start, and an exec right after it
  const both = await Promise.all([once(runner), once(runner)]);
  assert.deepEqual(
    both.map((one) => one.runner),
    first,
  );
  const second = await spares();
  process.kill(second[0]!, 'SIGKILL');
  await until('it is gone', () => childrenOf(server!).length === 1);
  await told();
  assert.equal((await once(runner)).runner, second[1]);
  const third = await spares();
  runner.close();
  await until('all are gone', () => !readdirSync('/proc').some((name) => [server, ...third].includes(Number(name))));
});

test('one runner makes several namespaces, with lo up, each of which stays with who opened it', async (t) => {
  const runner = await servingFor(t);
  const kernel = linuxNetworkKernel();
  const seen = new Set([readlinkSync('/proc/self/ns/net')]);
  const opened: NetworkNamespace[] = [];
  t.after(() => opened.forEach((namespace) => namespace[Symbol.dispose]()));
  const running: RunningPlan = runner.run(planNamespaces(3), {
    onSync: async () => {
      seen.add(readlinkSync(`/proc/${running.pid}/ns/net`));
      assert.equal(readlinkSync(`/proc/${running.pid}/ns/mnt`), readlinkSync('/proc/self/ns/mnt'));
      opened.push(kernel.open(`/proc/${running.pid}/ns/net`));
    },
  });
  await running.exited;
  await running.closed;
  await until('its process is gone', () => !readdirSync('/proc').includes(String(running.pid)));
  assert.equal(seen.size, 4);
  for (const namespace of opened)
    assert.deepEqual(
      namespace.links().map(({ name, up }) => [name, up]),
      [['lo', true]],
    );
});
