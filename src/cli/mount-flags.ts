/** `-v`, `--mount`, `--tmpfs`, `--device`: docker's own little languages. */
import { resolve } from 'node:path/posix';
import { invalid } from '../base/errors.ts';
import type { DeviceOption, MountOption } from '../engine/contract.ts';
import { mountOption } from '../engine/mount-option.ts';
import { bindMount, documentMount } from '../engine/mount-parse.ts';
import type { Mount } from '../engine/types/container.ts';
import { bytes } from './units.ts';

/** `-v` as the planners take it. */
export function volume(text: string, cwd: string): MountOption {
  return mountOption(bindMount(bindText(text, cwd)));
}

/** As `-v` of a container that may have volumes: a path of the host is made absolute, the rest is the engine's to judge. */
export function bindText(text: string, cwd: string): string {
  const [source = '', ...rest] = text.split(':');
  if (source === '' || (rest.length === 0 && !source.startsWith('/'))) throw invalid(`invalid volume specification: '${text}'`);
  return [/^[.~]/.test(source) ? resolve(cwd, source) : source, ...rest].join(':');
}

/** `type=bind,source=…,target=…[,readonly]…` as the planners take it. */
export function mount(text: string, cwd: string): MountOption {
  return mountOption(documentMount(mountDocument(text, cwd)));
}

/** `type=bind,source=…,target=…[,readonly]…` as the API has it. */
export function mountDocument(text: string, cwd: string): Mount {
  const given = readMount(text);
  const { type, source, target, readonly, recursive, propagation, bind, tmpfs, volume: own, image } = given;
  if (target === '') throw invalid(`target is required`);
  const prefixes = { bind: propagation !== undefined || bind, tmpfs: tmpfs !== undefined, volume: own !== undefined, image: image !== undefined };
  for (const [kind, used] of Object.entries(prefixes)) if (used && kind !== type) throw invalid(`cannot mix '${kind}-*' options with mount type '${type}'`);
  const common = { Type: type as Mount['Type'], Target: target, ...(readonly ? { ReadOnly: true } : {}) };
  if (type === 'tmpfs') {
    if (source !== '') throw invalid(`cannot mix a source with tmpfs`);
    return { ...common, ...(tmpfs === undefined ? {} : { TmpfsOptions: tmpfs }) };
  }
  if (type !== 'bind') {
    const options = { ...(own === undefined ? {} : { VolumeOptions: own }), ...(image === undefined ? {} : { ImageOptions: image }) };
    return { ...common, ...(source === '' ? {} : { Source: source }), ...options };
  }
  if (source === '') throw invalid(`source is required when specifying bind mount`);
  if ((recursive === 'readonly' || recursive === 'writable') && !readonly)
    throw invalid(`option 'bind-recursive=${recursive}' requires 'readonly' to be specified in conjunction`);
  const options = {
    ...(propagation === undefined ? {} : { Propagation: propagation }),
    ...(recursive === 'disabled' ? { NonRecursive: true } : {}),
    ...(recursive === 'writable' ? { ReadOnlyNonRecursive: true } : {}),
    ...(recursive === 'readonly' ? { ReadOnlyForceRecursive: true } : {}),
  };
  return { ...common, Source: resolve(cwd, source), ...(Object.keys(options).length === 0 ? {} : { BindOptions: options }) };
}

interface MountWords {
  type: string;
  source: string;
  target: string;
  readonly: boolean;
  recursive: string;
  propagation?: string;
  bind: boolean;
  tmpfs?: { SizeBytes?: number; Mode?: number };
  volume?: { NoCopy?: boolean; Labels?: Record<string, string>; DriverConfig?: { Name?: string; Options?: Record<string, string> }; Subpath?: string };
  image?: { Subpath?: string };
}

function readMount(text: string): MountWords {
  const out: MountWords = { type: 'volume', source: '', target: '', readonly: false, recursive: 'enabled', bind: false };
  for (const field of csvFields(text)) {
    const equals = field.indexOf('=');
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    const value = equals < 0 ? undefined : field.slice(equals + 1);
    const on = () => {
      if (value === undefined || /^(1|true)$/.test(value)) return true;
      if (/^(0|false)$/.test(value)) return false;
      throw invalid(`invalid value for ${key}: ${value}`);
    };
    if (key.startsWith('bind-')) out.bind = true;
    if (key === 'readonly' || key === 'ro') out.readonly = on();
    else if (key === 'bind-nonrecursive') out.recursive = on() ? 'disabled' : 'enabled';
    else if (key === 'volume-nocopy') out.volume = { ...out.volume, NoCopy: on() };
    else if (value === undefined) throw invalid(`invalid field '${field}' must be a key=value pair`);
    else if (key === 'type') out.type = value.toLowerCase();
    else if (key === 'source' || key === 'src') out.source = value;
    else if (key === 'target' || key === 'dst' || key === 'destination') out.target = value;
    else if (key === 'bind-propagation') out.propagation = checkedPropagation(value);
    else if (key === 'bind-recursive') out.recursive = checkedRecursion(value);
    else if (key === 'tmpfs-size') out.tmpfs = { ...out.tmpfs, SizeBytes: tmpfsSize(value) };
    else if (key === 'tmpfs-mode') out.tmpfs = { ...out.tmpfs, Mode: octal(value) };
    else if (key === 'volume-subpath') out.volume = { ...out.volume, Subpath: value };
    else if (key === 'volume-driver') out.volume = { ...out.volume, DriverConfig: { ...out.volume?.DriverConfig, Name: value } };
    else if (key === 'volume-label') out.volume = { ...out.volume, Labels: { ...out.volume?.Labels, ...keyValue(value) } };
    else if (key === 'volume-opt') {
      const { DriverConfig: driver } = out.volume ?? {};
      out.volume = { ...out.volume, DriverConfig: { ...driver, Options: { ...driver?.Options, ...keyValue(value) } } };
    } else if (key === 'image-subpath') out.image = { Subpath: value };
    else if (key !== 'consistency') throw invalid(`unexpected key '${key}' in '${field}'`);
  }
  return out;
}

/** `a,"b,c",d`: fields with commas stand in double quotes, doubled within. */
export function csvFields(text: string): string[] {
  if (text === '') throw invalid('value is empty');
  return [...text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '');
}

/** `key=value`; a key alone has the empty value. */
export function keyValue(text: string): Record<string, string> {
  const equals = text.indexOf('=');
  return equals < 0 ? { [text]: '' } : { [text.slice(0, equals)]: text.slice(equals + 1) };
}

function checkedPropagation(text: string): string {
  if (!/^r?(private|shared|slave)$/.test(text)) throw invalid(`invalid mount config for type "bind": invalid propagation mode: ${text}`);
  return text;
}

function checkedRecursion(text: string): string {
  if (/^(enabled|disabled|writable|readonly)$/.test(text)) return text;
  throw invalid(`invalid value for bind-recursive: ${text} (must be "enabled", "disabled", "writable", or "readonly")`);
}

function tmpfsSize(text: string): number {
  try {
    return bytes(text);
  } catch {
    throw invalid(`invalid value for tmpfs-size: ${text}`);
  }
}

function octal(text: string): number {
  if (!/^[0-7]{1,5}$/.test(text)) throw invalid(`invalid value for tmpfs-mode: ${text}`);
  return Number.parseInt(text, 8);
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
