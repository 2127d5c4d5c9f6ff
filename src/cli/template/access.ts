/** `index`, `slice` and `len` of Go's templates. Strings are bytes there. */
import { GoMap, GoSlice, isInt, isNil, mapOf, sliceOf, typeName } from './values.ts';

export function length(value: unknown): number {
  if (value === undefined) throw new Error('reflect: call of reflect.Value.Type on zero Value');
  if (isNil(value)) throw new Error('len of nil pointer');
  if (typeof value === 'string') return Buffer.byteLength(value);
  const items = sliceOf(value);
  if (items !== undefined) return items.length;
  const entries = mapOf(value);
  if (entries !== undefined) return Object.keys(entries).length;
  throw new Error(`len of type ${typeName(value)}`);
}

function position(key: unknown, limit: number): number {
  if (isNil(key)) throw new Error('cannot index slice/array with nil');
  if (!isInt(key)) throw new Error(`cannot index slice/array with type ${typeName(key)}`);
  if (key < 0 || key > limit) throw new Error(`index out of range: ${key}`);
  return Number(key);
}

/** One step for each key. */
export function index(value: unknown, ...keys: unknown[]): unknown {
  if (isNil(value)) throw new Error('index of untyped nil');
  let found = value;
  for (const key of keys) {
    if (isNil(found)) throw new Error('index of nil pointer');
    const items = sliceOf(found);
    const entries = mapOf(found);
    if (items !== undefined) found = items[position(key, items.length - 1)];
    else if (typeof found === 'string') {
      const bytes = Buffer.from(found);
      found = bytes[position(key, bytes.length - 1)];
    } else if (entries !== undefined) {
      if (isNil(key)) throw new Error('value is nil; should be of type string');
      if (typeof key !== 'string') throw new Error(`value has type ${typeName(key)}; should be string`);
      found = Object.hasOwn(entries, key) ? entries[key] : found instanceof GoMap ? found.zero : null;
    } else throw new Error(`can't index item of type ${typeName(found)}`);
  }
  return found;
}

export function slice(value: unknown, ...indexes: unknown[]): unknown {
  if (isNil(value)) throw new Error('slice of untyped nil');
  if (indexes.length > 3) throw new Error(`too many slice indexes: ${indexes.length}`);
  const bytes = typeof value === 'string' ? Buffer.from(value) : undefined;
  const items = bytes ?? sliceOf(value);
  if (items === undefined) throw new Error(`can't slice item of type ${typeName(value)}`);
  if (bytes !== undefined && indexes.length === 3) throw new Error('cannot 3-index slice a string');
  const [from = 0, to = items.length, most] = indexes.map((each) => position(each, items.length));
  if (from > to) throw new Error(`invalid slice index: ${from} > ${to}`);
  if (most !== undefined && to > most) throw new Error(`invalid slice index: ${to} > ${most}`);
  if (bytes !== undefined) return bytes.subarray(from, to).toString();
  const part = Array.from(items).slice(from, to);
  return value instanceof GoSlice ? new GoSlice(value.type, part) : part;
}
