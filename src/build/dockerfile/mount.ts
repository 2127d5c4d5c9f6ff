/** The value of RUN's --mount. */
import { parseBool } from '../../base/parse-bool.ts';
import type { CacheSharing, MountType, RunMount } from './ast.ts';
import { sizeBytes } from '../../base/sizes.ts';
import { csvFields } from './csv.ts';
import { wrong } from './failure.ts';
import { withSuggestion } from './suggest.ts';
import { goQuote } from '../../base/go-quote.ts';
import { cut } from './text.ts';

const TYPES: readonly MountType[] = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'];
const SHARING: readonly CacheSharing[] = ['shared', 'private', 'locked'];
const KEYS = 'type from source target readonly id sharing required size mode uid gid src dst destination ro rw readwrite env'.split(' ');
const MAX_ID = 2 ** 32 - 1;

type Draft = { -readonly [K in keyof RunMount]: RunMount[K] };

/** What can be told before variables are known: it is a record of fields, and `from` has no variable in it. */
export function checkMount(text: string): void {
  for (const field of csvFields(text, 'mounts')) {
    const [key, value] = cut(field, '=') ?? [];
    if (key?.toLowerCase() !== 'from' || value === undefined) continue;
    const at = value.indexOf('$');
    if (at !== -1 && at + 1 < value.length) throw wrong("'from' doesn't support variable expansion, define alias stage instead");
  }
}

/** The `from` of a mount that is not expanded yet, where it has one. */
export function mountFrom(text: string): string {
  const fields = csvFields(text, 'mounts').map((field) => cut(field, '='));
  return fields.findLast((pair) => pair?.[0].toLowerCase() === 'from')?.[1] ?? '';
}

/** `expand` is applied to each value. Throws `invalid` in BuildKit's words. */
export function parseMount(text: string, expand: (value: string) => string): RunMount {
  const draft: Draft = {
    ...{ type: 'bind', from: '', source: '', target: '', readOnly: false, id: '', sharing: undefined, required: false, size: 0 },
    ...{ mode: undefined, uid: undefined, gid: undefined, env: undefined },
  };
  let readOnlyGiven = false;
  for (const field of csvFields(text, 'mounts')) {
    const pair = cut(field, '=');
    const key = (pair?.[0] ?? field).toLowerCase();
    const value = pair === undefined ? undefined : expand(pair[1]);
    if (key === 'readonly' || key === 'ro' || key === 'readwrite' || key === 'rw') {
      const on = value === undefined ? true : needBool(key, value);
      draft.readOnly = key.startsWith('reado') || key === 'ro' ? on : !on;
      readOnlyGiven = true;
    } else if (key === 'required' && (value === undefined || isSecretive(draft.type))) {
      if (!isSecretive(draft.type)) throw unexpected(key, draft.type);
      draft.required = value === undefined ? true : needBool(key, value);
    } else if (value === undefined) throw wrong(`invalid field '${field}' must be a key=value pair`);
    else setField(draft, key, value, field);
  }
  if (!readOnlyGiven) draft.readOnly = draft.type !== 'cache' && draft.type !== 'tmpfs';
  checkWhole(draft);
  return draft;
}

function setField(draft: Draft, key: string, value: string, field: string): void {
  switch (key) {
    case 'type':
      draft.type = oneOf(TYPES, value, 'mount type');
      break;
    case 'from':
      draft.from = value;
      break;
    case 'source':
    case 'src':
      draft.source = value;
      break;
    case 'target':
    case 'dst':
    case 'destination':
      draft.target = value;
      break;
    case 'size':
      if (draft.type !== 'tmpfs') throw unexpected(key, draft.type);
      draft.size = size(value);
      break;
    case 'id':
      draft.id = value;
      break;
    case 'sharing':
      draft.sharing = oneOf(SHARING, value, 'sharing value');
      break;
    case 'mode':
      draft.mode = number(value, 8, key);
      break;
    case 'uid':
      draft.uid = number(value, 10, key);
      break;
    case 'gid':
      draft.gid = number(value, 10, key);
      break;
    case 'env':
      draft.env = value;
      break;
    case 'required':
      throw unexpected(key, draft.type);
    default:
      throw wrong(withSuggestion(`unexpected key '${key}' in '${field}'`, key, KEYS));
  }
}

function checkWhole(mount: RunMount): void {
  const { type } = mount;
  if (type !== 'secret' && type !== 'ssh' && type !== 'cache') {
    for (const key of ['mode', 'uid', 'gid'] as const) if (mount[key] !== undefined) throw wrong(`${key} not allowed for ${goQuote(type)} type mounts`);
  }
  if (type === 'secret') {
    if (mount.from !== '') throw wrong('secret mount should not have a from');
    if (mount.sharing !== undefined) throw wrong('secret mount should not define sharing');
    if (mount.source === '' && mount.target === '' && mount.id === '') throw wrong('invalid secret mount. one of source, target required');
    if (mount.source !== '' && mount.id !== '') throw wrong("both source and id can't be set");
  } else if (mount.env !== undefined) throw unexpected('env', type);
  if (mount.sharing !== undefined && type !== 'cache') throw wrong(`invalid cache sharing set for ${type} mount`);
}

function isSecretive(type: MountType): boolean {
  return type === 'secret' || type === 'ssh';
}

function unexpected(key: string, type: MountType): Error {
  return wrong(`unexpected key '${key}' for mount type '${type}'`);
}

function oneOf<T extends string>(known: readonly T[], value: string, what: string): T {
  const found = known.find((each) => each === value.toLowerCase());
  if (found === undefined) throw wrong(withSuggestion(`unsupported ${what} ${goQuote(value)}`, value, known));
  return found;
}

function needBool(key: string, value: string): boolean {
  const on = parseBool(value);
  if (on === undefined) throw wrong(`invalid value for ${key}: ${value}`);
  return on;
}

function number(value: string, base: 8 | 10, key: string): number {
  const digits = base === 8 ? /^[0-7]{1,16}$/ : /^[0-9]{1,16}$/;
  const parsed = digits.test(value) ? Number.parseInt(value, base) : MAX_ID + 1;
  if (parsed > MAX_ID) throw wrong(`invalid value ${value} for ${key}`);
  return parsed;
}

function size(value: string): number {
  try {
    return sizeBytes(value);
  } catch {
    throw wrong(`invalid value for size: ${value}`);
  }
}
