/** A daemon's host that is a network namespace of a test's own: what is in it, and what programs in it are answered. */
import type { NetworkNamespace } from '../../src/kernel/network-contract.ts';
import type { TestDaemon } from './daemon.ts';
import { run } from './run.ts';

/** What a web server says; '' where nobody answers. Tried for two seconds, for it may just have begun. */
export async function fetchIn(host: NetworkNamespace, address: string, port: number, tries = 20): Promise<string> {
  const shown = address.includes(':') ? `[${address}]` : address;
  for (; ; tries--) {
    const args = [`--net=${host.path}`, 'curl', '-s', '-m', '2', `http://${shown}:${port}/`];
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
