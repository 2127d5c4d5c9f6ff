/** What steps may have only where it was granted: the host's network, all privileges, devices of the machine's CDI specs. */
import { parseBool } from '../base/parse-bool.ts';
import { EngineError, invalid } from '../base/errors.ts';
import type { BuildRequest } from '../build/contract.ts';
import type { RunDevice } from '../build/dockerfile/ast.ts';
import type { BuildPlan, RunStep } from '../build/dockerfile/plan.ts';
import { registeredDevices, type RegisteredDevice } from './cdi.ts';

const CLASS = 'org.mobyproject.buildkit.device.class';
const AUTO_ALLOW = 'org.mobyproject.buildkit.device.autoallow';

/**
 * What a build is granted of what its client wants; `forbidden` is what nobody is granted here. Throws in BuildKit's words.
 * A client of the older builder does not say what it wants: it has what is left.
 */
export function grantedHere(
  { entitlements = [], classic = false }: Pick<BuildRequest, 'entitlements' | 'classic'>,
  forbidden: readonly string[],
): readonly string[] {
  const refused = entitlements.filter((each) => forbidden.includes(each.split('=', 1)[0]!));
  if (refused.length > 0 && !classic)
    throw new EngineError('denied', `granting entitlement ${refused[0]!.split('=', 1)[0]} is not allowed by build daemon configuration`);
  return entitlements.filter((each) => !refused.includes(each));
}

/** The devices of each RUN, by their full names. Throws in BuildKit's words what is not granted, or not there: before anything is done. */
export function grantedToSteps({ stages }: BuildPlan, granted: readonly string[]): ReadonlyMap<RunStep, readonly string[]> {
  const devices = new Map<RunStep, readonly string[]>();
  try {
    for (const step of stages.flatMap(({ steps }) => steps)) {
      if (step.kind !== 'run') continue;
      const asks = step.network === 'host' ? 'network.host' : step.security === 'insecure' ? 'security.insecure' : undefined;
      if (asks !== undefined && !granted.includes(asks)) throw new EngineError('denied', `${asks} is not allowed`);
      devices.set(step, grantedDevices(step.devices, granted));
    }
  } catch (error) {
    throw error instanceof EngineError ? new EngineError(error.kind, `failed to load LLB: ${error.message}`, { cause: error }) : error;
  }
  return devices;
}

/**
 * Chosen and granted as BuildKit does. Full names (`vendor.com/class=name`). Throws `invalid` for a name that is none, `not-found` for one that is required
 * and that no spec has, `denied` for what the client was not granted: `device`, or `device=NAME`.
 */
export function grantedDevices(wanted: readonly RunDevice[], granted: readonly string[], folders?: readonly string[]): readonly string[] {
  if (wanted.length === 0) return [];
  const all = registeredDevices(folders);
  const found = unique(wanted.flatMap((device) => matching(device, all)));
  if (granted.includes('device')) return found.map(({ name }) => name);
  const named = granted.flatMap((each) => (each.startsWith('device=') ? matching({ name: nameIn(each), required: false }, all) : []));
  const forbidden = found.filter((device) => !named.includes(device) && parseBool((device.annotations[AUTO_ALLOW] ?? '').toLowerCase()) !== true);
  if (forbidden.length > 0) {
    const names = forbidden.map(({ name }) => name).join(', ');
    throw new EngineError('denied', `${forbidden.length > 1 ? `devices ${names} are` : `device ${names} is`} requested by the build but not allowed`);
  }
  return found.map(({ name }) => name);
}

/** `device=vendor.com/class=name` */
function nameIn(entitlement: string): string {
  return entitlement.slice('device='.length).split(',', 1)[0]!;
}

/** A kind alone is its first device, `kind=*` all of them; else it is a name, or a class that annotations name. */
function matching({ name, required }: RunDevice, all: readonly RegisteredDevice[]): readonly RegisteredDevice[] {
  const equals = name.indexOf('=');
  const [kind, device] = equals < 0 ? [name, ''] : [name.slice(0, equals), name.slice(equals + 1)];
  if (!/^[A-Za-z](?:[\w.-]*[A-Za-z0-9])?\/[A-Za-z](?:[\w-]*[A-Za-z0-9])?$/.test(kind)) throw invalid(`invalid device ${JSON.stringify(name)}`);
  const ofKind = all.filter((each) => each.name.startsWith(`${kind}=`));
  const exact = ofKind.filter((each) => each.name === name);
  const chosen =
    device === '' ? ofKind.slice(0, 1) : device === '*' ? ofKind : exact.length > 0 ? exact : ofKind.filter(({ annotations }) => annotations[CLASS] === device);
  if (chosen.length === 0 && required) throw new EngineError('not-found', `required device ${JSON.stringify(name)} is not registered`);
  return chosen;
}

function unique(devices: readonly RegisteredDevice[]): RegisteredDevice[] {
  return [...new Set(devices)];
}
