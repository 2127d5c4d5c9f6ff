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
export function devicesOf(options: RunOptions, machine: MachineFacts, hostDevices: () => readonly string[]): RunDevices {
  if (options.privileged) {
    const devices = hostDevices().flatMap((path) => node(machine, path, path) ?? []);
    return { devices, rules: [{ allow: true, access: 'rwm' }] };
  }
  const devices: Device[] = [];
  const rules: DeviceRule[] = [{ allow: false, access: 'rwm' }, ...options.deviceCgroupRules.map(deviceRule)];
  for (const { host, container, access } of options.devices) {
    if (!/^[rwm]{1,3}$/.test(access)) throw invalid(`invalid device mode: ${access}`);
    const device = node(machine, host, container);
    if (device === undefined) throw invalid(`error gathering device information while adding custom device "${host}": no such device or directory`);
    devices.push(device);
    rules.push({ allow: true, type: device.type, major: device.major!, minor: device.minor!, access });
  }
  return { devices, rules };
}

function node(machine: MachineFacts, host: string, container: string): Device | undefined {
  const found = machine.device(host);
  if (found === undefined) return undefined;
  const { type, major, minor, mode } = found;
  return { type, path: container, major, minor, fileMode: mode, uid: 0, gid: 0 };
}
