/** What a further process in a container may do: as Docker 28 has it (measured beside a real one). */
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { readFileSync } from 'node:fs';
import { ownedEngine } from '../support/owned-engine.ts';

test('root has what the container may have, whoever its program is; privileged, all that there is; seccomp stays', async (t) => {
  const { engine, run } = await ownedEngine(t);
  const ids = await Promise.all([run('sleep 100'), run('sleep 100', { User: '1000' })]);
  const exec = async (id: string, more: { readonly Privileged?: boolean; readonly User?: string }) => {
    const { Id } = await engine.execs.create(id, { Cmd: ['cat', '/proc/self/status'], AttachStdout: true, Tty: true, ...more });
    return statusOf(await text((await engine.execs.start(Id))!.stream));
  };
  // of this machine: it may have fewer than its kernel knows
  const { CapPrm: all } = statusOf();
  const own = '00000000a80425fb';
  const none = '0000000000000000';
  for (const id of ids) {
    assert.deepEqual(await exec(id, { User: '0' }), { CapInh: none, CapPrm: own, CapEff: own, CapBnd: own, CapAmb: none, Seccomp: '2' });
    assert.deepEqual(await exec(id, { User: '1000' }), { CapInh: none, CapPrm: none, CapEff: none, CapBnd: own, CapAmb: none, Seccomp: '2' });
    assert.deepEqual(await exec(id, { User: '0', Privileged: true }), { CapInh: none, CapPrm: all, CapEff: all, CapBnd: all, CapAmb: none, Seccomp: '2' });
    assert.deepEqual(await exec(id, { User: '1000', Privileged: true }), { CapInh: none, CapPrm: none, CapEff: none, CapBnd: all, CapAmb: none, Seccomp: '2' });
  }
});

function statusOf(status = readFileSync('/proc/self/status', 'utf8')): Readonly<Record<string, string>> {
  return Object.fromEntries([...status.matchAll(/^(Cap\w+|Seccomp):\s*(\w+)/gm)].map(([, key, value]) => [key!, value!]));
}
