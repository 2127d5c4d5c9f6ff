/** What this machine is, for `docker info`. */
import { readdirSync, readFileSync } from 'node:fs';
import { cpus, hostname, release, totalmem } from 'node:os';

export interface HostInfo {
  readonly name: string;
  readonly kernelVersion: string;
  /** As os-release(5) has it: `Debian GNU/Linux 13 (trixie)`. */
  readonly operatingSystem: string;
  readonly osVersion: string;
  /** As uname(1) says it. */
  readonly architecture: string;
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly ipv4Forwarding: boolean;
  /** Of this process. */
  readonly openFiles: number;
}

/** As `HostInfo.kernelVersion`, without the rest. */
export function kernelRelease(): string {
  return release();
}

export function hostInfo(): HostInfo {
  const os = osRelease(firstOf(['/etc/os-release', '/usr/lib/os-release']));
  return {
    name: hostname(),
    kernelVersion: kernelRelease(),
    operatingSystem: os['PRETTY_NAME'] ?? 'Linux',
    osVersion: os['VERSION_ID'] ?? '',
    architecture: { x64: 'x86_64', arm64: 'aarch64' }[process.arch as 'x64' | 'arm64'] ?? process.arch,
    cpus: cpus().length,
    memory: totalmem(),
    ipv4Forwarding: firstOf(['/proc/sys/net/ipv4/ip_forward']).trim() === '1',
    openFiles: readdirSync('/proc/self/fd').length - 1,
  };
}

/** os-release(5): shell assignments. */
export function osRelease(text: string): Readonly<Record<string, string>> {
  const entries = text.split('\n').flatMap((line): [string, string][] => {
    const [, key, value] = /^([A-Z0-9_]+)=(.*)$/.exec(line.trim()) ?? [];
    if (key === undefined || value === undefined) return [];
    const quoted = /^(["'])(.*)\1$/.exec(value);
    return [[key, (quoted?.[2] ?? value).replace(/\\([$"'\\`])/g, '$1')]];
  });
  return Object.fromEntries(entries);
}

function firstOf(paths: readonly string[]): string {
  for (const path of paths) {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      // the next one
    }
  }
  return '';
}
