/** `Binds` and `Mounts` of a container's documents, read and checked by themselves. Throws `invalid` in Docker's words. */
import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { EngineError, invalid } from '../base/errors.ts';
import type { WantedMount } from './mount-record.ts';
import type { Mount } from './types/container.ts';

/** Words after the last colon: of each row there may be one. The last row is more than Docker has. */
const MODE_WORDS = [/^(ro|rw|rro)$/, /^[zZ]$/, /^nocopy$/, /^r?(private|shared|slave)$/, /^(consistent|cached|delegated)$/];
const MORE_WORDS = /^(r?unbindable|r?bind|noexec|exec|nosuid|suid|nodev|dev)$/;
const PROPAGATION = /^r?(private|shared|slave|unbindable)$/;
/** What says nothing to mount(8). */
const SILENT = /^(ro|rw|z|Z|nocopy|consistent|cached|delegated)$/;

export function cleanPath(path: string): string {
  return posix.normalize(path).replace(/(.)\/+$/, '$1');
}

/** `SOURCE:TARGET[:MODE]`, or a target alone. `driver`: of volumes that have to be made. */
export function bindMount(text: string, driver = ''): WantedMount {
  const parts = text.split(':');
  const malformed = () => invalid(`invalid volume specification: '${text}'`);
  if (parts.length > 3 || parts.includes('') || (parts.length === 2 && isMode(parts[1]!))) throw malformed();
  const [source, target, mode = ''] = parts.length === 1 ? ['', parts[0]!] : (parts as [string, string, string?]);
  const words = modeWords(mode);
  if (words === undefined) throw invalid(`invalid mode: ${mode}`);
  const bind = source.startsWith('/');
  const fail = (why: string) => invalid(`invalid volume specification: '${text}': invalid mount config for type "${bind ? 'bind' : 'volume'}": ${why}`);
  checkTarget(target, fail);
  const propagation = words.find((word) => PROPAGATION.test(word));
  const common = {
    destination: cleanPath(target),
    mode,
    rw: !words.some(isReadOnly),
    options: words.filter((word) => !SILENT.test(word) && !PROPAGATION.test(word)),
  };
  if (bind) {
    if (words.includes('nocopy')) throw fail('field VolumeOptions must not be specified');
    return { ...common, type: 'bind', source: cleanPath(source), propagation: propagation ?? 'rprivate', create: true };
  }
  if (propagation !== undefined) throw fail('field BindOptions must not be specified');
  if (words.some((word) => /^r?bind$/.test(word))) throw invalid(`invalid mode: ${mode}`);
  return {
    ...common,
    type: 'volume',
    name: source,
    source: '',
    mode: mode || 'z',
    propagation: '',
    copy: !words.includes('nocopy'),
    ...(source === '' ? { anonymous: true } : {}),
    volume: { driver },
  };
}

function isMode(text: string): boolean {
  return modeWords(text) !== undefined;
}

/** Undefined for what is no mode. */
export function modeWords(mode: string): readonly string[] | undefined {
  if (mode === '') return [];
  const words = mode.split(',');
  const known = words.every((word) => MODE_WORDS.some((row) => row.test(word)) || MORE_WORDS.test(word));
  return known && MODE_WORDS.every((row) => words.filter((word) => row.test(word)).length <= 1) ? words : undefined;
}

export function isReadOnly(word: string): boolean {
  return word === 'ro' || word === 'rro';
}

/** One of `Mounts`. With `sources`, those of binds have to be there. */
export function documentMount(mount: Mount, { sources = false, driver = '' }: { readonly sources?: boolean; readonly driver?: string } = {}): WantedMount {
  const { Type, Target = '', Source = '', ReadOnly = false } = mount;
  const fail = (why: string) => invalid(`invalid mount config for type "${Type}": ${why}`);
  if (Target === '') throw fail('field Target must not be empty');
  checkTarget(Target, fail);
  checkOwners(mount);
  const common = { destination: cleanPath(Target), mode: '', rw: !ReadOnly, propagation: '', options: [] };
  switch (Type) {
    case 'bind':
      return { ...common, ...documentBind(mount, fail, sources) };
    case 'volume':
      return { ...common, ...documentVolume(mount, fail, driver) };
    case 'tmpfs':
      if (Source !== '') throw fail('field Source must not be specified');
      return { ...common, type: 'tmpfs', source: '', options: tmpfsWords(mount) };
    case 'image':
      if (Source === '') throw fail('field Source must not be empty');
      return { ...common, type: 'image', rw: false, propagation: 'rprivate', source: Source, ...subpath(mount.ImageOptions?.Subpath, fail) };
    default:
      throw fail('mount type unknown');
  }
}

