/**
 * Devices by name, as the Container Device Interface has them (cncf-tags/container-device-interface, SPEC.md): what a vendor
 * says in /etc/cdi and /var/run/cdi that a container needs for one. Specs in JSON; the later folder wins.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isCdiName } from '../base/cdi-name.ts';
import { EngineError, invalid } from '../base/errors.ts';
import type { DeviceOption, MountOption, RunOptions } from '../runtime/run-options.ts';
import type { DeviceRequest } from './types/container.ts';

export const CDI_FOLDERS: readonly string[] = ['/etc/cdi', '/var/run/cdi'];

interface Edits {
  readonly env?: readonly string[];
  readonly deviceNodes?: readonly { readonly path: string; readonly hostPath?: string; readonly permissions?: string }[];
  readonly mounts?: readonly { readonly hostPath: string; readonly containerPath: string; readonly options?: readonly string[] }[];
  readonly additionalGids?: readonly number[];
  readonly hooks?: readonly unknown[];
}

type Annotations = Readonly<Record<string, string>>;

interface CdiSpec {
  readonly kind: string;
  readonly annotations?: Annotations;
  readonly containerEdits?: Edits;
  readonly devices: readonly { readonly name: string; readonly annotations?: Annotations; readonly containerEdits?: Edits }[];
}

/** A device that a spec has: its full name, and what is noted on it. */
export interface RegisteredDevice {
  readonly name: string;
  readonly annotations: Annotations;
}

/** In the order of their names. Throws `invalid` for a spec that is none. */
export function registeredDevices(folders: readonly string[] = CDI_FOLDERS): RegisteredDevice[] {
  const known = new Map<string, RegisteredDevice>();
  for (const { kind, annotations, devices } of folders.flatMap(specsIn)) {
    for (const device of devices) {
      const name = `${kind}=${device?.name}`;
      if (isCdiName(name)) known.set(name, { name, annotations: { ...annotations, ...device.annotations } });
    }
  }
  return [...known.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * The options with what the requested devices need. Throws in Docker's words: `unavailable` for a driver that is not there
 * (`--gpus`), `invalid` for a device that no spec has, or one that wants what is not done here (hooks).
 */
export function withDeviceRequests(options: RunOptions, requests: readonly DeviceRequest[] | null, folders: readonly string[] = CDI_FOLDERS): RunOptions {
  let out = options;
  for (const { Driver, DeviceIDs, Capabilities } of requests ?? []) {
    if (Driver !== 'cdi') {
      const wanted = (Capabilities ?? []).map((all) => `[${all.join(' ')}]`).join(' ');
      throw new EngineError('unavailable', `could not select device driver ${JSON.stringify(Driver)} with capabilities: [${wanted}]`, {
        hint: 'a device that a CDI spec has can be asked for with --device VENDOR/CLASS=NAME',
      });
    }
    const specs = folders.flatMap(specsIn);
    for (const name of DeviceIDs ?? []) out = edited(out, name, specs);
  }
  return out;
}

function edited(options: RunOptions, name: string, specs: readonly CdiSpec[]): RunOptions {
  const [kind, device] = name.split('=');
  const spec = specs.findLast((each) => each.kind === kind && each.devices.some((one) => one?.name === device));
  const found = spec?.devices.find((one) => one?.name === device);
  if (spec === undefined || found === undefined || !isCdiName(name)) throw invalid(`CDI device injection failed: unresolvable CDI devices ${name}`);
  return [spec.containerEdits ?? {}, found.containerEdits ?? {}].reduce((all, edits) => applied(all, edits, name), options);
}

function applied(options: RunOptions, edits: Edits, name: string): RunOptions {
  if (edits.hooks?.length) throw invalid(`CDI device injection failed: ${name} wants hooks, which are not run here`);
  const devices = (edits.deviceNodes ?? []).map(({ path, hostPath, permissions }): DeviceOption => ({
    host: hostPath ?? path,
    container: path,
    access: permissions ?? 'rwm',
  }));
  const mounts = (edits.mounts ?? []).map(({ hostPath, containerPath, options: words }): MountOption => ({
    type: 'bind',
    source: hostPath,
    target: containerPath,
    options: words ?? ['rbind'],
    create: false,
  }));
  return {
    ...options,
    env: [...options.env, ...(edits.env ?? [])],
    devices: [...options.devices, ...devices],
    mounts: [...options.mounts, ...mounts],
    groupAdd: [...options.groupAdd, ...(edits.additionalGids ?? []).map(String)],
  };
}

function specsIn(folder: string): CdiSpec[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return names.toSorted().map((name) => {
    const path = `${folder}/${name}`;
    const fail = (why: string) => invalid(`CDI device injection failed: ${path}: ${why}`);
    let spec: Partial<CdiSpec> | null;
    try {
      spec = JSON.parse(readFileSync(path, 'utf8')) as Partial<CdiSpec> | null;
    } catch (error) {
      throw fail((error as Error).message);
    }
    if (typeof spec?.kind !== 'string' || !Array.isArray(spec.devices)) throw fail('it is no CDI spec');
    return spec as CdiSpec;
  });
}
