/** `Binds`, `Mounts` and `Tmpfs` of a container's documents as the planners' mounts, and as `inspect` shows them. */
import { posix } from 'node:path';
import { invalid } from '../base/errors.ts';
import type { MountOption } from '../runtime/run-options.ts';
import type { MountPoint } from './types/container-answers.ts';
import type { HostConfig, Mount } from './types/container.ts';

const BIND_OPTIONS = /^(ro|rw|rro|z|Z|nocopy|consistent|cached|delegated|r?(private|shared|slave|unbindable)|r?bind|noexec|exec|nosuid|suid|nodev|dev)$/;
const PROPAGATION = /^r?(private|shared|slave|unbindable)$/;

export function mountOptions(host: Pick<HostConfig, 'Binds' | 'Mounts' | 'Tmpfs' | 'VolumesFrom'>): MountOption[] {
  if (host.VolumesFrom?.length) throw invalid('volumes of other containers come with a later version');
  return [...(host.Binds ?? []).map(bind), ...(host.Mounts ?? []).map(mountOption), ...Object.entries(host.Tmpfs ?? {}).map(tmpfs)];
}

/** As `inspect` lists them; tmpfs by `Tmpfs` is not, as in Docker. */
export function mountPoints(host: Pick<HostConfig, 'Binds' | 'Mounts' | 'Tmpfs' | 'VolumesFrom'>): MountPoint[] {
  const shown = (option: MountOption, mode: string): MountPoint => ({
    Type: option.type,
    Source: option.type === 'tmpfs' ? '' : clean(option.source),
    Destination: clean(option.target),
    Mode: mode,
    RW: !option.options.some((word) => word === 'ro' || word === 'rro'),
    Propagation: option.type === 'tmpfs' ? '' : (option.options.find((word) => PROPAGATION.test(word)) ?? 'rprivate'),
  });
  return [
    ...(host.Binds ?? []).map((text) => shown(bind(text), text.split(':').slice(2).join(':'))),
    ...(host.Mounts ?? []).map((given) => shown(mountOption(given), '')),
  ];
}

function clean(path: string): string {
  return posix.normalize(path).replace(/(.)\/+$/, '$1');
}

/** `SOURCE:TARGET[:OPTIONS]`; a missing source becomes a folder. */
function bind(text: string): MountOption {
  const parts = text.split(':');
  const [source = '', target = '', options = ''] = parts;
  if (parts.length < 2 || parts.length > 3 || source === '' || target === '') throw invalid(`invalid volume specification: '${text}'`);
  if (!source.startsWith('/')) throw invalid(`volume ${source}: named volumes come with a later version`, 'a path of the host begins with /');
  const words = options === '' ? [] : options.split(',');
  for (const word of words) if (!BIND_OPTIONS.test(word)) throw invalid(`invalid mode: ${options}`);
  const kept = words.filter((word) => !/^(z|Z|nocopy|consistent|cached|delegated)$/.test(word));
  return { type: 'bind', source, target, options: kept, create: true };
}

/** Throws `invalid` in Docker's words. */
export function mountOption(given: Mount): MountOption {
  const fail = (why: string) => invalid(`invalid mount config for type "${given.Type}": ${why}`);
  const { Target, Source = '', ReadOnly = false, BindOptions = {}, TmpfsOptions = {} } = given;
  if (!Target) throw fail('field Target must not be empty');
  if (!Target.startsWith('/')) throw fail(`invalid mount path: '${Target}' mount path must be absolute`);
  if (given.Type === 'tmpfs') {
    if (Source !== '') throw fail('field Source must not be specified');
    const extra = (TmpfsOptions.Options ?? []).map((words) => words.join('='));
    return {
      type: 'tmpfs',
      source: '',
      target: Target,
      options: [
        ...(TmpfsOptions.SizeBytes ? [`size=${TmpfsOptions.SizeBytes}`] : []),
        ...(TmpfsOptions.Mode ? [`mode=${TmpfsOptions.Mode.toString(8)}`] : []),
        ...extra,
        ...(ReadOnly ? ['ro'] : []),
      ],
      create: false,
    };
  }
  if (given.Type !== 'bind') {
    if (given.Type === 'volume' || given.Type === 'image') throw fail('it comes with a later version; bind and tmpfs are there');
    throw fail('mount type unknown');
  }
  if (Source === '') throw fail('field Source must not be empty');
  if (!Source.startsWith('/')) throw fail(`invalid mount path: '${Source}' mount path must be absolute`);
  const { Propagation, NonRecursive = false, ReadOnlyForceRecursive = false, CreateMountpoint = false } = BindOptions;
  if (Propagation && !PROPAGATION.test(Propagation)) throw fail(`invalid propagation mode: ${Propagation}`);
  const readonly = ReadOnly ? [ReadOnlyForceRecursive ? 'rro' : 'ro'] : [];
  return {
    type: 'bind',
    source: Source,
    target: Target,
    options: [NonRecursive ? 'bind' : 'rbind', ...(Propagation ? [Propagation] : []), ...readonly],
    create: CreateMountpoint,
  };
}

function tmpfs([target, options]: [string, string]): MountOption {
  return { type: 'tmpfs', source: '', target, options: options === '' ? [] : options.split(','), create: false };
}