function documentBind(
  { Source = '', ReadOnly = false, BindOptions = {} }: Mount,
  fail: (why: string) => Error,
  sources: boolean,
): Partial<WantedMount> & Pick<WantedMount, 'type' | 'source'> {
  const {
    Propagation,
    NonRecursive = false,
    ReadOnlyNonRecursive: plain = false,
    ReadOnlyForceRecursive: forced = false,
    CreateMountpoint = false,
  } = BindOptions;
  if (Source === '') throw fail('field Source must not be empty');
  if (Propagation && !PROPAGATION.test(Propagation)) throw fail(`invalid propagation mode: ${Propagation}`);
  if (!Source.startsWith('/')) throw fail(`invalid mount path: '${Source}' mount path must be absolute`);
  if (plain && forced) throw invalid('mount options conflict: ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive');
  if (plain && !ReadOnly) throw invalid('mount options conflict: !ReadOnly && BindOptions.ReadOnlyNonRecursive');
  if (forced && !ReadOnly) throw invalid('mount options conflict: !ReadOnly && BindOptions.ReadOnlyForceRecursive');
  // `--mount` wants its source to be there; `-v` makes it
  if (sources && !CreateMountpoint && !existsSync(Source)) throw fail(`bind source path does not exist: ${Source}`);
  return {
    type: 'bind',
    source: cleanPath(Source),
    propagation: Propagation || 'rprivate',
    options: [NonRecursive ? 'bind' : 'rbind', ...(forced ? ['rro'] : plain ? ['ro'] : [])],
    create: CreateMountpoint,
  };
}

function documentVolume(
  { Source = '', ReadOnly = false, VolumeOptions }: Mount,
  fail: (why: string) => Error,
  driver: string,
): Partial<WantedMount> & Pick<WantedMount, 'type' | 'source'> {
  const { NoCopy = false, Labels, DriverConfig, Subpath = '' } = VolumeOptions ?? {};
  if (Subpath !== '' && Source === '') throw fail('must not set Subpath when using anonymous volumes');
  const below = subpath(Subpath, fail);
  if (ReadOnly && Source === '') throw fail('must not set ReadOnly mode when using anonymous volumes');
  return {
    type: 'volume',
    name: Source,
    source: '',
    mode: 'z',
    copy: !NoCopy,
    ...(Source === '' ? { anonymous: true } : {}),
    ...below,
    volume: { driver: DriverConfig?.Name || driver, labels: Labels, options: DriverConfig?.Options },
  };
}

/** As Go's filepath.IsLocal has it. */
function subpath(text: string | undefined, fail: (why: string) => Error): { readonly subpath?: string } {
  if (text === undefined || text === '') return {};
  const path = cleanPath(text);
  if (text.startsWith('/') || path === '..' || path.startsWith('../') || text.includes('\0')) throw fail('subpath must be a relative path within the volume');
  return path === '.' ? {} : { subpath: path };
}

function tmpfsWords({ TmpfsOptions: { SizeBytes, Mode, Options = [] } = {} }: Mount): string[] {
  return [...(SizeBytes ? [`size=${SizeBytes}`] : []), ...(Mode ? [`mode=${Mode.toString(8)}`] : []), ...Options.map((words) => words.join('='))];
}

/** `fail` puts what is asked for before the words. */
export function checkTarget(target: string, fail: (why: string) => Error): void {
  if (!target.startsWith('/')) throw fail(`invalid mount path: '${target}' mount path must be absolute`);
  if (cleanPath(target) === '/') throw fail("invalid specification: destination can't be '/'");
}

function checkOwners(mount: Mount): void {
  for (const [key, owner] of [
    ['BindOptions', 'bind'],
    ['VolumeOptions', 'volume'],
    ['ImageOptions', 'image'],
    ['TmpfsOptions', 'tmpfs'],
  ] as const) {
    if (mount[key] !== undefined && mount.Type !== owner) throw invalid(`${key} must not be specified on mount type "${mount.Type}"`);
  }
}

/** `CONTAINER[:MODE]` */
export function volumesFrom(text: string): { readonly container: string; readonly rw: boolean } {
  if (text === '') throw invalid('volumes-from specification cannot be an empty string');
  const colon = text.indexOf(':');
  if (colon < 0) return { container: text, rw: true };
  const mode = text.slice(colon + 1);
  const words = mode === '' ? undefined : modeWords(mode);
  // whence they come says how they spread, and nothing is copied
  if (words === undefined || words.some((word) => word === 'nocopy' || PROPAGATION.test(word) || MORE_WORDS.test(word))) throw invalid(`invalid mode: ${mode}`);
  return { container: text.slice(0, colon), rw: !words.some(isReadOnly) };
}

/** What the local driver is called; others there are none. Throws Docker's `not-found`. */
export function checkVolumeDriver(driver: string, name: string): void {
  if (driver === '' || driver === 'local') return;
  throw new EngineError('not-found', `create ${name}: error looking up volume plugin ${driver}: plugin ${JSON.stringify(driver)} not found`);
}
