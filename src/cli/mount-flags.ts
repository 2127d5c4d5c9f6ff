/** `-v`, `--mount`, `--tmpfs`, `--device`: docker's own little languages. */
import { resolve } from 'node:path/posix';
import { invalid } from '../base/errors.ts';
import type { DeviceOption, MountOption } from '../engine/contract.ts';
import { bytes } from './units.ts';

const VOLUME_OPTIONS = /^(ro|rw|rro|z|Z|nocopy|consistent|cached|delegated|r?(private|shared|slave|unbindable)|r?bind|noexec|exec|nosuid|suid|nodev|dev)$/;

/** `SOURCE:TARGET[:OPTIONS]`; a missing source becomes a folder. */
export function volume(text: string, cwd: string): MountOption {
  const parts = text.split(':');
  const [source = '', target = '', options = ''] = parts;
  if (parts.length < 2 || parts.length > 3 || source === '' || target === '') throw invalid(`invalid volume specification: '${text}'`);
  if (!/^[./~]/.test(source)) throw invalid(`volume ${source}: named volumes come with a later version`, 'a path of the host begins with / or .');
  const words = options === '' ? [] : options.split(',');
  for (const word of words) if (!VOLUME_OPTIONS.test(word)) throw invalid(`invalid mode: ${options}`);
  const kept = words.filter((word) => !/^(z|Z|nocopy|consistent|cached|delegated)$/.test(word));
  return { type: 'bind', source: resolve(cwd, source), target, options: kept, create: true };
}

/** `type=bind,source=…,target=…[,readonly]…` */
export function mount(text: string, cwd: string): MountOption {
  const options: string[] = [];
  let [type, source, target] = ['volume', '', ''];
  let recursive = 'enabled';
  let readonly = false;
  const prefixes = { bind: false, tmpfs: false };
  for (const field of text.split(',')) {
    const equals = field.indexOf('=');
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    const value = equals < 0 ? undefined : field.slice(equals + 1);
    const on = () => {
      if (value === undefined || /^(1|true)$/.test(value)) return true;
      if (/^(0|false)$/.test(value)) return false;
      throw invalid(`invalid value for ${key}: ${value}`);
    };
    if (key.startsWith('bind-')) prefixes.bind = true;
    if (key.startsWith('tmpfs-')) prefixes.tmpfs = true;
    if (key === 'readonly' || key === 'ro') readonly = on();
    else if (key === 'bind-nonrecursive') recursive = on() ? 'disabled' : 'enabled';
    else if (value === undefined) throw invalid(`invalid field '${field}' must be a key=value pair`);
    else if (key === 'type') type = value;
    else if (key === 'source' || key === 'src') source = value;
    else if (key === 'target' || key === 'dst' || key === 'destination') target = value;
    else if (key === 'bind-propagation') options.push(propagation(value));
    else if (key === 'bind-recursive') recursive = value;
    else if (key === 'tmpfs-size') options.push(`size=${tmpfsSize(value)}`);
    else if (key === 'tmpfs-mode') options.push(`mode=${octal(value)}`);
    else if (key !== 'consistency') throw invalid(`unexpected key '${key}' in '${field}'`);
  }
  if (target === '') throw invalid(`target is required`);
  for (const [kind, given] of Object.entries(prefixes)) if (given && kind !== type) throw invalid(`cannot mix '${kind}-*' options with mount type '${type}'`);
  if (type === 'tmpfs') {
    if (source !== '') throw invalid(`cannot mix a source with tmpfs`);
    return { type, source: '', target, options: [...options, ...(readonly ? ['ro'] : [])], create: false };
  }
  if (type !== 'bind') throw invalid(`type ${type} comes with a later version; bind and tmpfs are there`);
  if (source === '') throw invalid(`source is required when specifying bind mount`);
  if (!/^(enabled|disabled|writable|readonly)$/.test(recursive))
    throw invalid(`invalid value for bind-recursive: ${recursive} (must be "enabled", "disabled", "writable", or "readonly")`);
  if (recursive === 'readonly' && !readonly) throw invalid(`option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction`);
  if (readonly) options.push(recursive === 'readonly' ? 'rro' : 'ro');
  return { type, source: resolve(cwd, source), target, options: [recursive === 'disabled' ? 'bind' : 'rbind', ...options], create: false };
}

function propagation(text: string): string {
  if (!/^r?(private|shared|slave)$/.test(text)) throw invalid(`invalid mount config for type "bind": invalid propagation mode: ${text}`);
  return text;
}

function tmpfsSize(text: string): number {
  try {
    return bytes(text);
  } catch {
    throw invalid(`invalid value for tmpfs-size: ${text}`);
  }
}

function octal(text: string): string {
  if (!/^[0-7]{1,5}$/.test(text)) throw invalid(`invalid value for tmpfs-mode: ${text}`);
  return text;
}

/** `TARGET[:OPTIONS]` */
export function tmpfs(text: string): MountOption {
  const colon = text.indexOf(':');
  const [target, options] = colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
  return { type: 'tmpfs', source: '', target, options: options === '' ? [] : options.split(','), create: false };
}

/** `HOST[:CONTAINER][:rwm]` */
export function device(text: string): DeviceOption {
  const [host = '', second, third, ...more] = text.split(':');
  if (host === '' || more.length > 0) throw invalid(`invalid device specification: ${text}`);
  const isMode = second !== undefined && third === undefined && /^[rwm]{1,3}$/.test(second);
  return { host, container: second === undefined || isMode ? host : second, access: third ?? (isMode ? second : 'rwm') };
}
