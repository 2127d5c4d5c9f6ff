/**
 * Documents from outside, checked and typed. A shape is data; its TypeScript type is inferred from it. Reading follows
 * Go's encoding/json, because Docker's clients rely on it: keys in any case, null is as if absent, what is unknown is
 * ignored, and a wrong type is `invalid` in the daemon's words.
 */
import { invalid } from '../base/errors.ts';

declare const decodesTo: unique symbol;

interface Common {
  /** The name of Go's type, which stands in messages. */
  readonly go: string;
  /** Left out of a `struct` when absent. */
  readonly optional?: boolean;
}

type Node =
  | (Common & { readonly kind: 'text' | 'flag' | 'words' })
  | (Common & { readonly kind: 'choice'; readonly values: readonly string[]; readonly refusal: (value: string) => string })
  | (Common & { readonly kind: 'integer'; readonly min: number; readonly max: number })
  | (Common & { readonly kind: 'list'; readonly of: Node; readonly length?: number })
  | (Common & { readonly kind: 'map'; readonly of: Node })
  | (Common & {
      readonly kind: 'record';
      readonly fields: Readonly<Record<string, Node>>;
      readonly full: boolean;
      readonly names: ReadonlyMap<string, string>;
    });

export type Shape<T> = Node & { readonly [decodesTo]?: T };
/** A field that may be missing from a `struct`. */
export type OptionalShape<T> = Shape<T> & { readonly optional: true };
/** What a shape decodes to. */
export type Decoded<S> = S extends Shape<infer T> ? T : never;

type Fields = Readonly<Record<string, Shape<unknown>>>;
type Partly<F extends Fields> = { readonly [K in keyof F]?: Decoded<F[K]> };
type OptionalNames<F extends Fields> = { [K in keyof F]: F[K] extends { readonly optional: true } ? K : never }[keyof F];
type Wholly<F extends Fields> = { readonly [K in Exclude<keyof F, OptionalNames<F>>]: Decoded<F[K]> } & { readonly [K in OptionalNames<F>]?: Decoded<F[K]> };

export function text(go = 'string'): Shape<string> {
  return { kind: 'text', go };
}

/** One of some words; '' too where it is among them. `refusal` is the message for another. */
export function choice<const V extends string>(go: string, values: readonly V[], refusal: (value: string) => string): Shape<V> {
  return { kind: 'choice', go, values, refusal };
}

export function integer(go: string, min: number, max: number): Shape<number> {
  return { kind: 'integer', go, min, max };
}

export function list<T>(of: Shape<T>, go = `[]${of.go}`): Shape<readonly T[]> {
  return { kind: 'list', go, of };
}

/** Two numbers: what is missing is 0, more is ignored. */
export function pair(of: Shape<number>): Shape<readonly [number, number]> {
  return { kind: 'list', go: `[2]${of.go}`, of, length: 2 };
}

export function map<T>(of: Shape<T>, go = `map[string]${of.go}`): Shape<Readonly<Record<string, T>>> {
  return { kind: 'map', go, of };
}

/** A document of which only what is there matters. */
export function partial<const F extends Fields>(go: string, fields: F): Shape<Partly<F>> {
  return { kind: 'record', go, fields, full: false, names: foldedNames(fields) };
}

/** A document whose missing fields get Go's zero values, but for those that are `optional`. */
export function struct<const F extends Fields>(go: string, fields: F): Shape<Wholly<F>> {
  return { kind: 'record', go, fields, full: true, names: foldedNames(fields) };
}

export function optional<T>(shape: Shape<T>): OptionalShape<T> {
  return { ...shape, optional: true };
}

