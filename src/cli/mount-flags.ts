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
  for (const field of text.split(',')) {
    const equals = field.indexOf('=');
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    const value = equals < 0 ? undefined : field.slice(equals + 1);
    const on = () => {
      if (value === undefined || /^(1|true)$/.test(value)) return true;
      if (/^(0|false)$/.test(value)) return false;
      throw invalid(`invalid argument "${text}" for "--mount" flag: invalid value for '${key}': invalid boolean value ("${value}")`);
    };
    if (key === 'readonly' || key === 'ro') readonly = on();
    else if (value === undefined) throw invalid(`invalid argument "${text}" for "--mount" flag: invalid field '${field}' must be a key=value pair`);
    else if (key === 'type') type = value;
    else if (key === 'source' || key === 'src') source = value;
    else if (key === 'target' || key === 'dst' || key === 'destination') target = value;
    else if (key === 'bind-propagation') options.push(value);
    else if (key === 'bind-recursive') recursive = value;
    else if (key === 'bind-nonrecursive') recursive = on() ? 'disabled' : 'enabled';
    else if (key === 'tmpfs-size') options.push(`size=${bytes(value)}`);
    else if (key === 'tmpfs-mode') options.push(`mode=${octal(value, text)}`);
    else if (key !== 'consistency') throw invalid(`invalid argument "${text}" for "--mount" flag: unknown option '${key}' in '${field}'`);
  }
  if (target === '') throw invalid(`invalid argument "${text}" for "--mount" flag: target is required`);
  if (type === 'tmpfs') {
    if (source !== '') throw invalid(`invalid argument "${text}" for "--mount" flag: cannot mix a source with tmpfs`);
    return { type, source: '', target, options: [...options, ...(readonly ? ['ro'] : [])], create: false };
  }
  if (type !== 'bind') throw invalid(`invalid argument "${text}" for "--mount" flag: type ${type} comes with a later version; bind and tmpfs are there`);
  if (source === '') throw invalid(`invalid argument "${text}" for "--mount" flag: source is required when specifying bind mount`);
  if (!/^(enabled|disabled|writable|readonly)$/.test(recursive)) throw invalid(`invalid value for 'bind-recursive': "${recursive}"`);
  if (recursive === 'readonly' && !readonly) throw invalid(`option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction`);
  if (readonly) options.push(recursive === 'readonly' ? 'rro' : 'ro');
  return { type, source: resolve(cwd, source), target, options: [recursive === 'disabled' ? 'bind' : 'rbind', ...options], create: false };
}

function octal(text: string, whole: string): string {
  if (!/^[0-7]{1,5}$/.test(text)) throw invalid(`invalid argument "${whole}" for "--mount" flag: invalid value for tmpfs-mode: ${text}`);
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
