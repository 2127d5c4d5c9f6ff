/** The devices that a run asks for: their nodes, and what the device cgroup must allow. */
import { invalid } from '../base/errors.ts';
import type { MachineFacts } from './contract.ts';
import type { RunOptions } from './run-options.ts';
import { deviceRule } from './run-resources.ts';
import type { Device, DeviceRule } from './spec.ts';

export interface RunDevices {
  readonly devices: readonly Device[];
  readonly rules: readonly DeviceRule[];
}

/** Privileged: everything of the host. Otherwise nothing but what every container has, and what `--device` names. */
export function devicesOf(options: RunOptions, machine: MachineFacts, hostDevices: (folder?: string) => readonly string[]): RunDevices {
  if (options.privileged) {
    const devices = hostDevices().flatMap((path) => node(machine, path, path) ?? []);
    return { devices, rules: [{ allow: true, access: 'rwm' }] };
  }
  const devices: Device[] = [];
  const rules: DeviceRule[] = [{ allow: false, access: 'rwm' }, ...options.deviceCgroupRules.map(deviceRule)];
  for (const { host, container, access } of options.devices) {
    if (!/^[rwm]{1,3}$/.test(access)) throw invalid(`invalid device mode: ${access}`);
    const found = nodesAt(machine, host, container, hostDevices);
    if (found.length === 0) {
      const why = machine.kind(host) === 'missing' ? 'no such file or directory' : 'not a device node';
      throw invalid(`error gathering device information while adding custom device "${host}": ${why}`);
    }
    devices.push(...found);
    rules.push(...found.map(({ type, major, minor }) => ({ allow: true, type, major: major!, minor: minor!, access })));
  }
  return { devices, rules };
}

/** One, or all of a folder (`/dev/dri`), at the same places below the container's. */
function nodesAt(machine: MachineFacts, host: string, container: string, hostDevices: (folder: string) => readonly string[]): readonly Device[] {
  const one = node(machine, host, container);
  if (one !== undefined) return [one];
  if (machine.kind(host) !== 'dir') return [];
  const [from, to] = [host, container].map((path) => path.replace(/\/+$/, ''));
  return hostDevices(host).flatMap((path) => node(machine, path, `${to}${path.slice(from!.length)}`) ?? []);
}

function node(machine: MachineFacts, host: string, container: string): Device | undefined {
  const found = machine.device(host);
  if (found === undefined) return undefined;
  const { type, major, minor, mode } = found;
  return { type, path: container, major, minor, fileMode: mode, uid: 0, gid: 0 };
}
