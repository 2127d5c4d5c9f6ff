/** A daemon's host that is a network namespace of a test's own: what is in it, and what programs in it are answered. */
import assert from 'node:assert/strict';
import type { NetworkNamespace } from '../../src/kernel/network-contract.ts';
import { daemonFor, type TestDaemon } from './daemon.ts';
import { netLab, type NetLab } from './net-lab.ts';
import { projectNode } from './paths.ts';
import { run } from './run.ts';

const FETCH = `fetch(process.argv[1], { signal: AbortSignal.timeout(2000) })
  .then((answer) => answer.text())
  .then((text) => process.stdout.write(text), () => {})
  .finally(() => process.exit());`;

/** What a web server says; '' where nobody answers. Tried for two seconds, for it may just have begun. */
export async function fetchIn(host: NetworkNamespace, address: string, port: number, tries = 20): Promise<string> {
  const shown = address.includes(':') ? `[${address}]` : address;
  for (; ; tries--) {
    const args = [`--net=${host.path}`, projectNode, '-e', FETCH, `http://${shown}:${port}/`];
    const { stdout } = await run('nsenter', args, { timeoutMs: 10_000 });
    if (stdout !== '' || tries <= 1) return stdout.trim();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Names of tables of engines. */
export function tablesOf(host: NetworkNamespace): string[] {
  return host.packetFilter
    .tables()
    .map(({ table }) => table)
    .filter((table) => table.startsWith('kobako'));
}

/** What a program in a container says. */
export async function sh({ api }: TestDaemon, container: string, script: string): Promise<string> {
  const made = await api.post(`/v1.51/containers/${container}/exec`, { Cmd: ['sh', '-c', script], AttachStdout: true, AttachStderr: true, Tty: true });
  if (made.status !== 201) throw new Error(made.text);
  const { text } = await api.post(`/v1.51/exec/${(made.json as { Id: string }).Id}/start`, { Tty: true });
  return text.replaceAll('\r\n', '\n').trim();
}

/** A daemon on a machine of its own: both go with the test. */
export async function daemonAlone(t: { after(hook: () => unknown): void }, args: readonly string[] = []): Promise<Alone> {
  const lab = netLab();
  const daemon = await daemonFor(t, args, lab.host);
  // after the daemon's own hook: they run in the order in which they were added
  t.after(() => lab[Symbol.dispose]());
  return { lab, host: lab.host, daemon };
}

export interface Alone {
  readonly lab: NetLab;
  readonly host: NetworkNamespace;
  readonly daemon: TestDaemon;
}

/** The network namespace of a container that runs, disposed of with the lab. */
export async function namespaceOf({ lab, daemon }: Alone, container: string): Promise<NetworkNamespace> {
  const { State } = (await daemon.api.get(`/v1.51/containers/${container}/json`)).json as { State: { Pid: number } };
  return lab.open(`/proc/${State.Pid}/ns/net`);
}

export async function createNetwork({ api }: TestDaemon, Name: string, more: object = {}): Promise<string> {
  const { status, text, json } = await api.post('/v1.51/networks/create', { Name, ...more });
  assert.equal(status, 201, text);
  return (json as { Id: string }).Id;
}
