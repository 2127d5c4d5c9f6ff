/** The functions that templates call: Go's own and docker's. What they throw becomes `error calling NAME: …`. */
import { isInt, sliceOf, truth, typeName } from './values.ts';
import { escapeHtml, escapeJs, escapeUrl } from './escape.ts';
import { goJson } from './json.ts';
import { sprint, sprintAll, sprintf, strings } from './printf.ts';
import { compareValues, equal } from './compare.ts';
import { index, length, slice } from './access.ts';

/** What an argument must be; `rest` stands for any number more of the last. */
export type Parameter = 'any' | 'string' | 'int' | 'strings';

export interface TemplateFunction {
  readonly parameters: readonly Parameter[];
  readonly rest?: Parameter;
  readonly call: (...args: never[]) => unknown;
}

/** No string of a template is longer: nothing that is shown is, and what grows without end stops. */
export const LONGEST = 1 << 24;

function repeated(count: bigint | number): string {
  return ' '.repeat(Math.max(0, Number(count)));
}

const fn = (parameters: readonly Parameter[], call: (...args: never[]) => unknown, rest?: Parameter): TemplateFunction =>
  rest === undefined ? { parameters, call } : { parameters, call, rest };

/** Words begin after a space; the rest of a word stays. */
function title(text: string): string {
  return text.replace(/(^|[^\p{L}\p{N}_'])(\p{Ll})/gu, (_, before: string, letter: string) => before + letter.toUpperCase());
}

/** `upper` and `lower` one character for one, as Go has them. */
function each(text: string, change: (char: string) => string): string {
  return [...text].map((char) => ([...change(char)].length === 1 ? change(char) : char)).join('');
}

/** Go's own; `and` and `or` are the evaluator's, since they may leave arguments alone. */
export const BUILTINS: Readonly<Record<string, TemplateFunction>> = {
  and: fn(['any'], () => undefined, 'any'),
  or: fn(['any'], () => undefined, 'any'),
  not: fn(['any'], (value: unknown) => !truth(value)),
  eq: fn(['any'], (first: unknown, ...others: unknown[]) => equal(first, others), 'any'),
  ne: fn(['any', 'any'], (a: unknown, b: unknown) => !equal(a, [b])),
  lt: fn(['any', 'any'], (a: unknown, b: unknown) => compareValues(a, b) < 0),
  le: fn(['any', 'any'], (a: unknown, b: unknown) => compareValues(a, b) <= 0),
  gt: fn(['any', 'any'], (a: unknown, b: unknown) => compareValues(a, b) > 0),
  ge: fn(['any', 'any'], (a: unknown, b: unknown) => compareValues(a, b) >= 0),
  len: fn(['any'], length),
  index: fn(['any'], index, 'any'),
  slice: fn(['any'], slice, 'any'),
  print: fn([], (...values: unknown[]) => sprintAll(values), 'any'),
  printf: fn(['string'], (text: string, ...values: unknown[]) => sprintf(text, values), 'any'),
  println: fn([], (...values: unknown[]) => `${values.map(sprint).join(' ')}\n`, 'any'),
  html: fn([], (...values: unknown[]) => escapeHtml(evaluated(values)), 'any'),
  js: fn([], (...values: unknown[]) => escapeJs(evaluated(values)), 'any'),
  urlquery: fn([], (...values: unknown[]) => escapeUrl(evaluated(values)), 'any'),
};

function evaluated(values: readonly unknown[]): string {
  return sprintAll(values.map((value) => (value === undefined ? '<no value>' : value)));
}

/** docker's, which win over Go's. */
export const DOCKER: Readonly<Record<string, TemplateFunction>> = {
  json: fn(['any'], (value: unknown) => goJson(value)),
  split: fn(['string', 'string'], (text: string, by: string) => strings(by === '' ? [...text] : text.split(by))),
  join: fn(['strings', 'string'], (items: unknown, by: string) => (sliceOf(items) ?? []).join(by)),
  title: fn(['string'], title),
  lower: fn(['string'], (text: string) => each(text, (char) => char.toLowerCase())),
  upper: fn(['string'], (text: string) => each(text, (char) => char.toUpperCase())),
  pad: fn(['string', 'int', 'int'], (text: string, before: number, after: number) => {
    if (text === '') return text;
    if (Number(before) + Number(after) > LONGEST) throw new Error('too much padding');
    return `${repeated(before)}${text}${repeated(after)}`;
  }),
  truncate: fn(['string', 'int'], (text: string, length: number) =>
    Buffer.byteLength(text) < length
      ? text
      : Buffer.from(text)
          .subarray(0, Math.max(0, Number(length)))
          .toString(),
  ),
};

/** In the row of headings docker's functions leave a heading as it is. */
export const HEADINGS: Readonly<Record<string, TemplateFunction>> = {
  json: fn(['string'], (text: string) => text),
  title: fn(['string'], (text: string) => text),
  lower: fn(['string'], (text: string) => text),
  upper: fn(['string'], (text: string) => text),
  truncate: fn(['string', 'int'], (text: string) => text),
};

/** Why a value is no such argument; undefined when it is. */
export function mismatch(value: unknown, parameter: Parameter): string | undefined {
  if (parameter === 'any') return undefined;
  const type = parameter === 'strings' ? '[]string' : parameter;
  if (value === undefined && parameter !== 'strings') return `invalid value; expected ${type}`;
  const fits =
    parameter === 'string'
      ? typeof value === 'string'
      : parameter === 'int'
        ? isInt(value)
        : value === undefined || typeName(value) === '[]string' || (Array.isArray(value) && value.length === 0);
  return fits ? undefined : `wrong type for value; expected ${type}; got ${typeName(value)}`;
}
