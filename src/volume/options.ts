/** Names and driver options of the local driver, checked in Docker's words, and what they mean to mount(8). */
import { isIP } from 'node:net';
import { EngineError, invalid } from '../base/errors.ts';
import type { VolumeSource } from './contract.ts';

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
/** A file name (NAME_MAX). */
const LONGEST = 255;

/** Throws `invalid` for what is no name of a local volume. */
export function checkVolumeName(name: string): void {
  if (name.length === 1) throw invalid('volume name is too short, names should be at least two alphanumeric characters');
  if (!NAME.test(name)) {
    throw invalid(
      `${JSON.stringify(name)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    );
  }
  if (name.length > LONGEST) throw invalid(`volume name ${name.slice(0, 16)}… is too long: file name too long`);
}

export function isVolumeName(name: string): boolean {
  return NAME.test(name) && name.length <= LONGEST;
}

const NEEDS: Readonly<Record<string, readonly string[]>> = { type: ['device'], device: ['type'], o: ['device', 'type'] };

/** Throws `invalid` for options that the local driver has not, or that make no sense without others. */
export function checkVolumeOptions(options: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(options)) if (!Object.hasOwn(NEEDS, name) && name !== 'size') throw invalid(`invalid option: ${JSON.stringify(name)}`);
  if (Object.hasOwn(options, 'size')) throw invalid('quota size requested but no quota support');
  for (const [name, others] of Object.entries(NEEDS)) {
    if (!Object.hasOwn(options, name)) continue;
    for (const other of others) if (!Object.hasOwn(options, other)) throw invalid(`missing required option: ${JSON.stringify(other)}`);
  }
}

/** Types that mount(8) takes for none at all: what is mounted is a folder. */
const NO_TYPE = new Set(['', 'none', 'bind']);
/** Words of `o` that make a mount a bind. */
const BIND = new Set(['bind', 'rbind']);

/**
 * What is to be mounted for a volume whose own folder is `mountpoint`. Throws `invalid` for options that name nothing to
 * mount, or a path that is not absolute.
 */
export function volumeSource(options: Readonly<Record<string, string>> | null, mountpoint: string): VolumeSource {
  const { type = '', device = '', o = '' } = options ?? {};
  if (device === '') {
    if (type === '' || type === 'none') return { kind: 'folder', path: mountpoint, options: [] };
    throw invalid('missing device in volume options');
  }
  const words = o.split(',').filter((word) => word !== '');
  if (words.some((word) => BIND.has(word)) || type === 'bind') {
    if (!device.startsWith('/')) throw invalid(`volume option device=${device}: a bind mount wants an absolute path`);
    return { kind: 'folder', path: device, options: words };
  }
  if (NO_TYPE.has(type)) throw invalid(`volume options name no file system: type is ${JSON.stringify(type)} and o has no "bind"`);
  return { kind: 'file-system', type, device, options: words };
}

/** Types whose server `addr=` names, which the kernel wants as an address. */
const NETWORK_TYPES = /^(nfs4?|cifs|smb3)$/;

/** The name to look up before the file system is mounted; undefined where there is none. */
export function serverName(source: VolumeSource): string | undefined {
  if (source.kind !== 'file-system' || !NETWORK_TYPES.test(source.type)) return undefined;
  const address = source.options.find((word) => word.startsWith('addr='))?.slice('addr='.length);
  return address === undefined || address === '' || isIP(address) !== 0 ? undefined : address;
}

/** The same with the address in the server's place. */
export function withServerAddress(source: VolumeSource, address: string): VolumeSource {
  if (isIP(address) === 0) throw new EngineError('internal', `${address} is no address`);
  return { ...source, options: source.options.map((word) => (word.startsWith('addr=') ? `addr=${address}` : word)) };
}
