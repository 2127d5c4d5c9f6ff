/** Network namespaces for a test, gone with it, and programs run inside of them. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { linuxNetworkKernel } from '../../src/kernel/linux/network-namespaces.ts';
import type { NetworkKernel, NetworkNamespace } from '../../src/kernel/network-contract.ts';
import { debs } from './debs.ts';

/** Why network namespaces cannot be made here, for a test's `skip`; false when they can. */
export const noNamespaces: string | false = process.getuid?.() === 0 ? false : 'network namespaces need root';

export const networkKernel: NetworkKernel = linuxNetworkKernel();

interface TestContext {
  after(hook: () => void): void;
  skip(message: string): void;
}

/** Disposed of after the test. */
export function namespaceFor(t: TestContext): NetworkNamespace {
  const namespace = networkKernel.create();
  t.after(() => namespace[Symbol.dispose]());
  return namespace;
}

/** What the program wrote on its stdout. It fails with what it wrote on stderr. */
export function runIn(namespace: NetworkNamespace, program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  return namespace.within(() =>
    execFileSync(program, args, { encoding: 'utf8', timeout: 20_000, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } }),
  );
}

/** The ip(8) of this machine; undefined and the test skipped when there is none. */
export function ipJson(t: TestContext, namespace: NetworkNamespace, ...args: string[]): Record<string, unknown>[] | undefined {
  const program = ['/usr/sbin/ip', '/sbin/ip', '/usr/bin/ip'].find((path) => existsSync(path));
  if (program !== undefined) return JSON.parse(runIn(namespace, program, ['-j', '-d', ...args])) as Record<string, unknown>[];
  t.skip('this machine has no ip(8) to compare with');
  return undefined;
}

/** Debian's nft and iptables, by their names; undefined and the test skipped when they cannot be fetched. */
export async function filterPrograms(t: TestContext): Promise<((namespace: NetworkNamespace, name: string, ...args: string[]) => string) | undefined> {
  let tree: string;
  try {
    tree = await debs(['nftables', 'iptables'], { dependencies: true });
  } catch (error) {
    t.skip(`nft and iptables cannot be fetched: ${(error as Error).message}`);
    return undefined;
  }
  const libraries = ['x86_64', 'aarch64'].flatMap((machine) => [`${tree}/usr/lib/${machine}-linux-gnu`, `${tree}/lib/${machine}-linux-gnu`]);
  const plugins = libraries.map((folder) => `${folder}/xtables`).find((folder) => existsSync(folder));
  return (namespace, name, ...args) => {
    const program = name === 'nft' ? `${tree}/usr/sbin/nft` : `${tree}/usr/sbin/xtables-nft-multi`;
    return runIn(namespace, program, name === 'nft' ? args : [name, ...args], {
      LD_LIBRARY_PATH: libraries.join(':'),
      ...(plugins && { XTABLES_LIBDIR: plugins }),
    });
  };
}
