/** What a test run could leave on the machine, before and after: mounts, cgroups, interfaces, tables, namespaces, processes, files. */
import { globSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { linuxNetworkKernel } from '../../src/kernel/linux/network-namespaces.ts';

/** Set in the environment of everything that a run starts, to its id: what still has it after the run was left by it. */
export const RUN_VARIABLE = 'KOBAKO_TEST_RUN';

/** Each kind's things, by a text that identifies them and that a reader understands. */
export type MachineState = Record<string, ReadonlySet<string>>;

export function machineState(runId: string): MachineState {
  const processes = processList();
  return {
    mount: new Set(mounts()),
    cgroup: new Set(cgroups()),
    'network interface': new Set(readdirSync('/sys/class/net')),
    'nftables table': new Set(tables()),
    namespace: new Set(processes.flatMap((process) => process.namespaces)),
    process: new Set(processes.filter((process) => isOurs(process, runId)).map((process) => process.text)),
    file: new Set(
      readdirSync(tmpdir())
        .filter((name) => name.startsWith('kobako'))
        .map((name) => `${tmpdir()}/${name}`),
    ),
  };
}

/** What is there now and was not before, each as "kind: thing". */
export function leftovers(before: MachineState, after: MachineState): string[] {
  return Object.entries(after).flatMap(([kind, things]) => [...things].filter((thing) => !before[kind]?.has(thing)).map((thing) => `${kind}: ${thing}`));
}

/** As `leftovers` against the state now; waits for what the kernel removes a moment later. `timeoutMs`: at most. */
export async function settledLeftovers(before: MachineState, runId: string, timeoutMs = 5_000): Promise<string[]> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = leftovers(before, machineState(runId));
    if (found.length === 0 || Date.now() >= end) return found;
    await sleep(100);
  }
}

function mounts(): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter(Boolean);
  const seen = new Map<string, number>();
  return lines.map((line) => {
    const [left, right] = line.split(' - ');
    const text = `${left!.split(' ')[4]} (${right!.split(' ').slice(0, 2).join(' ')})`;
    const count = (seen.get(text) ?? 0) + 1; // the same thing mounted twice on one place is two mounts
    seen.set(text, count);
    return count === 1 ? text : `${text} #${count}`;
  });
}

function tables(): string[] {
  if (process.getuid?.() !== 0) return [];
  return (
    attempt(() =>
      linuxNetworkKernel()
        .host()
        .packetFilter.tables()
        .map(({ family, table }) => `${family} ${table}`),
    ) ?? []
  ); // a kernel without
}

function cgroups(): string[] {
  return globSync('/sys/fs/cgroup/**/cgroup.procs').map((file) => file.replace(/\/cgroup\.procs$/, ''));
}

interface ProcessFacts {
  readonly text: string;
  readonly program: string;
  readonly environment: string;
  readonly namespaces: readonly string[];
}

function processList(): ProcessFacts[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      const command = attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? '';
      const started =
        attempt(
          () =>
            readFileSync(`/proc/${pid}/stat`, 'utf8')
              .replace(/^.*\) /s, '')
              .split(' ')[19],
        ) ?? '';
      if (command === '' || started === '') return []; // a kernel thread, a zombie, or gone
      const namespaces = ['mnt', 'pid', 'net', 'user'].flatMap((kind) => attempt(() => readlinkSync(`/proc/${pid}/ns/${kind}`)) ?? []);
      const text = `${pid} (${command.replaceAll('\0', ' ').trim().slice(0, 120)}) since tick ${started}`;
      const environment = attempt(() => readFileSync(`/proc/${pid}/environ`, 'utf8')) ?? '';
      return [{ text, program: basename(command.split('\0')[0]!), environment, namespaces }];
    });
}

function isOurs(process: ProcessFacts, runId: string): boolean {
  return process.program.startsWith('kobako') || `\0${process.environment}`.includes(`\0${RUN_VARIABLE}=${runId}\0`);
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
