/** Interfaces and packet filters of engines that are no more: those that were killed leave them to their next start. */
import { globSync, readFileSync } from 'node:fs';
import { linuxNetworkKernel } from '../../src/kernel/linux/network-namespaces.ts';

/** Of all engines whose containers' folder is in this one, at most two below. */
export function forgetNetworks(folder: string): void {
  const ids = globSync(['engine-id', '*/engine-id', '*/*/engine-id'], { cwd: folder }).map((path) => readFileSync(`${folder}/${path}`, 'utf8'));
  const short = ids.map((id) => id.trim().replaceAll('-', '').slice(0, 8));
  if (short.length === 0 || process.getuid?.() !== 0) return;
  const host = linuxNetworkKernel().host();
  const marks = short.map((id) => `kobako:${id} `);
  for (const { name, alias = '' } of host.links()) {
    if (marks.some((mark) => alias.startsWith(mark))) host.change([{ op: 'link-delete', link: name, missingOk: true }]);
  }
  const tables = host.packetFilter.tables().filter(({ table }) => short.includes(table.replace(/^kobako-/, '')));
  host.packetFilter.change(tables.map(({ family, table }) => ({ op: 'table-delete', family, table, missingOk: true })));
}