export const flag: Shape<boolean> = { kind: 'flag', go: 'bool' };
export const int64 = integer('int64', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
export const int = integer('int', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
export const uint64 = integer('uint64', 0, Number.MAX_SAFE_INTEGER);
export const uint = integer('uint', 0, Number.MAX_SAFE_INTEGER);
export const uint16 = integer('uint16', 0, 65_535);
/** A list of strings, or one string. */
export const words: Shape<readonly string[]> = { kind: 'words', go: 'string' };
export const texts = list(text());
export const textMap = map(text());

/**
 * Reads a document. `root` is what messages call it: Go says the type's own name, or nothing for one that embeds
 * another. Throws `invalid`.
 */
export function decode<T>(shape: Shape<T>, value: unknown, root = shape.go.slice(shape.go.lastIndexOf('.') + 1)): T {
  return (value === null || value === undefined ? zero(shape) : read(shape, value, undefined, root)) as T;
}

function foldedNames(fields: Fields): ReadonlyMap<string, string> {
  return new Map(Object.keys(fields).map((name) => [name.toLowerCase(), name]));
}

/** Where a value is; undefined: it is the document. */
interface Place {
  readonly above: Place | undefined;
  readonly name: string;
}

function read(shape: Node, value: unknown, place: Place | undefined, root: string): unknown {
  switch (shape.kind) {
    case 'text':
      if (typeof value === 'string') return value;
      break;
    case 'choice':
      if (typeof value !== 'string') break;
      if (!shape.values.includes(value)) throw invalid(shape.refusal(value));
      return value;
    case 'flag':
      if (typeof value === 'boolean') return value;
      break;
    case 'integer':
      if (typeof value === 'number' && Number.isSafeInteger(value) && value >= shape.min && value <= shape.max) return value + 0; // no -0
      break;
    case 'words':
      return readWords(value);
    case 'list':
      if (Array.isArray(value)) return readList(shape.of, shape.length, value, place, root);
      break;
    case 'map':
      if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, orZero(shape.of, each, { above: place, name }, root)]));
      break;
    case 'record':
      if (isObject(value)) return readRecord(shape, value, place, root);
      break;
  }
  throw wrongType(value, shape.kind === 'integer', shape.go, place, root);
}

function readList(of: Node, length: number | undefined, values: readonly unknown[], place: Place | undefined, root: string): unknown[] {
  const taken = length === undefined ? values : Array.from({ length }, (_, at) => values[at]);
  return taken.map((each, at) => orZero(of, each, { above: place, name: String(at) }, root));
}

function readRecord(shape: Node & { readonly kind: 'record' }, value: object, place: Place | undefined, root: string): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [given, each] of Object.entries(value)) {
    const name = Object.hasOwn(shape.fields, given) ? given : shape.names.get(given.toLowerCase());
    if (name !== undefined && each !== null) result[name] = read(shape.fields[name]!, each, { above: place, name: given }, root);
  }
  if (shape.full) {
    for (const [name, field] of Object.entries(shape.fields)) if (field.optional !== true) result[name] ??= zero(field);
  }
  return result;
}

/** Docker's own type for a command: its messages do not say where. */
function readWords(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value) && value.every((each) => typeof each === 'string' || each === null)) return value.map((each: string | null) => each ?? '');
  throw wrongType(value, false, 'string', undefined, '');
}

function orZero(shape: Node, value: unknown, place: Place, root: string): unknown {
  return value === null || value === undefined ? zero(shape) : read(shape, value, place, root);
}

function zero(shape: Node): unknown {
  switch (shape.kind) {
    case 'text':
      return '';
    case 'choice':
      if (!shape.values.includes('')) throw invalid(shape.refusal(''));
      return '';
    case 'flag':
      return false;
    case 'integer':
      return 0;
    case 'words':
      return [];
    case 'list':
      return Array.from({ length: shape.length ?? 0 }, () => zero(shape.of));
    case 'map':
      return {};
    case 'record':
      return readRecord(shape, {}, undefined, '');
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrongType(value: unknown, wantsNumber: boolean, go: string, place: Place | undefined, root: string): Error {
  const what = typeof value === 'number' && wantsNumber ? `number ${value}` : kindOf(value);
  return invalid(`invalid JSON: json: cannot unmarshal ${what} into ${place === undefined ? 'Go value' : placeText(place, root)} of type ${go}`);
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/** `Go struct field HostConfig.Labels.a~1b`; an entry of a list is no field. */
function placeText(place: Place, root: string): string {
  let path = '';
  for (let at: Place | undefined = place; at !== undefined; at = at.above) path = `.${at.name.replaceAll('~', '~0').replaceAll('/', '~1')}${path}`;
  return `${/^\d+$/.test(place.name) ? '' : 'Go struct field '}${root}${path}`;
}
