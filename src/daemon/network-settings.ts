/** What the daemon is told of networks: dockerd's own flags, and the same in its configuration file. */
import { invalid } from '../base/errors.ts';
import type { Flag, Flags } from '../cli/flags.ts';
import type { EngineOptions } from '../engine/contract.ts';

type NetworkSettings = NonNullable<EngineOptions['networks']>;
type Pools = NonNullable<NetworkSettings['pools']>;

export const networkFlags: readonly Flag[] = [
  { name: 'bip', kind: 'value', value: 'string', help: 'Specify default-bridge IPv4 network' },
  { name: 'bip6', kind: 'value', value: 'string', help: 'Specify default-bridge IPv6 network' },
  { name: 'default-address-pool', kind: 'list', value: 'pool-options', help: 'Default address pools for node specific local networks' },
  { name: 'fixed-cidr', kind: 'value', value: 'string', help: 'IPv4 subnet for the default bridge network' },
  { name: 'fixed-cidr-v6', kind: 'value', value: 'string', help: 'IPv6 subnet for the default bridge network' },
  { name: 'icc', kind: 'flag', help: 'Enable inter-container communication for the default bridge network (default true)' },
  { name: 'ipv6', kind: 'flag', help: 'Enable IPv6 networking for the default bridge network' },
  { name: 'mtu', kind: 'value', value: 'int', help: 'Set the MTU for the default "bridge" network (default 1500)' },
];

/** `file` is the configuration file's document. Throws `invalid`; what the values mean together is the engine's to judge. */
export function networkSettings(flags: Flags, file: Readonly<Record<string, unknown>>): NetworkSettings {
  const text = (name: string) => (flags.value(name) ?? typed(file, name, 'string')) || undefined;
  const on = (name: string) => (flags.has(name) ? flags.on(name) : typed(file, name, 'boolean'));
  const mtu = flags.read('mtu', integer) ?? typed(file, 'mtu', 'number');
  if (mtu !== undefined && (!Number.isSafeInteger(mtu) || mtu < 0)) throw invalid(`invalid MTU number: ${mtu}`);
  return {
    bip: text('bip'),
    bip6: text('bip6'),
    fixedCidr: text('fixed-cidr'),
    fixedCidr6: text('fixed-cidr-v6'),
    ipv6: on('ipv6'),
    icc: on('icc'),
    mtu,
    pools: [...flags.readAll('default-address-pool', pool), ...filePools(file['default-address-pools'])],
  };
}

interface Types {
  readonly string: string;
  readonly boolean: boolean;
  readonly number: number;
}

function typed<T extends keyof Types>(file: Readonly<Record<string, unknown>>, key: string, type: T): Types[T] | undefined {
  const value = file[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== type) throw invalid(`${key} in the configuration file must be a ${type}`);
  return value as Types[T];
}

function integer(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw invalid(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

/** `base=172.80.0.0/16,size=24` */
function pool(text: string): Pools[number] {
  const out = { base: '', size: 0 };
  for (const field of text.split(',')) {
    const [key = '', value = '', ...more] = field.split('=');
    if (value === '' || more.length > 0) throw invalid(`invalid field '${field}' must be a key=value pair`);
    if (key.toLowerCase() === 'base') out.base = value;
    else if (key.toLowerCase() === 'size') out.size = integer(value);
    else throw invalid(`unexpected key '${key}' in '${field}'`);
  }
  return out;
}

function filePools(value: unknown): Pools {
  if (value === undefined || value === null) return [];
  const wrong = () => invalid('default-address-pools in the configuration file must be a list of { "base": "CIDR", "size": BITS }');
  if (!Array.isArray(value)) throw wrong();
  return value.map((each: unknown) => {
    const { base, size } = (typeof each === 'object' && each !== null ? each : {}) as { base?: unknown; size?: unknown };
    if (typeof base !== 'string' || typeof size !== 'number' || !Number.isInteger(size)) throw wrong();
    return { base, size };
  });
}
