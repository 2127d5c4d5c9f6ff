/** A container's mounts on record as the planners take them. */
import type { MountOption } from '../runtime/run-options.ts';
import { cleanPath } from './mount-parse.ts';
import type { MountRecord } from './mount-record.ts';
import type { HostConfig } from './types/container.ts';

/** For the planners, with what `Tmpfs` asks for: that takes the place of any other. */
export function mountOptions(mounts: readonly MountRecord[], tmpfs: HostConfig['Tmpfs'] = {}): MountOption[] {
  const covered = new Set(Object.keys(tmpfs).map(cleanPath));
  return [
    ...mounts.filter(({ destination }) => !covered.has(destination)).map(mountOption),
    ...Object.entries(tmpfs).map(([target, words]): MountOption => ({
      type: 'tmpfs',
      source: '',
      target,
      options: words === '' ? [] : words.split(','),
      create: false,
    })),
  ];
}

export function mountOption({ type, name, source, destination, rw, propagation, options, create = false, subpath, copy }: MountRecord): MountOption {
  return {
    type,
    source: name ?? source,
    target: destination,
    options: [...options, ...(propagation === '' ? [] : [propagation]), ...readOnlyWords(type, rw, options), ...(copy === false ? ['nocopy'] : [])],
    create,
    ...(subpath === undefined ? {} : { subpath }),
  };
}

/** As Docker 28: a bind that is read-only is so with all below it, where nothing else was said. */
function readOnlyWords(type: MountRecord['type'], rw: boolean, options: readonly string[]): readonly string[] {
  if (rw || options.includes('ro') || options.includes('rro')) return [];
  return [type === 'bind' || type === 'volume' ? 'rro' : 'ro'];
}
