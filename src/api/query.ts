import { invalid } from '../base/errors.ts';
import type { Query } from './contract.ts';

const FALSE = new Set(['', '0', 'no', 'false', 'none']);

/** Reads what follows the question mark. Throws `invalid` for escapes that are none, as Docker does, at the first use. */
export class SearchQuery implements Query {
  readonly #search: string;
  #values: Map<string, string[]> | undefined;

  constructor(search: string) {
    this.#search = search;
  }

  text(name: string): string | undefined {
    return this.#all().get(name)?.[0];
  }

  list(name: string): readonly string[] {
    return this.#all().get(name) ?? [];
  }

  flag(name: string, otherwise = false): boolean {
    const value = this.text(name);
    return value === undefined ? otherwise : !FALSE.has(value.trim().toLowerCase());
  }

  integer(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined || value === '') return undefined;
    if (!/^[+-]?\d+$/.test(value)) throw invalid(`strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`);
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw invalid(`strconv.Atoi: parsing ${JSON.stringify(value)}: value out of range`);
    return number;
  }

  filters(): Readonly<Record<string, readonly string[]>> {
    const value = this.text('filters');
    return value === undefined || value === '' ? {} : parseFilters(value);
  }

  #all(): Map<string, string[]> {
    if (this.#values !== undefined) return this.#values;
    const values = new Map<string, string[]>();
    for (const pair of this.#search === '' ? [] : this.#search.split('&')) {
      if (pair === '') continue;
      if (pair.includes(';')) throw invalid('invalid semicolon separator in query');
      const equals = pair.indexOf('=');
      const name = decode(equals === -1 ? pair : pair.slice(0, equals));
      const value = equals === -1 ? '' : decode(pair.slice(equals + 1));
      const before = values.get(name);
      if (before === undefined) values.set(name, [value]);
      else before.push(value);
    }
    this.#values = values;
    return values;
  }
}

function decode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  return spaced.includes('%') ? unescapeUrl(spaced) : spaced;
}

/** Percent escapes to text. Throws `invalid` with Docker's words. */
export function unescapeUrl(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(`invalid URL escape ${JSON.stringify(/%(?![0-9a-fA-F]{2}).{0,2}/s.exec(text)?.[0] ?? text)}`);
  }
}

function parseFilters(text: string): Record<string, readonly string[]> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw invalid('invalid filter');
  }
  const filters = Object.create(null) as Record<string, readonly string[]>;
  if (parsed === null) return filters;
  if (typeof parsed !== 'object' || Array.isArray(parsed)) throw invalid('invalid filter');
  const entries = Object.entries(parsed);
  // one form for all: Docker reads the document as a map of maps or as a map of lists
  const lists = entries.some(([, values]) => Array.isArray(values));
  for (const [name, values] of entries) {
    if (values === null) filters[name] = [];
    else if (lists && isListOf(values, 'string')) filters[name] = [...new Set(values as string[])];
    else if (!lists && typeof values === 'object' && isListOf(Object.values(values as object), 'boolean')) filters[name] = Object.keys(values as object);
    else throw invalid('invalid filter');
  }
  return filters;
}

function isListOf(values: unknown, type: 'string' | 'boolean'): boolean {
  return Array.isArray(values) && values.every((value) => typeof value === type);
}
