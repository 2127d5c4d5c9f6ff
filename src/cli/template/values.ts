/**
 * Go's values as a template sees them. JavaScript's own stand for most: whole numbers and bigint for ints, other numbers
 * for floats, arrays for slices, plain objects for `map[string]interface {}`, null for a nil interface, undefined for no
 * value at all (what a map does not have), functions for methods. The classes here stand for the rest.
 */

/** A float64 that may be whole. */
export class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** A nil pointer. */
export class Nil {
  readonly type: string;

  constructor(type: string) {
    this.type = type;
  }
}

/** A map whose values have a type: what it does not have is that type's zero for `index`. */
export class GoMap {
  readonly type: string;
  readonly entries: Readonly<Record<string, unknown>>;
  readonly zero: unknown;
  /** A nil map: only `json` tells it from an empty one. */
  readonly nil: boolean;

  constructor(type: string, entries: Readonly<Record<string, unknown>>, zero: unknown, nil = false) {
    this.type = type;
    this.entries = entries;
    this.zero = zero;
    this.nil = nil;
  }
}

/** A slice whose elements have a type. */
export class GoSlice {
  readonly type: string;
  readonly items: readonly unknown[];
  readonly nil: boolean;

  constructor(type: string, items: readonly unknown[], nil = false) {
    this.type = type;
    this.items = items;
    this.nil = nil;
  }
}

export interface StructOptions {
  /** What it prints as, if not as its fields. */
  readonly text?: () => string;
  /** What `json` makes of it, if not an object of its fields. */
  readonly json?: () => string;
  /** Fields of what is embedded in it: they are there, and not printed again. */
  readonly promoted?: readonly string[];
}

/** A struct, with its fields in their order, made when they are asked for. A field that is a function is a method. */
export class Struct {
  readonly type: string;
  readonly names: readonly string[];
  readonly #get: (name: string) => unknown;
  readonly options: StructOptions;

  constructor(type: string, names: readonly string[], get: (name: string) => unknown, options: StructOptions = {}) {
    this.type = type;
    this.names = names;
    this.#get = get;
    this.options = options;
  }

  has(name: string): boolean {
    return this.names.includes(name) || this.options.promoted?.includes(name) === true;
  }

  get(name: string): unknown {
    return this.#get(name);
  }

  /** All fields, without methods. */
  fields(): Record<string, unknown> {
    const all = this.names.map((name) => [name, this.#get(name)] as const);
    return Object.fromEntries(all.filter(([, value]) => typeof value !== 'function'));
  }
}

export type Method = (...args: unknown[]) => unknown;

/** Decoded JSON as Go has it where no type says better: numbers are floats, slices and maps are of anything. */
export function anyJson(value: unknown): unknown {
  if (typeof value === 'number') return new Float(value);
  if (Array.isArray(value)) return new GoSlice('[]interface {}', value.map(anyJson));
  if (typeof value !== 'object' || value === null) return value;
  return new GoMap('map[string]interface {}', Object.fromEntries(Object.entries(value).map(([key, each]) => [key, anyJson(each)])), null);
}

export function isInt(value: unknown): value is number | bigint {
  return typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value));
}

/** The number of a float; undefined for what is none. */
export function floatOf(value: unknown): number | undefined {
  if (value instanceof Float) return value.value;
  return typeof value === 'number' && !Number.isInteger(value) ? value : undefined;
}

/** The elements of a slice; undefined for what is none. */
export function sliceOf(value: unknown): readonly unknown[] | undefined {
  if (value instanceof GoSlice) return value.items;
  return Array.isArray(value) ? value : undefined;
}

/** The entries of a map; undefined for what is none. */
export function mapOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (value instanceof GoMap) return value.entries;
  const plain = typeof value === 'object' && value !== null && !Array.isArray(value) && Object.getPrototypeOf(value) === Object.prototype;
  return plain ? (value as Record<string, unknown>) : undefined;
}

const compareCodePoints = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** In the order in which Go prints and ranges over them. */
export function sortedKeys(entries: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(entries).sort(compareCodePoints);
}

export function isNil(value: unknown): boolean {
  return value === undefined || value === null || value instanceof Nil;
}

/** The name of a value's type. */
export function typeName(value: unknown): string {
  if (value === undefined || value === null) return 'interface {}';
  if (value instanceof Nil || value instanceof GoMap || value instanceof GoSlice || value instanceof Struct) return value.type;
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (isInt(value)) return 'int';
  if (floatOf(value) !== undefined) return 'float64';
  if (Array.isArray(value)) return value.length > 0 && value.every((each) => typeof each === 'string') ? '[]string' : '[]interface {}';
  return typeof value === 'function' ? 'func()' : 'map[string]interface {}';
}

/** Whether `if` takes it. */
export function truth(value: unknown): boolean {
  if (isNil(value)) return false;
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string') return value !== '';
  if (isInt(value)) return Number(value) !== 0;
  const float = floatOf(value);
  if (float !== undefined) return float !== 0;
  const length = sliceOf(value)?.length ?? (mapOf(value) && Object.keys(mapOf(value)!).length);
  return length === undefined || length > 0;
}
